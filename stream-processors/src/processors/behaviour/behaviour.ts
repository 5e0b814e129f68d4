import type { Row } from '@millrace/schemas/cdc';
import type { ViewData } from '@millrace/schemas/views';
import { isoTime, microseconds, oneOf, optionalText, text } from '../../fields/index.ts';
import { count, definePipeline, first, highest, hours, minutes, session } from '../../operators/index.ts';

const kinds = ['view', 'search', 'add_to_cart', 'checkout', 'purchase'] as const;

interface Event {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly eventId: string;
  readonly kind: (typeof kinds)[number];
  readonly productId: string | null;
  readonly atUs: number;
}

/** A pause of so long ends a session. */
const PAUSE_US = minutes(30);
/** How long after its end a session still takes events: an app may tell later what was done without a network. */
const GRACE_US = hours(24);

/**
 * Sessions of a shop's visitors (`session:<sessionId>@<start, µs>`), told at each event, and what came too late for its session
 * (`latebehaviour:<sessionId>/<eventId>@…`): every event counts in exactly one of the two.
 */
export const behaviour = definePipeline<Pick<ViewData, 'session' | 'latebehaviour'>>(
  { name: 'behaviour', output: 'views.behaviour', stateVersion: 1 },
  (flow) => {
    const sessions = flow
      .events('behaviour.events', 'behaviour_events', { key: ['session_id', 'event_id'], value: eventOf })
      .groupBy(({ sessionId }) => sessionId)
      .measureIn(
        session(PAUSE_US),
        { at: ({ atUs }) => atUs, graceUs: GRACE_US },
        {
          opening: first<Event>((a, b) => a.atUs - b.atUs),
          lastUs: highest(({ atUs }) => atUs),
          views: count(({ kind }) => kind === 'view'),
          searches: count(({ kind }) => kind === 'search'),
          cartAdds: count(({ kind }) => kind === 'add_to_cart'),
          checkouts: count(({ kind }) => kind === 'checkout'),
          purchases: count(({ kind }) => kind === 'purchase'),
        },
      );
    sessions.results.toView('session', ({ group, startUs, result: { opening, lastUs, ...counts } }) => ({
      tenantId: opening?.tenantId ?? '',
      sessionId: group,
      startedAt: isoTime(startUs),
      lastAt: isoTime(lastUs ?? startUs),
      ...counts,
    }));
    sessions.late.toView('latebehaviour', ({ value: { atUs, ...event } }) => ({ ...event, at: isoTime(atUs) }));
  },
);

function eventOf(row: Row): Event {
  return {
    tenantId: text(row, 'tenant_id'),
    sessionId: text(row, 'session_id'),
    eventId: text(row, 'event_id'),
    kind: oneOf(row, 'kind', kinds),
    productId: optionalText(row, 'product_id'),
    atUs: microseconds(row, 'occurred_at'),
  };
}
