export { TEXT_FORMAT, chooseWireFormat, textBecauseOf } from './wire-format.ts';
export type { WireFormat } from './wire-format.ts';
export { UnprovenColumn, WireTypes } from './wire-types.ts';
