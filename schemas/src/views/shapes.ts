import type { Lsn } from '@millrace/kernel/position';
import type { ViewKind } from './schemas.ts';

/** The data of a view entry: exactly what stores, API and gateway hand out as JSON. Ids and money are strings, times ISO 8601 UTC. */
export type StockStatus = 'in_stock' | 'low_stock' | 'out_of_stock';

export interface StockView {
  readonly tenantId: string;
  readonly productId: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
  readonly status: StockStatus;
  readonly lowStockThreshold: number;
  /** Units sold a day over 7 and 28 days; null only in entries written before it was measured. What is left out is null, 0 or empty. */
  readonly velocity7d?: number | null;
  readonly velocity28d?: number | null;
  /** Null: nothing sells. */
  readonly daysOfCover?: number | null;
  readonly projectedStockOutAt?: string | null;
  /** Units by which levels changed more than movements say. */
  readonly unexplained?: number;
  /** `movement-mismatch`: some level changed by other than its movements. */
  readonly flags?: readonly string[];
  readonly variants: readonly {
    readonly variantId: string;
    readonly onHand: number;
    readonly reserved: number;
    readonly available: number;
    readonly warehouses: readonly {
      readonly warehouseId: string;
      readonly onHand: number;
      readonly reserved: number;
      readonly available: number;
    }[];
  }[];
}

export type StockEventName = 'LowStock' | 'OutOfStock' | 'BackInStock' | 'StockMismatch';

/** One turn of a product's stock, one entry each: the records of `events.inventory` come from these. */
export interface StockEventView {
  readonly tenantId: string;
  readonly productId: string;
  readonly name: StockEventName;
  readonly status: StockStatus;
  readonly previousStatus: StockStatus | null;
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
  readonly lowStockThreshold: number;
  readonly unexplained: number;
  readonly at: string;
}

/** A movement of stock, one entry each, for analytics. */
export interface StockMovementView {
  readonly tenantId: string;
  readonly productId: string;
  readonly movementId: string;
  readonly variantId: string;
  readonly warehouseId: string;
  readonly delta: number;
  readonly kind: string;
  readonly orderId: string | null;
  readonly at: string;
}

export interface PriceView {
  readonly tenantId: string;
  readonly productId: string;
  readonly amount: string;
  readonly currency: string;
  /** Before the rule; null only in entries written before there were rules. */
  readonly listAmount: string | null;
  readonly baseAmount: string;
  /** `base`, the scheduled price's own reason (`scheduled` where it has none), or `rule`. */
  readonly reason: string;
  /** The rule that makes the price. */
  readonly ruleId: string | null;
  readonly validUntil: string | null;
  /** When the effective price changes next without any row changing. */
  readonly nextChangeAt: string | null;
  readonly lowest30d: string;
  readonly variants: readonly {
    readonly variantId: string;
    readonly amount: string;
    readonly currency: string;
    readonly listAmount: string | null;
    readonly reason: string;
    readonly ruleId: string | null;
    readonly validFrom: string | null;
    readonly validUntil: string | null;
  }[];
}

/** One change of a variant's effective price, one entry each, for analytics. */
export interface PriceChangeView {
  readonly tenantId: string;
  readonly productId: string;
  readonly variantId: string;
  readonly amount: string;
  readonly previousAmount: string | null;
  readonly currency: string;
  readonly reason: string;
  readonly at: string;
}

