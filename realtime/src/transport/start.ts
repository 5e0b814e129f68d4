import { PlatformError } from '@millrace/kernel/errors';
import type { Transport, TransportName, TransportOptions } from './port.ts';
import { loadUws, startUwsTransport } from './uws-transport.ts';
import { startWsTransport } from './ws-transport.ts';

/** `auto` takes uWebSockets.js where it loads, else ws. Throws `prerequisite-missing` where `uws` is asked for and does not load. */
export async function startTransport(choice: TransportName | 'auto', options: TransportOptions): Promise<Transport> {
  if (choice === 'ws') return startWsTransport(options);
  const uws = await loadUws();
  if (uws !== null) return startUwsTransport(uws, options);
  if (choice === 'auto') return startWsTransport(options);
  throw new PlatformError(
    'prerequisite-missing',
    'REALTIME_TRANSPORT=uws, but uWebSockets.js does not load here: install it (an optional dependency) or set REALTIME_TRANSPORT=ws.',
  );
}
