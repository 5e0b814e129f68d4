export { createViewCodec, deletionOfTombstone } from './codec.ts';
export type { ViewCodec } from './codec.ts';
export {
  orderSchema,
  priceChangeSchema,
  priceSchema,
  productSchema,
  stockEventSchema,
  stockMovementSchema,
  stockSchema,
  viewKinds,
} from './schemas.ts';
export type { ViewKind } from './schemas.ts';
export type {
  OrderItem,
  OrderView,
  PaymentStatus,
  PriceChangeView,
  PriceView,
  ProductView,
  ShippingStatus,
  StockEventName,
  StockEventView,
  StockMovementView,
  StockStatus,
  StockView,
  ViewData,
  ViewEntry,
} from './shapes.ts';
