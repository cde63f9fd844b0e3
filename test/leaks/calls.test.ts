/** A million calls leave nothing behind, at either end. */

import { platform } from 'node:os';
import { type Context, Router } from '@kinetin/master';
import { expect } from 'chai';
import { usedBytes } from '../support/heap.js';

const BURST = 2000;
const WARM = 200_000;
const ALL = 1_000_000;
/**
 * What may differ between two moments without a leak: caches, and what the engine has optimised. The
 * smallest object that each call could leave would take 13 MB in all.
 */
const NOISE_BYTES = 8_000_000;

/** Runs in the child. */
function childBytes(): number {
  const { setFlagsFromString } = require('node:v8');
  setFlagsFromString('--expose-gc');
  require('node:vm').runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

async function callUntil(context: Context, from: number, to: number): Promise<void> {
  for (let done = from; done < to; done += BURST) {
    const calls = Array.from({ length: BURST }, () => context.call(platform));
    await Promise.all(calls);
  }
}

describe('leaks/calls', () => {
  it(`${ALL} calls take no memory that stays`, async function () {
    this.timeout(600_000);
    await using router = new Router();
    const context = await router.local();
    await callUntil(context, 0, WARM);
    const before = { here: await usedBytes(), there: await context.call(childBytes) };
    await callUntil(context, WARM, ALL);
    const after = { here: await usedBytes(), there: await context.call(childBytes) };
    expect(after.here - before.here, 'bytes in the master').to.be.below(NOISE_BYTES);
    expect(after.there - before.there, 'bytes in the child').to.be.below(NOISE_BYTES);
  });
});
