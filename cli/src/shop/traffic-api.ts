import { randomUUID } from 'node:crypto';
import { types } from 'node:util';
import { PlatformError } from '@millrace/kernel/errors';
import { z } from '@millrace/kernel/config';
import { moneyText } from './money.ts';
import type {
  CartLine,
  OpenOrder,
  Outcome,
  Offer,
  OrderRequest,
  PriceChange,
  TagAssignment,
  TrafficTarget,
  Visit,
} from './traffic-target.ts';

const problemShape = z.object({
  type: z.string().default(''),
  title: z.string().default(''),
  detail: z.string().default(''),
});

/** How long an answer may take before it counts as an error. */
const timeoutMs = 10_000;

/** The API's commands, as an admin of the demo. The token is fetched when first needed, and again when it is refused. */
export class ApiTarget implements TrafficTarget {
  readonly #url: string;
  #token: Promise<string> | undefined;

  constructor(apiUrl: string) {
    this.#url = apiUrl.replace(/\/$/, '');
  }

  async placeOrder({ customerId, lines, cartId }: OrderRequest): Promise<string | undefined> {
    const items = lines.map(({ productId, variantId, quantity }) => ({ productId, variantId, quantity }));
    const answer = await this.#command('POST', 'orders', { customerId, items, cartId });
    return answer === undefined ? undefined : z.object({ orderId: z.string() }).parse(answer).orderId;
  }

  moveOrder({ orderId }: OpenOrder, to: string): Promise<Outcome> {
    if (to === 'paid') return this.#outcome('POST', `orders/${orderId}/payments`, { provider: 'card' });
    if (to === 'shipped') return this.#outcome('POST', `orders/${orderId}/shipments`, { carrier: 'Overland Post' });
    if (to === 'cancelled') return this.#outcome('POST', `orders/${orderId}/cancel`, { reason: 'changed my mind' });
    return this.#outcome('POST', `orders/${orderId}/status`, { status: to });
  }

  restock({ productId, variantId, warehouseId }: Offer, delta: number): Promise<Outcome> {
    return this.#outcome('POST', `products/${productId}/inventory`, {
      delta,
      variantId,
      warehouseId,
      reason: 'restock',
    });
  }

  changePrice(change: PriceChange): Promise<Outcome> {
    const amount = moneyText(change.cents);
    if (change.kind === 'base') return this.#outcome('PUT', `products/${change.productId}`, { basePrice: amount });
    const from = Date.now() + change.inMs;
    return this.#outcome('POST', `products/${change.productId}/prices`, {
      amount,
      validFrom: new Date(from).toISOString(),
      validTo: new Date(from + change.forMs).toISOString(),
      reason: 'flash sale',
    });
  }

  setTag({ productId, tagId, value }: TagAssignment): Promise<Outcome> {
    return this.#outcome('POST', `products/${productId}/tags`, { tagId, value });
  }

  async removeTag({ productId, tagId }: TagAssignment): Promise<Outcome> {
    return this.#outcome('DELETE', `products/${productId}/tags/${tagId}`);
  }

  fillCart({ cartId, customerId, productId, variantId, quantity }: CartLine): Promise<Outcome> {
    return this.#outcome('POST', `carts/${cartId}/items`, { customerId, productId, variantId, quantity });
  }

  /** As a storefront tells it: of nobody in particular, without a token. */
  async browse({ sessionId, steps }: Visit): Promise<Outcome> {
    const response = await this.#send('POST', '/api/events', { sessionId, events: steps }, {});
    if (!response.ok) throw await failure(response, 'POST events');
    await response.text();
    return 'done';
  }

  async #outcome(method: string, path: string, body?: unknown): Promise<Outcome> {
    return (await this.#command(method, path, body)) === undefined ? 'refused' : 'done';
  }

  /** The answer's body, or undefined where the shop refused (409). */
  async #command(method: string, path: string, body?: unknown): Promise<unknown> {
    const token = await this.#bearer();
    const response = await this.#send(method, `/api/commands/${path}`, body, {
      authorization: `Bearer ${token}`,
      'idempotency-key': randomUUID(),
    });
    if (response.status === 401) this.#token = undefined;
    if (response.status === 409) {
      await response.text();
      return undefined;
    }
    if (!response.ok) throw await failure(response, `${method} ${path.replaceAll(/[0-9a-f-]{36}/g, '{id}')}`);
    const text = await response.text();
    return text === '' ? {} : (JSON.parse(text) as unknown);
  }

  #bearer(): Promise<string> {
    this.#token ??= this.#fetchToken().catch((error: unknown) => {
      this.#token = undefined;
      throw error;
    });
    return this.#token;
  }

  async #fetchToken(): Promise<string> {
    const response = await this.#send('POST', '/api/demo/token', { role: 'admin' }, {});
    if (!response.ok) throw await failure(response, 'POST demo/token');
    return z.object({ token: z.string() }).parse(await response.json()).token;
  }

  async #send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
    try {
      return await fetch(`${this.#url}${path}`, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (error) {
      // fetch says only that it failed; why is in the cause.
      const cause = types.isNativeError(error) && types.isNativeError(error.cause) ? error.cause : error;
      const reason = types.isNativeError(cause) ? cause.message : String(cause);
      throw new PlatformError('engine-unreachable', `the API does not answer: ${reason}`, { cause: error });
    }
  }
}

async function failure(response: Response, what: string): Promise<PlatformError> {
  const parsed = problemShape.safeParse(await response.json().catch(() => ({})));
  const { title, detail } = parsed.success ? parsed.data : { title: '', detail: '' };
  return new PlatformError('internal', `${what} answered ${response.status} ${title} ${detail}`.trim());
}
