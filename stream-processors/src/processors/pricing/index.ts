export { pricing } from './pricing.ts';
