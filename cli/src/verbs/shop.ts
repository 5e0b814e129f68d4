import { openPool } from '@millrace/database/connection';
import { loadConfig } from '@millrace/kernel/config';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT } from '../output.ts';
import { seedShop, traffic } from '../shop/index.ts';
import { numberAboveZero, share, wholeNumber } from './options.ts';

export const seedVerb: Verb = {
  name: 'seed',
  summary: 'amplify the shop: seeded products, customers, stock, prices and orders',
  define(command) {
    command.requiredOption('--products <n>', 'products to make');
    command.requiredOption('--orders <n>', 'orders to make');
    command.option('--seed <text>', 'the same seed makes the same shop', 'millrace');
  },
  async run(options, _argument, out) {
    const pool = openPool({ connectionString: loadConfig(cliSettings).databaseUrl, max: 4 });
    try {
      const result = await seedShop(pool, {
        products: wholeNumber(options['products'], '--products', 0),
        orders: wholeNumber(options['orders'], '--orders', 0),
        seed: String(options['seed']),
        onProgress: ({ stage, done, total }) => out.note(`${stage}: ${done} of ${total}`),
      });
      out.result(result, (made) => JSON.stringify(made));
      return EXIT.done;
    } finally {
      await pool.end();
    }
  },
};

export const trafficVerb: Verb = {
  name: 'traffic',
  summary: 'place orders, restock, change prices and move orders on, by the API and for a share by plain SQL',
  define(command) {
    command.option('--tps <n>', 'steps a second', '20');
    command.option('--seconds <n>', 'how long', '60');
    command.option('--share <0..1>', 'share by plain SQL, as other programs write', '0.3');
    command.option('--seed <text>', 'seed of what is drawn by chance', 'millrace');
  },
  async run(options, _argument, out) {
    const config = loadConfig(cliSettings);
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort(new Error('stopped by SIGINT')));
    process.once('SIGTERM', () => stop.abort(new Error('stopped by SIGTERM')));
    const result = await traffic({
      tps: numberAboveZero(options['tps'], '--tps'),
      seconds: numberAboveZero(options['seconds'], '--seconds'),
      apiUrl: config.apiUrl,
      databaseUrl: config.databaseUrl,
      share: share(options['share'], '--share'),
      seed: String(options['seed']),
      signal: stop.signal,
    });
    out.result(result, (totals) => JSON.stringify(totals, null, 2));
    return result.errors > 0 ? EXIT.failed : EXIT.done;
  },
};
