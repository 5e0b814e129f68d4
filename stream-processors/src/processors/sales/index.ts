export { sales } from './sales.ts';
