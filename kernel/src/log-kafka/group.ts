import { PlatformError } from '../errors/index.ts';
import type { Group, GroupOptions } from '../group/index.ts';
import { backoffDelayMs, sleep } from '../retry/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import { errorCode, errorName } from './error-codes.ts';
import {
  decodeError,
  decodeJoin,
  decodeSync,
  heartbeatRequest,
  joinRequest,
  leaveRequest,
  syncRequest,
} from './group-protocol.ts';

const backoff = { initialMs: 100, maxMs: 2_000, jitter: 0.5 };
/** How long the others are given to join a new generation. Their work goes on meanwhile. */
const REBALANCE_TIMEOUT_MS = 10_000;

/** What ends a generation: joins again, as the same member where the broker still knows it. */
class Rejoin extends Error {
  readonly known: boolean;

  constructor(code: number) {
    super(errorName(code));
    this.known = code !== errorCode.unknownMemberId;
  }
}

/** A group as Kafka's group coordinator keeps it: the classic protocol, spoken on a connection of its own. */
export class KafkaGroup implements Group {
  readonly #cluster: Cluster;
  readonly #options: GroupOptions;
  readonly #logger: Logger;
  #memberId = '';
  #changed = new AbortController();

  constructor(cluster: Cluster, options: GroupOptions, logger: Logger) {
    this.#cluster = cluster;
    this.#options = options;
    this.#logger = logger;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; !isAborted(signal);) {
      let connection: Connection | null = null;
      const cut = (): void => connection?.destroy('The group is left.');
      try {
        connection = await this.#cluster.groupCoordinator(this.#options.group);
        signal.addEventListener('abort', cut, { once: true });
        for (;;) {
          this.#changed = new AbortController();
          const generation = await this.#join(connection);
          attempt = 1;
          await this.#stay(connection, generation, signal);
        }
      } catch (error) {
        if (isAborted(signal)) break;
        if (error instanceof PlatformError && error.kind === 'config-invalid') throw error;
        if (error instanceof Rejoin && !error.known) this.#memberId = '';
        this.#logger.debug({ err: error, attempt }, 'joining the group again');
        await sleep(backoffDelayMs(attempt++, backoff), signal).catch(() => undefined);
      } finally {
        signal.removeEventListener('abort', cut);
        connection?.destroy('Done.');
      }
    }
    await this.#leave();
  }

  rejoin(): void {
    this.#changed.abort();
  }

  async #join(connection: Connection): Promise<number> {
    const { group, metadata, assign, assigned, sessionTimeoutMs } = this.#options;
    const memberId = this.#memberId;
    const content = {
      group,
      memberId,
      metadata: metadata(),
      sessionTimeoutMs,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
    };
    const patienceMs = REBALANCE_TIMEOUT_MS + sessionTimeoutMs + this.#cluster.requestTimeoutMs;
    const joined = decodeJoin(await connection.request(joinRequest(content), patienceMs));
    check(joined.errorCode);
    this.#memberId = joined.memberId;
    const members = [...joined.members].sort((a, b) => (a.id < b.id ? -1 : 1));
    const parts = joined.leader === joined.memberId ? assign(members) : new Map<string, string>();
    const request = syncRequest(group, joined.generation, joined.memberId, parts);
    const { errorCode: code, part } = decodeSync(await connection.request(request, patienceMs));
    if (code === errorCode.rebalanceInProgress) return this.#join(connection);
    check(code);
    assigned(part);
    return joined.generation;
  }

  /** Resolves when the group gathers anew, or this member has something new to say to it. */
  async #stay(connection: Connection, generation: number, signal: AbortSignal): Promise<void> {
    const { group, sessionTimeoutMs } = this.#options;
    for (;;) {
      const changed = this.#changed.signal;
      await sleep(sessionTimeoutMs / 6, AbortSignal.any([signal, changed])).catch((error: unknown) => {
        if (!changed.aborted) throw error;
      });
      if (isAborted(changed) && !isAborted(signal)) return;
      const request = heartbeatRequest(group, generation, this.#memberId);
      const code = decodeError(await connection.request(request, this.#cluster.requestTimeoutMs));
      if (code === errorCode.rebalanceInProgress) return;
      check(code);
    }
  }

  async #leave(): Promise<void> {
    if (this.#memberId === '') return;
    try {
      const connection = await this.#cluster.groupCoordinator(this.#options.group);
      await connection.request(leaveRequest(this.#options.group, this.#memberId), 1_000);
      connection.destroy('Done.');
    } catch (error) {
      // The session timeout does it.
      this.#logger.debug({ err: error }, 'the group could not be left');
    }
    this.#memberId = '';
  }
}

// A check of its own, since it changes while others wait.
const isAborted = (signal: AbortSignal): boolean => signal.aborted;

function check(code: number): void {
  if (code === errorCode.none) return;
  if (code === errorCode.inconsistentGroupProtocol || code === errorCode.invalidSessionTimeout) {
    throw new PlatformError('config-invalid', `Kafka refused a member of the group: ${errorName(code)}.`);
  }
  throw new Rejoin(code);
}
