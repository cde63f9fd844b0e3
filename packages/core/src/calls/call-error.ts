/**
 * What a function threw in another context, as its caller gets it.
 */

import { KinetinError } from '../errors.js';
import { printable } from '../wire/printable.js';
import type { CallHost } from './host.js';

/** Leaves out the frames whose file name contains one of `marks`. */
export function withoutFrames(stack: string, marks: readonly string[]): string {
  return stack
    .split('\n')
    .filter((line) => !(line.startsWith('    at ') && marks.some((mark) => line.includes(mark))))
    .join('\n');
}

/** Slices give functions without a name one of a character: shows them as their file knows them. */
export function withOwnNames(stack: string): string {
  return stack.replace(/^( {4}at (?:async )?)[$_](?: \[as default\])? \(/gm, '$1<anonymous> (');
}

/**
 * A called function failed. Has the message, the `code`, the `cause` and the own properties of the
 * error that was thrown there; `stack` leads from the user's source lines there, by way of the
 * context, to the caller here, where that awaits `call` itself.
 */
export class CallError extends KinetinError {
  /** The name of the error that was thrown, as in `TypeError`. */
  declare readonly remoteName: string;
  /** Its stack, in source lines of the user. */
  declare readonly remoteStack: string;
  /** The context in which it was thrown, as in `bastion.web1`. */
  declare readonly context: string;

  constructor(error: Error, context: string, host: CallHost) {
    const { code } = error as { code?: unknown };
    const remoteStack = host.remoteStack(String(error.stack));
    super('CallError', code === undefined ? 'ERR_CALL' : String(code), error.message);
    const { name: _name, code: _code, ...own } = error as Error & Record<string, unknown>;
    Object.assign(this, own, { remoteName: printable(String(error.name)), remoteStack, context });
    if (error.cause !== undefined) {
      const { cause } = error;
      Object.defineProperty(this, 'cause', {
        value: cause instanceof Error ? new CallError(cause, context, host) : cause,
        configurable: true,
        writable: true,
      });
    }
    const stack = host.localStack(String(this.stack));
    const at = stack.indexOf('\n    at ');
    const here = at < 0 ? '' : stack.slice(at);
    Object.defineProperty(this, 'stack', {
      value: `CallError: ${remoteStack}\n    -- in context ${context}, called from --${here}`,
      configurable: true,
      writable: true,
    });
  }
}
