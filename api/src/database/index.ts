export { effectivePriceLateral } from './price-sql.ts';