export interface ProductView {
  readonly tenantId: string;
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly description: string | null;
  readonly status: string;
  readonly categoryId: string | null;
  /** Names from the root to the product's own category. */
  readonly categoryPath: readonly string[];
  readonly vendorId: string | null;
  readonly vendor: string | null;
  readonly tags: readonly { readonly tagId: string; readonly name: string; readonly value: string | null }[];
  readonly images: readonly { readonly imageId: string; readonly url: string; readonly alt: string | null }[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly variants: readonly {
    readonly variantId: string;
    readonly sku: string;
    readonly name: string | null;
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly amount: string | null;
    readonly available: number;
  }[];
  readonly price: { readonly amount: string; readonly currency: string } | null;
  readonly stock: {
    readonly available: number;
    readonly status: StockStatus;
    /** Units sold a day over 28 days; null in entries written before it was told here. */
    readonly soldPerDay?: number | null;
  };
  readonly rating: { readonly average: number | null; readonly count: number };
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface OrderItem {
  readonly itemId: string;
  readonly productId: string;
  readonly variantId: string | null;
  readonly vendorId: string | null;
  readonly name: string | null;
  readonly quantity: number;
  readonly unitPrice: string;
  readonly totalPrice: string;
}

export type PaymentStatus =
  'unpaid' | 'pending' | 'failed' | 'partially_paid' | 'paid' | 'partially_refunded' | 'refunded';
export type ShippingStatus = 'unshipped' | 'partially_shipped' | 'shipped' | 'delivered' | 'returned';

export interface OrderView {
  readonly tenantId: string;
  readonly orderId: string;
  readonly orderNumber: string;
  readonly customerId: string | null;
  readonly status: string;
  readonly currency: string;
  readonly subtotal: string;
  readonly discountAmount: string;
  readonly taxAmount: string;
  readonly shippingAmount: string;
  readonly totalAmount: string;
  readonly placedAt: string;
  readonly items: readonly OrderItem[];
  /** Statuses in the order they were reached. */
  readonly timeline: readonly { readonly status: string; readonly at: string }[];
  /**
   * What does not add up, kept visible: `illegal-transition:<from>-><to>`, `total-mismatch`, `overpaid`, `refund-exceeds-payment`,
   * `payment-currency-mismatch`, `late`.
   */
  readonly flags: readonly string[];
  readonly paymentStatus: PaymentStatus;
  readonly paidAmount: string;
  readonly refundedAmount: string;
  readonly shippingStatus: ShippingStatus;
  readonly promisedBy: string | null;
  /** It arrived after its promise, or is due and has not arrived. */
  readonly late: boolean;
  readonly payments: readonly {
    readonly paymentId: string;
    readonly provider: string;
    readonly status: string;
    readonly amount: string;
    readonly currency: string;
  }[];
  readonly refunds: readonly { readonly refundId: string; readonly status: string; readonly amount: string }[];
  readonly shipments: readonly {
    readonly shipmentId: string;
    readonly status: string;
    readonly carrier: string | null;
    readonly tracking: string | null;
    readonly shippedAt: string | null;
    readonly deliveredAt: string | null;
  }[];
  readonly returns: readonly { readonly returnId: string; readonly status: string; readonly reason: string | null }[];
}

export type SaleReason = 'sold' | 'changed' | 'cancelled' | 'removed';

/**
 * What one commit added to the sales of an order's line (or, with a minus, took from them): amounts over any of these entries add up to what is sold.
 * Category, vendor and customer are those as of the commit in which the line was first seen.
 */
export interface SaleDeltaView {
  readonly tenantId: string;
  readonly orderId: string;
  readonly itemId: string;
  readonly productId: string;
  readonly variantId: string | null;
  readonly categoryId: string | null;
  readonly category: string | null;
  readonly vendorId: string | null;
  readonly vendor: string | null;
  readonly customerId: string | null;
  readonly currency: string;
  readonly reason: SaleReason;
  /** 1: the line is sold now, -1: no longer, 0: it was and is. */
  readonly lines: number;
  readonly quantity: number;
  readonly amount: string;
  readonly placedAt: string;
  readonly at: string;
}

export interface CartView {
  readonly tenantId: string;
  readonly cartId: string;
  readonly customerId: string | null;
  /** As the table says it. */
  readonly status: string;
  /** By product, then variant. */
  readonly items: readonly { readonly productId: string; readonly variantId: string; readonly quantity: number }[];
  readonly units: number;
  readonly createdAt: string;
  readonly lastActivityAt: string;
  /** Since when it counts as left: open, with something in it, and nothing has happened to it for a day. */
  readonly abandonedAt: string | null;
}

/** What was bought in one order with a product, the best first. */
export interface RecommendationView {
  readonly tenantId: string;
  readonly productId: string;
  readonly items: readonly {
    readonly productId: string;
    /** The purchases, each worth less the longer before `asOf`; six decimals, exact. */
    readonly score: number;
    /** Orders of both that count. */
    readonly orders: number;
  }[];
  /** Where the newest week of the product's purchases begins. Scores all decay alike, so their order holds at any time after. */
  readonly asOf: string;
}

/** What a visitor did, as storefronts tell it. */
export type BehaviourKind = 'view' | 'search' | 'add_to_cart' | 'checkout' | 'purchase';

/** What was done under one session id without a pause of 30 minutes. */
export interface SessionView {
  readonly tenantId: string;
  readonly sessionId: string;
  /** Of its first event, and of its last. */
  readonly startedAt: string;
  readonly lastAt: string;
  readonly views: number;
  readonly searches: number;
  readonly cartAdds: number;
  readonly checkouts: number;
  readonly purchases: number;
}

/** An event that came after its session had closed: it is in none. */
export interface LateBehaviourView {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly eventId: string;
  readonly kind: string;
  readonly productId: string | null;
  readonly at: string;
}

export interface ViewData {
  readonly stock: StockView;
  readonly movement: StockMovementView;
  readonly stockevent: StockEventView;
  readonly price: PriceView;
  readonly pricechange: PriceChangeView;
  readonly product: ProductView;
  readonly order: OrderView;
  readonly sale: SaleDeltaView;
  readonly cart: CartView;
  readonly recommendation: RecommendationView;
  readonly session: SessionView;
  readonly latebehaviour: LateBehaviourView;
}

/**
 * An entry of a view as of the commit `lsn`. `data: null` says deleted at that commit; the tombstone follows it in the log.
 * The key is `<kind>:<id>`.
 */
export interface ViewEntry<K extends ViewKind = ViewKind> {
  readonly kind: K;
  readonly id: string;
  readonly lsn: Lsn;
  readonly tsUs: number;
  readonly data: ViewData[K] | null;
}
