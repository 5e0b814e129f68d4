import { processors } from '../processors/index.ts';
import { sourceTables } from './source-tables.ts';

/** `millrace rebuild --from source` runs this: by view log, the tables that it is made from, as JSON. */
const sources = processors.map(({ output }) => [output, sourceTables(processors, output)] as const);
process.stdout.write(JSON.stringify(Object.fromEntries(sources)));
