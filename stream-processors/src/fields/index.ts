export {
  boolean,
  identity,
  integer,
  jsonObject,
  microseconds,
  oneOf,
  optionalMicroseconds,
  optionalText,
  text,
  without,
} from './columns.ts';
export { add, amountText, hundredths, multiply, scaled, smallestAmount } from './money.ts';
export { isoMicroseconds, isoTime } from './time.ts';
