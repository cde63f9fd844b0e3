/** How much memory is in use: for tests that look for what is kept. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
/** Collects all garbage, now. */
export const collect = runInNewContext('gc') as () => void;

/** Bytes after which garbage is collected: when the engine would do it depends on other tests. */
const COLLECTED_BYTES = 16_000_000;

/**
 * By how many bytes this process is larger than before, at most, until `task` is over, which receives much:
 * `receivedBytes` says how much so far. Garbage is collected at set places, so that it hardly counts.
 */
export async function growthDuring(
  receivedBytes: () => number,
  task: Promise<unknown>,
): Promise<number> {
  collect();
  const before = process.memoryUsage.rss();
  let most = 0;
  let isOver = false;
  const over = task.finally(() => {
    isOver = true;
  });
  let collectedAt = receivedBytes();
  while (!isOver) {
    await nextTurn();
    if (receivedBytes() - collectedAt < COLLECTED_BYTES) continue;
    most = Math.max(most, process.memoryUsage.rss() - before);
    collect();
    collectedAt = receivedBytes();
  }
  await over;
  return Math.max(most, process.memoryUsage.rss() - before);
}

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
