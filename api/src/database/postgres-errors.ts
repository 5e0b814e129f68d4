import { PlatformError } from '@millrace/kernel/errors';

/** What node-postgres throws: SQLSTATE and the names the server gives. */
interface ServerError extends Error {
  readonly code: string;
  readonly constraint?: string;
}

/** What a violated constraint means to a caller: the field and a sentence. */
const fieldOfConstraint: Readonly<Record<string, { field: string; message: string }>> = {
  products_category_id_fkey: { field: 'categoryId', message: 'names no category' },
  products_vendor_id_fkey: { field: 'vendorId', message: 'names no vendor' },
  products_base_price_check: { field: 'basePrice', message: 'must be above 0' },
  product_tags_tag_id_fkey: { field: 'tagId', message: 'names no tag' },
  inventory_warehouse_id_fkey: { field: 'warehouseId', message: 'names no warehouse' },
  inventory_variant_exists: { field: 'variantId', message: 'names no variant of this product' },
  prices_amount_check: { field: 'amount', message: 'must be above 0' },
  prices_period: { field: 'validTo', message: 'must be after validFrom' },
  prices_variant_exists: { field: 'variantId', message: 'names no variant of this product' },
  orders_customer_id_fkey: { field: 'customerId', message: 'names no customer' },
};

const conflictOfConstraint: Readonly<Record<string, string>> = {
  products_pkey: 'A product with this id exists already.',
  products_sku_unique: 'A product with this SKU exists already.',
  product_variants_pkey: 'Two variants have the same id.',
  product_variants_sku_unique: 'Two variants of the product have the same SKU.',
  payments_provider_ref_unique: 'The provider’s reference is recorded already.',
};

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  '57P01',
  '57P02',
  '57P03',
  '53300',
]);

/** Serialization failure and deadlock: the same transaction may be run again. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error instanceof PlatformError ? error.cause : error);
  return code === '40001' || code === '40P01';
}

/** The platform's error for whatever the driver threw; a PlatformError as it is. */
export function fromPostgres(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const code = codeOf(error);
  if (code === undefined) {
    return connectionLost(error)
      ? new PlatformError('engine-unreachable', 'The database does not answer.', { cause: error })
      : new PlatformError('internal', messageOf(error), { cause: error });
  }
  if (unreachable.has(code) || code.startsWith('08')) {
    return new PlatformError('engine-unreachable', 'The database does not answer.', { cause: error });
  }
  switch (code) {
    case '57014':
    case '55P03':
      return new PlatformError('store-unavailable', 'The database took too long for this request.', { cause: error });
    case '40001':
    case '40P01':
      return new PlatformError('conflict', 'Other changes got in the way: try again.', { cause: error });
    case '23505':
      return new PlatformError('conflict', conflictOfConstraint[constraintOf(error)] ?? 'It exists already.', {
        cause: error,
      });
    case '23503':
    case '23514':
      return violated(error);
    default:
      // Class 22: a value that its column cannot hold.
      return code.startsWith('22')
        ? new PlatformError('validation-failed', 'A value is outside of what can be stored.', { cause: error })
        : new PlatformError('internal', messageOf(error), { cause: error });
  }
}

function violated(error: unknown): PlatformError {
  const constraint = constraintOf(error);
  const known = fieldOfConstraint[constraint];
  const detail = known === undefined ? `The change violates ${constraint}.` : `${known.field} ${known.message}.`;
  return new PlatformError('validation-failed', detail, {
    cause: error,
    context: known === undefined ? {} : { errors: [known] },
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function constraintOf(error: unknown): string {
  return (error as ServerError).constraint ?? 'a constraint';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** node-postgres reports these without a code. */
function connectionLost(error: unknown): boolean {
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/.test(
    messageOf(error),
  );
}
