/** How much memory is in use: for tests that look for what is kept. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
/** Collects all garbage, now. */
export const collect = runInNewContext('gc') as () => void;

/** Bytes of living objects and of what their buffers hold; buffers are freed some time after them. */
export async function usedBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
    await nextTurn();
  }
  return least;
}
