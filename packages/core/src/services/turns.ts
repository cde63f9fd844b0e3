/**
 * When the calls of one service run.
 */

import type { ServiceClass } from './service.js';

/** Results of a deduplicated service that are kept. */
const MAX_KEPT_RESULTS = 1000;

/** Runs a call when its turn comes; `key` is that of all calls which are the same. */
export type Turns = (run: () => unknown, key: () => string) => unknown;

export function makeTurns({ concurrency, keepMs = 0 }: ServiceClass): Turns {
  if (concurrency === 'serial') return serial();
  if (concurrency === 'deduplicated') return deduplicated(keepMs);
  return (run) => run();
}

function serial(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const result = last.then(run);
    last = result.catch(() => {});
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
