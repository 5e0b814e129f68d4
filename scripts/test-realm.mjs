import { types } from 'node:util';

/**
 * A test file has globals of its own, so what Node itself throws (of a socket, of fetch) would be no `Error` there, and code that looks at errors
 * would decide otherwise in a test than in production. Here it is one, as it is there.
 */
Object.defineProperty(Error, Symbol.hasInstance, {
  value(error) {
    // Subclasses inherit this.
    if (this === Error && types.isNativeError(error)) return true;
    return Function.prototype[Symbol.hasInstance].call(this, error);
  },
});
