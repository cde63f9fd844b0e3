/**
 * When the calls of one service run.
 */

import type { ServiceClass } from './service.js';
import { ServiceError } from './service-error.js';

/** Results of a deduplicated service that are kept. */
const MAX_KEPT_RESULTS = 1000;

/** Calls of one serial service that wait for their turn; more are refused, not queued. */
export const MAX_WAITING_CALLS = 10_000;

/** Runs a call when its turn comes; `key` is that of all calls which are the same. */
export type Turns = (run: () => unknown, key: () => string) => unknown;

export function makeTurns({ serviceName, concurrency, keepMs = 0 }: ServiceClass): Turns {
  if (concurrency === 'serial') return serial(serviceName);
  if (concurrency === 'deduplicated') return deduplicated(keepMs);
  return (run) => run();
}

function serial(name: string): Turns {
  let last: Promise<unknown> = Promise.resolve();
  /** Calls that run or wait. */
  let count = 0;
  const done = () => {
    count--;
  };
  return (run) => {
    if (count > MAX_WAITING_CALLS) {
      throw new ServiceError(
        'ERR_SERVICE_BUSY',
        `cannot call ${name}: ${MAX_WAITING_CALLS} calls wait for their turn; call again later`,
      );
    }
    count++;
    const result = last.then(run);
    last = result.then(done, done);
    return result;
  };
}

function deduplicated(keepMs: number): Turns {
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
    if (kept.size > MAX_KEPT_RESULTS) forget(oldest as string);
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
