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
  PriceChangeView,
  PriceView,
  ProductView,
  StockEventName,
  StockEventView,
  StockMovementView,
  StockStatus,
  StockView,
  ViewData,
  ViewEntry,
} from './shapes.ts';
