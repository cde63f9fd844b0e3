/** What each further hop adds to an empty call: a call to the end of a chain, and to its start. */

import type { Subject } from '../support/bench.js';
import { chain } from '../support/chain.js';
import { interleave } from '../support/measure.js';
import { microsecondsPerCall } from './empty-call.js';

const ROUNDS = 31;
const CALLS = 200;
const FURTHER_HOPS = 3;

export const hopLatency: Subject = {
  rows: ['hop-latency'],
  async run({ router, yardsticks }) {
    const { pingPong } = yardsticks;
    await using contexts = await chain(router, 1 + FURTHER_HOPS, { workThread: 'none' });
    const { first, last } = contexts;
    const median = await interleave(
      {
        pingPong: async () => (await pingPong.run('call', CALLS)) * 1e6,
        near: () => microsecondsPerCall(first, CALLS),
        far: () => microsecondsPerCall(last, CALLS),
      },
      { rounds: ROUNDS, warmUps: 8 },
    );
    return [
      {
        name: 'hop-latency',
        value: (median.far - median.near) / FURTHER_HOPS,
        unit: 'us',
        yardstick: yardsticks.pingPongName,
        yardstickValue: median.pingPong,
        goal: { atMost: 1.9 },
      },
    ];
  },
};
