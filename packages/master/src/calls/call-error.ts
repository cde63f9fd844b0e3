/**
 * What a function threw in another context, as its caller gets it.
 */

import { KinetinError } from '@kinetin/core';
import { mapStack } from '../stacks.js';

/**
 * A called function failed. Has the message, the `code`, the `cause` and the own properties of the
 * error that was thrown there; `stack` leads from the user's source lines there, by way of the
 * context, to the caller here.
 */
export class CallError extends KinetinError {
  /** The name of the error that was thrown, as in `TypeError`. */
  declare readonly remoteName: string;
  /** Its stack, in source lines of the user. */
  declare readonly remoteStack: string;
  /** The context in which it was thrown, as in `bastion.web1`. */
  declare readonly context: string;

  /** `sourceMapOf` finds the source map of a module by its file name in stacks. */
  constructor(error: Error, context: string, sourceMapOf: (hash: string) => string | undefined) {
    const { code } = error as { code?: unknown };
    const remoteStack = mapStack(String(error.stack), sourceMapOf);
    super('CallError', code === undefined ? 'ERR_CALL' : String(code), error.message);
    const { name: _name, code: _code, ...own } = error as Error & Record<string, unknown>;
    Object.assign(this, own, { remoteName: error.name, remoteStack, context });
    if (error.cause !== undefined) {
      const cause =
        error.cause instanceof Error
          ? new CallError(error.cause, context, sourceMapOf)
          : error.cause;
      Object.defineProperty(this, 'cause', { value: cause, configurable: true, writable: true });
    }
    const [, ...local] = String(this.stack).split('\n    at ');
    const here = ['', ...local].join('\n    at ');
    Object.defineProperty(this, 'stack', {
      value: `CallError: ${remoteStack}\n    -- in context ${context}, called from --${here}`,
      configurable: true,
      writable: true,
    });
  }
}
