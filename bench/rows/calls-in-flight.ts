/** Calls that are made at once: how many are answered in a second. */

import type { Context } from '@kinetin/master';
import type { Subject } from '../support/bench.js';
import { interleave, milliseconds } from '../support/measure.js';
import { versus } from '../support/versus.js';

const ROUNDS = 15;
const CALLS = 2000;
const UNIT = 'calls/s';

export const callsInFlight: Subject = {
  rows: [
    'calls-in-flight',
    'calls-in-flight-main-thread',
    'calls-in-flight-vs-node-ipc',
    'calls-in-flight-vs-mitogen',
  ],
  async run({ router, yardsticks }) {
    const { nodeIpc, execnet, mitogen } = yardsticks;
    await using thread = await router.local({ workThread: 'eager' });
    await using main = await router.local({ workThread: 'none' });
    const median = await interleave(
      {
        thread: () => callsPerSecond(thread),
        main: () => callsPerSecond(main),
        ipc: async () => CALLS / (await nodeIpc.run('in-flight', CALLS)),
        ...(execnet && { execnet: async () => CALLS / (await execnet.run('in-flight', CALLS)) }),
        ...(mitogen && { mitogen: async () => CALLS / (await mitogen.run('in-flight', CALLS)) }),
      },
      { rounds: ROUNDS, warmUps: 5 },
    );
    const row = { unit: UNIT, yardstick: 'execnet', yardstickValue: median.execnet };
    const goal = execnet && { atLeast: 1.5 };
    return [
      { ...row, name: 'calls-in-flight', value: median.thread, goal },
      { ...row, name: 'calls-in-flight-main-thread', value: median.main },
      {
        name: 'calls-in-flight-vs-node-ipc',
        value: median.thread,
        unit: UNIT,
        yardstick: 'Node IPC',
        yardstickValue: median.ipc,
      },
      ...versus('calls-in-flight', UNIT, median.thread, { mitogen: median.mitogen }),
    ];
  },
};

async function callsPerSecond(context: Context): Promise<number> {
  const taken = await milliseconds(() =>
    Promise.all(Array.from({ length: CALLS }, () => context.call(process.cwd))),
  );
  return (CALLS / taken) * 1000;
}
