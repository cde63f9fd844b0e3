/** How long calls take while a gigabyte passes through the same hop, to a context beside theirs. */

import type { Subject } from '../support/bench.js';
import { quantile } from '../support/measure.js';

const BYTES = 1024 ** 3;
const data = Buffer.alloc(32 * 1024 * 1024, 1);

export const callDuringBulk: Subject = {
  rows: ['call-during-bulk-p99'],
  async run({ router }) {
    await using hop = await router.local({ workThread: 'lazy' });
    const [sink, answering] = await Promise.all([
      router.local({ via: hop }),
      router.local({ via: hop }),
    ]);
    await Promise.all([sink, answering].map((context) => context.call(process.cwd)));
    let isPassing = true;
    const passed = (async () => {
      for (let bytes = 0; bytes < BYTES; bytes += data.length) {
        await sink.call(Buffer.byteLength, data);
      }
    })().finally(() => {
      isPassing = false;
    });
    const taken: number[] = [];
    while (isPassing) {
      const start = performance.now();
      await answering.call(process.cwd);
      taken.push(performance.now() - start);
    }
    await passed;
    const value = quantile(taken, 0.99);
    return [{ name: 'call-during-bulk-p99', value, unit: 'ms', goal: { atMost: 10 } }];
  },
};
