export { behaviour } from './behaviour.ts';
