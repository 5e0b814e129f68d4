/** CRC-32C of bytes, as a number ≥ 0: what notices that they are not what was written. */
export { crc32c } from '@node-rs/crc32';
