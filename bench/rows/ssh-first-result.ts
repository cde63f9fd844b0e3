/** From the start of an SSH connection to the result of the first call. */

import type { Subject } from '../support/bench.js';
import { interleave, milliseconds } from '../support/measure.js';
import { runToEnd } from '../support/yardsticks.js';
import { connectAndCall } from './ssh-round-trips.js';

const ROUNDS = 9;

export const sshFirstResult: Subject = {
  rows: ['ssh-first-result'],
  needsSsh: true,
  async run({ router, ssh }) {
    const server = await ssh();
    const args = [...server.clientArgs(), 'true'];
    const median = await interleave(
      {
        client: () => milliseconds(() => runToEnd('ssh', args)),
        kinetin: () => connectAndCall(router, server.contextOptions()),
      },
      { rounds: ROUNDS },
    );
    return [
      {
        name: 'ssh-first-result',
        value: median.kinetin,
        unit: 'ms',
        yardstick: 'ssh host true',
        yardstickValue: median.client,
        goal: { atMost: 0.85 },
      },
    ];
  },
};
