export { incompatibility } from './check.ts';
