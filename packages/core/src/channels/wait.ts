/**
 * Waiting that can end: by a value, a deadline or an abort.
 */

import { invalidArgument, shown } from '../arguments.js';
import { KinetinError } from '../errors.js';

/** The longest that a timer can wait; longer ones would end at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** What everything that waits takes. */
export interface WaitOptions {
  /** Milliseconds; without it, and beyond 24 days, waits as long as it takes. */
  timeout?: number | undefined;
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** A wait was not over in time. */
export class TimeoutError extends KinetinError {
  constructor(message: string) {
    super('TimeoutError', 'ERR_TIMEOUT', message);
  }
}

/**
 * Runs `start`, whose callbacks settle the wait; when the deadline or the signal settles it, `stop`
 * is called with the reason, once. Never leaves a timer or a listener behind. Rejects with a TypeError,
 * code ERR_INVALID_ARG, where `timeout` or `signal` is none, or misspelt. `what` is made where it is needed.
 */
export function wait<Value>(
  options: WaitOptions,
  what: string | (() => string),
  start: (resolve: (value: Value) => void, reject: (reason: unknown) => void) => void,
  stop: (reason: unknown) => void,
): Promise<Value> {
  const { timeout, signal } = options || {};
  return new Promise((resolve, reject) => {
    const refuse = (message: string) => {
      const error = invalidArgument(message);
      stop(error);
      reject(error);
    };
    // A deadline that is lost is a hang.
    if (Object(options) !== options) {
      return refuse(`a wait takes { timeout, signal }, not ${shown(options)}`);
    }
    const wrong = Object.keys(options).find((name) =>
      /^(?!timeout$|signal$)([tT]im|[sS]ig)/.test(name),
    );
    if (wrong) return refuse(`there is no option ${wrong}; did you mean timeout, or signal?`);
    if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0)) {
      return refuse(`timeout must be a number of ms, 0 or more, not ${shown(timeout)}`);
    }
    if (signal && typeof signal.addEventListener !== 'function') {
      return refuse('signal must be an AbortSignal, as in new AbortController().signal');
    }
    if (signal?.aborted) {
      stop(signal.reason);
      return reject(signal.reason);
    }
    const settle =
      <Result>(callback: (result: Result) => void) =>
      (result: Result) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        callback(result);
      };
    const fail = settle(reject);
    const give = (reason: unknown) => {
      fail(reason);
      stop(reason);
    };
    const abort = () => give(signal?.reason);
    const timer =
      timeout === undefined || timeout > MAX_TIMEOUT_MS
        ? undefined
        : setTimeout(() => {
            const late = typeof what === 'string' ? what : what();
            give(new TimeoutError(`${late} was not over after ${timeout} ms`));
          }, timeout);
    signal?.addEventListener('abort', abort);
    start(settle(resolve), fail);
  });
}
