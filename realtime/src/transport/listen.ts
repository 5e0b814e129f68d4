import type { Server } from 'node:net';
import { PlatformError } from '@millrace/kernel/errors';

interface Address {
  readonly host: string;
  readonly port: number;
}

export function portInUse({ host, port }: Address): PlatformError {
  return new PlatformError('port-in-use', `Port ${port} of ${host} is in use: end that program, or set REALTIME_PORT.`);
}

/** Throws `port-in-use`. */
export function listenOn(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? portInUse(address) : error);
    });
    server.listen(address.port, address.host, resolve);
  });
}
