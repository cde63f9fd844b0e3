/** Large arguments: a buffer of some megabytes to a function that returns its length. */

import type { Context } from '@kinetin/master';
import type { Subject } from '../support/bench.js';
import { chain } from '../support/chain.js';
import { interleave, milliseconds } from '../support/measure.js';

const ROUNDS = 15;
/** As for calls: so that V8 has compiled what it will, in all processes on the way. */
const WARM_UPS = 5;
const BYTES = 32 * 1024 * 1024;
const UNIT = 'MB/s';
const data = Buffer.alloc(BYTES, 1);

export const bulk: Subject = {
  rows: ['bulk', 'bulk-five-hops'],
  async run({ router, yardsticks: { execnet } }) {
    await using child = await router.local();
    await using five = await chain(router, 5);
    const median = await interleave(
      {
        child: () => megabytesPerSecond(child),
        five: () => megabytesPerSecond(five.last),
        ...(execnet && {
          execnet: async () => BYTES / 1e6 / (await execnet.run('bulk', BYTES)),
        }),
      },
      { rounds: ROUNDS, warmUps: WARM_UPS },
    );
    return [
      {
        name: 'bulk',
        value: median.child,
        unit: UNIT,
        yardstick: execnet && 'execnet',
        yardstickValue: median.execnet,
        goal: execnet && { atLeast: 3 },
      },
      { name: 'bulk-five-hops', value: median.five, unit: UNIT, goal: { atLeast: 300 } },
    ];
  },
};

/** With {@link BYTES} bytes. */
export async function megabytesPerSecond(context: Context, bytes = data): Promise<number> {
  const taken = await milliseconds(async () => {
    const length = await context.call(Buffer.byteLength, bytes);
    if (length !== bytes.length) throw new Error(`${length} bytes arrived of ${bytes.length}`);
  });
  return bytes.length / 1e3 / taken;
}
