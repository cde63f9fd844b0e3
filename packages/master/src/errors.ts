/**
 * The master's own error classes: both are thrown before anything is sent. docs/errors.md explains
 * every code. Messages read "what failed: why; what to do".
 */
import { KinetinError } from '@kinetin/core';

/** A name that a function uses and that cannot travel with it. Positions count from 1. */
export interface FreeIdentifier {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A function cannot be cut out of its file: ERR_NOT_CALLABLE or ERR_FREE_IDENTIFIER. */
export class SliceError extends KinetinError {
  /** The names in the way, with ERR_FREE_IDENTIFIER. */
  declare readonly identifiers?: readonly FreeIdentifier[];

  constructor(code: string, message: string, identifiers?: readonly FreeIdentifier[]) {
    super('SliceError', code, message, identifiers && { identifiers });
  }
}

/** The modules that a function needs cannot be bundled: ERR_BUNDLE, ERR_NATIVE_ADDON or ERR_DENIED. */
export class BundleError extends KinetinError {
  /** What a plugin threw, with ERR_BUNDLE. */
  declare readonly cause?: unknown;

  constructor(code: string, message: string, cause?: unknown) {
    super('BundleError', code, message);
    if (cause === undefined) return;
    Object.defineProperty(this, 'cause', { value: cause, configurable: true, writable: true });
  }
}
