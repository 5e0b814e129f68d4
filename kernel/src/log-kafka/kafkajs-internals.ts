/**
 * The one file that reaches into kafkajs (pinned exactly): its connection with TLS, SASL and the handshake. Once authenticated, the socket is
 * taken over and kafkajs is out of the way; everything above it is our own.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { SASLOptions } from 'kafkajs';
import type { ConnectionOptions } from 'node:tls';
import type { Logger } from '../telemetry/index.ts';
import { kafkajsLogCreator } from '../log-kafkajs/index.ts';

export interface SocketOptions {
  readonly clientId: string;
  readonly ssl?: boolean | ConnectionOptions;
  readonly sasl?: SASLOptions;
  readonly connectTimeoutMs: number;
  readonly logger: Logger;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

interface KafkajsConnection {
  socket?: Socket;
  readonly requestQueue: { destroy(): void };
}

interface KafkajsPool {
  readonly pool: readonly KafkajsConnection[];
}

interface KafkajsBroker {
  connect(): Promise<void>;
}

const require = createRequire(import.meta.url);
const Broker = require('kafkajs/src/broker') as new (options: object) => KafkajsBroker;
const poolBuilder = require('kafkajs/src/cluster/connectionPoolBuilder') as (options: object) => {
  build(address: Address): Promise<KafkajsPool>;
};
const socketFactory = require('kafkajs/src/network/socketFactory') as () => unknown;
const { createLogger, LEVELS } = require('kafkajs/src/loggers') as {
  createLogger: (options: object) => unknown;
  LEVELS: Readonly<Record<'ERROR', number>>;
};

/** Opens an authenticated socket to one broker, without listeners, undelayed. Rejects with kafkajs's error. */
export async function openSocket(address: Address, options: SocketOptions): Promise<Socket> {
  const logger = createLogger({ level: LEVELS.ERROR, logCreator: kafkajsLogCreator(options.logger) });
  const builder = poolBuilder({
    logger,
    socketFactory: socketFactory(),
    brokers: [`${address.host}:${address.port}`],
    ssl: options.ssl === false ? null : (options.ssl ?? null),
    sasl: options.sasl ?? null,
    clientId: options.clientId,
    connectionTimeout: options.connectTimeoutMs,
    requestTimeout: options.connectTimeoutMs,
    enforceRequestTimeout: true,
  });
  const pool = await builder.build(address);
  const broker = new Broker({ connectionPool: pool, logger, authenticationTimeout: options.connectTimeoutMs });
  const connection = pool.pool[0];
  try {
    await broker.connect();
  } catch (error) {
    connection?.socket?.destroy();
    connection?.requestQueue.destroy();
    throw error;
  }
  const socket = connection?.socket;
  if (socket === undefined) throw new Error('kafkajs connected without a socket.');
  connection?.requestQueue.destroy();
  for (const event of ['data', 'end', 'error', 'timeout']) socket.removeAllListeners(event);
  socket.setNoDelay(true);
  return socket;
}
