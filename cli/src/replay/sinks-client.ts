import { PlatformError } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import type { ReplayScope } from '@millrace/schemas/views';
import { controlRequest } from '../control-request.ts';

/** A replay as a sink tells of it. */
export interface SinkReplay {
  readonly sink: string;
  readonly view: string;
  readonly state: 'running' | 'done' | 'cancelled';
  readonly read: number;
  readonly records: number;
  readonly given: number;
  readonly etaSeconds: number | null;
}

export interface ReplayOrder {
  readonly view: string;
  /** One sink alone, as /status names it; null for every one that holds the view. */
  readonly sink: string | null;
  readonly scope: ReplayScope;
  readonly rate: number | null;
}

/** The sinks' control port. Throws `engine-unreachable` where none answers; what they refuse comes with its own kind. */
export class SinksClient {
  readonly #url: string;

  constructor(sinksUrl: string) {
    this.#url = sinksUrl.replace(/\/$/, '');
  }

  /** The sinks that replay now. */
  async replay({ view, sink, scope, rate }: ReplayOrder): Promise<readonly string[]> {
    const { fromLsn, sinceMs, aggregates, tenant } = scope;
    const body = {
      view,
      ...(sink === null ? {} : { sink }),
      ...(fromLsn === null ? {} : { from: lsnText(fromLsn) }),
      ...(sinceMs === null ? {} : { since: new Date(sinceMs).toISOString() }),
      ...(aggregates === null ? {} : { aggregates: [...aggregates] }),
      ...(tenant === null ? {} : { tenant }),
      ...(rate === null ? {} : { rate }),
    };
    return (await this.#ask<{ sinks: string[] }>('/control/replay', body)).sinks;
  }

  async cancel(view: string, sink: string | null): Promise<readonly string[]> {
    const body = { view, ...(sink === null ? {} : { sink }) };
    return (await this.#ask<{ sinks: string[] }>('/control/replay-cancel', body)).sinks;
  }

  /** Of those sinks. Throws `conflict` where one of them has forgotten it: its process was started again. */
  async progress(names: readonly string[]): Promise<readonly SinkReplay[]> {
    const { sinks } = await this.#ask<{ sinks: { sink: string; replay?: Omit<SinkReplay, 'sink'> }[] }>('/status');
    return names.map((name) => {
      const replay = sinks.find(({ sink }) => sink === name)?.replay;
      if (replay === undefined)
        throw new PlatformError('conflict', `${name} was started again and has forgotten the replay: ask again`);
      return { sink: name, ...replay };
    });
  }

  #ask<T>(path: string, body?: Readonly<Record<string, unknown>>): Promise<T> {
    return controlRequest<T>({
      url: this.#url + path,
      who: 'the sinks',
      timeoutMs: 10_000,
      silence: `no sinks answer at ${this.#url} (SINKS_URL).`,
      ...(body === undefined ? {} : { body }),
    });
  }
}
