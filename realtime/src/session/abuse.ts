import type { ErrorCode, ProtocolLimits } from '../protocol/index.ts';
import { strikeCodes } from '../protocol/index.ts';

const FORGIVEN_EACH_MS = 10_000;

/** How often a client may ask, and how often it may be wrong. The clock is the caller's. */
export class AbuseGuard {
  readonly #limits: ProtocolLimits;
  #tokens: number;
  #strikes = 0;
  #atMs: number;

  constructor(limits: ProtocolLimits, nowMs: number) {
    this.#limits = limits;
    this.#tokens = limits.messageBurst;
    this.#atMs = nowMs;
  }

  /** Whether one more message is within the rate. */
  admits(nowMs: number): boolean {
    this.#pass(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Notes an error; the close reason once there were too many. */
  strike(code: ErrorCode, nowMs: number): 'protocol' | 'rateLimited' | null {
    if (!strikeCodes.has(code)) return null;
    this.#pass(nowMs);
    this.#strikes += 1;
    if (this.#strikes <= this.#limits.maxStrikes) return null;
    return code === 'rate-limited' ? 'rateLimited' : 'protocol';
  }

  #pass(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#tokens = Math.min(
      this.#limits.messageBurst,
      this.#tokens + (elapsedMs / 1000) * this.#limits.messagesPerSecond,
    );
    this.#strikes = Math.max(0, this.#strikes - elapsedMs / FORGIVEN_EACH_MS);
  }
}
