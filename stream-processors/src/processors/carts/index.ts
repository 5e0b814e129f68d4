export { carts } from './carts.ts';
