/** Calls one after another, each of which waits for the answer to the one before. */

import type { Context } from '@kinetin/master';
import type { Subject } from '../support/bench.js';
import { interleave, medianMicroseconds } from '../support/measure.js';
import { versus } from '../support/versus.js';

const ROUNDS = 31;
const CALLS = 300;

export const emptyCall: Subject = {
  rows: ['empty-call', 'empty-call-main-thread', 'empty-call-vs-execnet', 'empty-call-vs-mitogen'],
  async run({ router, yardsticks }) {
    const { pingPong, execnet, mitogen } = yardsticks;
    await using thread = await router.local({ workThread: 'eager' });
    await using main = await router.local({ workThread: 'none' });
    const median = await interleave(
      {
        pingPong: async () => (await pingPong.run('call', CALLS)) * 1e6,
        oneCore: async () => (await pingPong.run('call-one-core', CALLS)) * 1e6,
        thread: () => microsecondsPerCall(thread, CALLS),
        main: () => microsecondsPerCall(main, CALLS),
        ...(execnet && { execnet: async () => (await execnet.run('call', CALLS)) * 1e6 }),
        ...(mitogen && { mitogen: async () => (await mitogen.run('call', CALLS)) * 1e6 }),
      },
      { rounds: ROUNDS, warmUps: 8 },
    );
    const yardstick = yardsticks.pingPongName;
    const oneCore = { name: 'ping-pong-one-core', value: median.oneCore };
    const row = { unit: 'us', yardstick, yardstickValue: median.pingPong };
    return [
      { ...row, name: 'empty-call', value: median.thread, goal: { atMost: 2.8 } },
      { ...row, name: 'empty-call-main-thread', value: median.main, goal: { atMost: 1.7 } },
      { ...row, ...oneCore },
      ...versus('empty-call', 'us', median.thread, median),
    ];
  },
};

/** The median of so many calls: unlike their mean it leaves out moments of other work. */
export function microsecondsPerCall(context: Context, calls: number): Promise<number> {
  return medianMicroseconds(calls, () => context.call(process.cwd));
}
