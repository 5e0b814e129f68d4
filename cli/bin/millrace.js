#!/usr/bin/env node
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);
if (!existsSync(built)) {
  process.stderr.write('millrace: not built yet; run `npm run build` (or `npm start`, which builds first).\n');
  process.exit(1);
}
await import(built.href);
