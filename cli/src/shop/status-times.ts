/** The road of an order that goes well. */
export const statusRoad = ['pending', 'confirmed', 'paid', 'fulfilling', 'shipped', 'delivered'] as const;
export type RoadStatus = (typeof statusRoad)[number];

export interface StatusTime {
  readonly status: RoadStatus;
  /** ms since 1970. */
  readonly at: number;
}

const minute = 60_000;

/**
 * When an order took each status, up to `end`: later ones have not happened. Payment is always reached.
 * Times only grow, given `placedAt` < `shippedAt` − 1 h < `deliveredAt`.
 */
export function statusesUntil(
  placedAt: number,
  shippedAt: number,
  deliveredAt: number,
  end: number,
): readonly StatusTime[] {
  const road: readonly StatusTime[] = [
    { status: 'pending', at: placedAt },
    { status: 'confirmed', at: placedAt + 2 * minute },
    { status: 'paid', at: placedAt + 9 * minute },
    { status: 'fulfilling', at: placedAt + 45 * minute },
    { status: 'shipped', at: shippedAt },
    { status: 'delivered', at: deliveredAt },
  ];
  return road.filter(({ at }, index) => index <= 2 || at < end);
}
