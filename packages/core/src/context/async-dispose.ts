/**
 * Pushed: part of the `context` bundle, and evaluated first in it: classes use the symbol.
 */

// As compilers define it for `await using` where the engine has none.
if (!Symbol.asyncDispose) {
  Object.defineProperty(Symbol, 'asyncDispose', { value: Symbol.for('Symbol.asyncDispose') });
}
