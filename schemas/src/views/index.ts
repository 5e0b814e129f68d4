export { createViewCodec, deletionOfTombstone } from './codec.ts';
export type { ViewCodec } from './codec.ts';
export {
  cartSchema,
  orderSchema,
  priceChangeSchema,
  priceSchema,
  productSchema,
  lateBehaviourSchema,
  recommendationSchema,
  saleDeltaSchema,
  sessionSchema,
  stockEventSchema,
  stockMovementSchema,
  stockSchema,
  viewKinds,
} from './schemas.ts';
export type { ViewKind } from './schemas.ts';
export type {
  BehaviourKind,
  CartView,
  LateBehaviourView,
  OrderItem,
  OrderView,
  PaymentStatus,
  PriceChangeView,
  PriceView,
  ProductView,
  RecommendationView,
  SaleDeltaView,
  SaleReason,
  SessionView,
  ShippingStatus,
  StockEventName,
  StockEventView,
  StockMovementView,
  StockStatus,
  StockView,
  ViewData,
  ViewEntry,
} from './shapes.ts';
export { isInScope } from './replay-scope.ts';
export type { ReplayScope } from './replay-scope.ts';
