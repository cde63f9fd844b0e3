/** Deadlines that are over when a test says so, and not when a slow machine has taken too long. */

export interface HeldTimers extends Disposable {
  /** Those that were set and neither fired nor cleared. */
  readonly waiting: number;
  /** Lets all that wait be over, now. */
  fire(): void;
}

/**
 * Holds back every timer of exactly `ms` milliseconds that this process sets from now on: it fires by
 * `fire` and not by itself. Choose a number that nothing else has. Other timers go on as they are. At its
 * disposal what was held is forgotten.
 */
export function holdTimers(ms: number): HeldTimers {
  const original = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  const held = new Map<unknown, () => void>();
  globalThis.setTimeout = ((
    run: (...args: unknown[]) => void,
    after?: number,
    ...args: unknown[]
  ) => {
    if (after !== ms) return original.setTimeout(run, after, ...args);
    const timer = original.setTimeout(() => {}, 2 ** 31 - 1).unref();
    held.set(timer, () => run(...args));
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = ((timer) => {
    held.delete(timer);
    original.clearTimeout(timer);
  }) as typeof clearTimeout;
  return {
    get waiting() {
      return held.size;
    },
    fire() {
      for (const [timer, run] of [...held]) {
        globalThis.clearTimeout(timer as NodeJS.Timeout);
        run();
      }
    },
    [Symbol.dispose]() {
      Object.assign(globalThis, original);
      for (const timer of held.keys()) clearTimeout(timer as NodeJS.Timeout);
    },
  };
}
