/**
 * When the calls of one service run.
 */

import type { ServiceClass } from './service.js';
import { ServiceError } from './service-error.js';

/** Results of a deduplicated service that are kept, unless it says otherwise. */
export const MAX_KEPT_RESULTS = 1000;

/** Calls of one service that run or wait at a time, unless it says otherwise. */
export const MAX_CALLS = 10_000;

/** Runs a call when its turn comes; `key` is that of all calls which are the same. */
export type Turns = (run: () => unknown, key: () => string) => unknown;

/** Throws a ServiceError with the code ERR_SERVICE_BUSY where there are too many. */
export function makeTurns(type: ServiceClass): Turns {
  const { serviceName, concurrency, maxCalls = MAX_CALLS } = type;
  const turns =
    concurrency === 'serial'
      ? serial()
      : concurrency === 'deduplicated'
        ? deduplicated(type)
        : (run: () => unknown) => run();
  let count = 0;
  const done = () => {
    count--;
  };
  return (run, key) => {
    if (count >= maxCalls) {
      throw new ServiceError(
        'ERR_SERVICE_BUSY',
        `cannot call ${serviceName}: ${count} calls run or wait there already, as many as maxCalls ` +
          'allows; call again later',
      );
    }
    const result = turns(run, key) as PromiseLike<unknown> | undefined;
    if (!result || typeof result.then !== 'function') return result;
    count++;
    // A promise: `then` of anything else may do the work, and is called once.
    const settled = Promise.resolve(result);
    settled.then(done, done);
    return settled;
  };
}

function serial(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const result = last.then(run);
    last = result.catch(() => {
      // It is told where it is waited for.
    });
    return result;
  };
}

function deduplicated({ keepMs = 0, maxKept = MAX_KEPT_RESULTS }: ServiceClass): Turns {
  /** Of calls that run, and those that are kept. */
  const results: Map<string, Promise<unknown>> = new Map();
  /** What forgets the kept ones, the oldest first. */
  const kept: Map<string, ReturnType<typeof setTimeout>> = new Map();
  const forget = (key: string) => {
    clearTimeout(kept.get(key) as never);
    kept.delete(key);
    results.delete(key);
  };
  const keep = (key: string) => {
    if (!keepMs) return forget(key);
    const timer = setTimeout(forget, keepMs, key);
    timer.unref();
    kept.set(key, timer);
    const [oldest] = kept.keys();
    if (kept.size > maxKept) forget(oldest as string);
  };
  return (run, keyOf) => {
    const key = keyOf();
    const known = results.get(key);
    if (known) return known;
    const result = new Promise((resolve) => resolve(run()));
    results.set(key, result);
    result.then(
      () => keep(key),
      () => forget(key),
    );
    return result;
  };
}
