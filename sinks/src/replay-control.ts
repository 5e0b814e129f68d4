import { z } from '@millrace/kernel/config';
import { controlBody } from '@millrace/kernel/lifecycle';
import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromText } from '@millrace/kernel/position';
import { viewNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { ReplayRequest, SinkRunner } from './runner/index.ts';

type Body = Readonly<Record<string, unknown>>;
type ReplayingSink = Pick<SinkRunner, 'name' | 'views' | 'status' | 'replay' | 'cancelReplay'>;

const asked = z.strictObject({
  view: z.enum(viewNames as readonly [ViewName, ...ViewName[]]),
  /** One sink alone, as /status names it. */
  sink: z.string().min(1).max(100).optional(),
});
const replay = asked.extend({
  from: z
    .string()
    .regex(/^\d{20}$/, 'a position of 20 digits')
    .optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  aggregates: z.array(z.string().min(1).max(200)).min(1).max(500).optional(),
  tenant: z.string().min(1).max(200).optional(),
  rate: z.number().positive().optional(),
});

/**
 * `replay`: the sinks of a view are given entries of its log again. `replay-cancel`: no more of them. Both answer which sinks it was. Null for
 * another action. Throws `validation-failed`, `not-found` where no sink here holds the view, `conflict` while a replay goes on in one of them.
 */
export function replayAction(sinks: readonly ReplayingSink[], action: string, body: Body): { sinks: string[] } | null {
  switch (action) {
    case 'replay': {
      const { view, sink, ...of } = controlBody(replay, body);
      const chosen = sinksOf(sinks, view, sink);
      const busy = chosen.filter((one) => one.status().replay?.state === 'running').map(({ name }) => name);
      if (busy.length > 0)
        throw new PlatformError('conflict', `a replay goes on in ${busy.join(', ')}: cancel it, or wait for its end`);
      for (const one of chosen) one.replay(requestOf({ view, ...of }));
      return { sinks: chosen.map(({ name }) => name) };
    }
    case 'replay-cancel': {
      const { view, sink } = controlBody(asked, body);
      const chosen = sinksOf(sinks, view, sink);
      for (const one of chosen) one.cancelReplay();
      return { sinks: chosen.map(({ name }) => name) };
    }
    default:
      return null;
  }
}

function requestOf({ view, from, since, aggregates, tenant, rate }: z.infer<typeof replay>): ReplayRequest {
  return {
    view,
    fromLsn: from === undefined ? null : lsnFromText(from),
    sinceMs: since === undefined ? null : Date.parse(since),
    aggregates: aggregates === undefined ? null : new Set(aggregates),
    tenant: tenant ?? null,
    rate: rate ?? null,
  };
}

function sinksOf(sinks: readonly ReplayingSink[], view: ViewName, name: string | undefined): ReplayingSink[] {
  const chosen = sinks.filter((sink) => sink.views.includes(view) && (name === undefined || sink.name === name));
  if (chosen.length === 0) {
    const there = sinks.filter(({ views }) => views.includes(view)).map((sink) => sink.name);
    throw new PlatformError('not-found', `no such sink holds ${view} here; these do: ${there.join(', ') || 'none'}`);
  }
  return chosen;
}
