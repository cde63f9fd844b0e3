/**
 * What a function threw in another context, as its caller gets it.
 */

import { fileURLToPath } from 'node:url';
import { KinetinError } from '@kinetin/core';
import { printable } from '../logs/sink.js';
import { mapStack } from '../stacks.js';

/** What marks the frames of Kinetin itself: of no use to those who read a stack. */
const CORE = ['kinetin:core'];
const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const HERE = [`${PACKAGE}dist/`, `${PACKAGE}src/`];

/** Stacks are printed as they are: what came from another machine must do no harm to a terminal. */
const shown = (stack: string): string => stack.split('\n').map(printable).join('\n');

/** Functions are called as the default export of a slice: shows them as their file knows them. */
function withOwnNames(stack: string): string {
  return stack.replace(
    /^( {4}at (?:async )?)Object\.(\S+) \[as default\] /gm,
    (_, at: string, name: string) => `${at}${/^[$_]$/.test(name) ? '<anonymous>' : name} `,
  );
}

/** Leaves out the frames whose file name contains one of `marks`. */
function withoutFrames(stack: string, marks: string[]): string {
  return stack
    .split('\n')
    .filter((line) => !(line.startsWith('    at ') && marks.some((mark) => line.includes(mark))))
    .join('\n');
}

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
    const mapped = withoutFrames(mapStack(String(error.stack), sourceMapOf), CORE);
    const remoteStack = shown(withOwnNames(mapped));
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
    const stack = withoutFrames(String(this.stack), HERE);
    const at = stack.indexOf('\n    at ');
    const here = at < 0 ? '' : stack.slice(at);
    Object.defineProperty(this, 'stack', {
      value: `CallError: ${remoteStack}\n    -- in context ${context}, called from --${here}`,
      configurable: true,
      writable: true,
    });
  }
}
