/**
 * Pushed: part of the `thread` bundle; runs where user code runs.
 *
 * Results that go on: a generator stays here, and its caller calls its methods one by one.
 */

import type { Router } from '../routing/router.js';
import { type Endpoints, GENERATOR } from '../wire/endpoints.js';
import type { Dispatcher } from './dispatcher.js';

/** A generator that stays, in the place of the result. */
class Kept {
  constructor(readonly id: number) {}
}

/** Replaces a result that is a generator by what travels in its place. */
export function installGenerators(
  router: Router,
  dispatcher: Dispatcher,
  endpoints: Endpoints,
): void {
  endpoints.travels(Kept, GENERATOR, ({ id }) => id);
  dispatcher.keep = (result) => {
    if (!/^\[object (Async)?Generator\]$/.test(Object.prototype.toString.call(result)))
      return result;
    // A handle, though nobody listens: no other thread of this context ever has the same.
    const id = router.listen({ onMessage() {} });
    const generator = result as AsyncGenerator;
    const step = (name: 'next' | 'return' | 'throw') => async (value: unknown) => {
      let isDone: boolean | undefined = true;
      try {
        const item = await generator[name](value as never);
        isDone = item.done;
        return item;
      } finally {
        if (isDone) {
          dispatcher.kept.delete(id);
          router.unlisten(id);
        }
      }
    };
    dispatcher.kept.set(id, { next: step('next'), return: step('return'), throw: step('throw') });
    return new Kept(id);
  };
}
