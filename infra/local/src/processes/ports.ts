import { createServer } from 'node:net';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Problem } from './problem.ts';
import { commandLineOf } from './identity.ts';
import type { PortUse } from './spec.ts';

/** Whether a listener can be opened on this port of 127.0.0.1 now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** What listens on a port. */
export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

/** Finds the listener of a port, as far as the system lets us see it (Linux, own processes or root). */
export function holderOf(port: number): PortHolder | undefined {
  try {
    const inodes = new Set(
      ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(readFileSync(table, 'utf8'), port)),
    );
    if (inodes.size === 0) return undefined;
    for (const entry of readdirSync('/proc')) {
      if (/^\d+$/.test(entry) && holdsSocket(entry, inodes))
        return { pid: Number(entry), command: commandLineOf(Number(entry)) };
    }
  } catch {
    // Not Linux, or not allowed to look: the sentence does without.
  }
  return undefined;
}

/** Socket inodes that listen on `port`, out of the text of /proc/net/tcp. */
export function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === '0A')
    .map((fields) => fields[9] ?? '');
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        return inode !== undefined && inodes.has(inode);
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

/** The sentence for a port that is taken. */
export function portTakenSentence(title: string, use: PortUse, holder: PortHolder | undefined): string {
  const by = holder === undefined ? 'another program' : `process ${holder.pid} (${holder.command.slice(0, 80)})`;
  return `${title} cannot start: port ${use.port} is in use by ${by}. End that program, or move ${title} to another port with ${use.variable}.`;
}

/** @throws Problem when one of the ports is taken. */
export async function refuseTakenPorts(title: string, uses: readonly PortUse[]): Promise<void> {
  for (const use of uses) {
    if (!(await isPortFree(use.port))) throw new Problem(portTakenSentence(title, use, holderOf(use.port)));
  }
}
