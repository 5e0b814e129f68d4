import type { App } from '../app/app-type.ts';
import { described } from '../app/described.ts';
import { changeCart, emptyCart } from './carts.ts';
import { PostHeaders, PutHeaders, orderTakers } from './command-route.ts';
import type { Run } from './command-route.ts';
import { ChangeCart, IdParams } from './shapes.ts';

/** What is in a cart. Its id is the storefront's to make; customers have their own carts, admins any. */
export function addCartCommands(app: App, run: Run): void {
  const url = '/api/commands/carts/:id/items';
  const command = (summary: string, status: 200 | 201 = 200) =>
    ({ summary, access: orderTakers, status, tag: 'commands' }) as const;
  const line = { params: IdParams, body: ChangeCart } as const;
  app.post(
    url,
    described(command('Put something into a cart', 201), { headers: PostHeaders, ...line }),
    (request, reply) => run(request, reply, (who) => changeCart(who, request.params.id, request.body, 'add')),
  );
  app.put(
    url,
    described(command('Set how many of something are in a cart'), { headers: PutHeaders, ...line }),
    (request, reply) => run(request, reply, (who) => changeCart(who, request.params.id, request.body, 'set')),
  );
  app.delete(url, described(command('Empty a cart'), { headers: PutHeaders, params: IdParams }), (request, reply) =>
    run(request, reply, (who) => emptyCart(who, request.params.id)),
  );
}
