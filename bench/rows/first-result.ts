/** From the start of a local child to the result of its first call. */

import type { WorkThreadMode } from '@kinetin/master';
import type { Bench, Subject } from '../support/bench.js';
import { interleave, milliseconds } from '../support/measure.js';
import { versus } from '../support/versus.js';
import { runToEnd } from '../support/yardsticks.js';

const ROUNDS = 15;

export const firstResult: Subject = {
  rows: [
    'first-result',
    'first-result-main-thread',
    'first-result-vs-execnet',
    'first-result-vs-mitogen',
  ],
  async run(bench) {
    const { execnet, mitogen } = bench.yardsticks;
    const median = await interleave(
      {
        node: () => milliseconds(() => runToEnd(process.execPath, ['-e', '0'])),
        thread: () => startAndCall(bench, 'eager'),
        main: () => startAndCall(bench, 'none'),
        ...(execnet && { execnet: async () => (await execnet.run('first-result', 1)) * 1000 }),
        ...(mitogen && { mitogen: async () => (await mitogen.run('first-result', 1)) * 1000 }),
      },
      { rounds: ROUNDS },
    );
    const row = { unit: 'ms', yardstick: 'node -e 0', yardstickValue: median.node };
    return [
      { ...row, name: 'first-result', value: median.thread, goal: { atMost: 2.2 } },
      { ...row, name: 'first-result-main-thread', value: median.main, goal: { atMost: 1.4 } },
      ...versus('first-result', 'ms', median.thread, median),
    ];
  },
};

async function startAndCall({ router }: Bench, workThread: WorkThreadMode): Promise<number> {
  const start = performance.now();
  const context = router.local({ workThread });
  await context.call(process.cwd);
  const taken = performance.now() - start;
  await context.shutdown();
  return taken;
}
