export { recommendations } from './recommendations.ts';
