/**
 * How often a connection waits for the other side before the first result: through a line with a
 * short and one with a long round trip, the difference in time by that of the round trips.
 */

import type { Router, SshContextOptions } from '@kinetin/master';
import type { Subject } from '../support/bench.js';
import { startDelayProxy } from '../support/delay-proxy.js';
import { interleave, milliseconds } from '../support/measure.js';
import { runToEnd } from '../support/yardsticks.js';

const ROUNDS = 3;
const SHORT_MS = 50;
const LONG_MS = 200;
/** What `ssh host true` takes; if it takes more here, then so many. */
const GOAL = 8;

export const sshRoundTrips: Subject = {
  rows: ['ssh-round-trips'],
  needsSsh: true,
  async run({ router, ssh }) {
    const server = await ssh();
    await using proxy = await startDelayProxy(server.port);
    server.trust(proxy.port);
    const args = [...server.clientArgs(proxy.port), 'true'];
    const client = () => milliseconds(() => runToEnd('ssh', args));
    const kinetin = () => connectAndCall(router, server.contextOptions(proxy.port));
    const through = (roundTripMs: number, connect: () => Promise<number>) => () => {
      proxy.roundTripMs = roundTripMs;
      return connect();
    };
    const median = await interleave(
      {
        clientShort: through(SHORT_MS, client),
        kinetinShort: through(SHORT_MS, kinetin),
        clientLong: through(LONG_MS, client),
        kinetinLong: through(LONG_MS, kinetin),
      },
      { rounds: ROUNDS, warmUps: 0 },
    );
    const roundTrips = (short: number, long: number) => (long - short) / (LONG_MS - SHORT_MS);
    const ofClient = roundTrips(median.clientShort, median.clientLong);
    return [
      {
        name: 'ssh-round-trips',
        value: roundTrips(median.kinetinShort, median.kinetinLong),
        unit: 'trips',
        yardstick: 'ssh host true',
        yardstickValue: ofClient,
        goal: { atMost: Math.max(GOAL, ofClient) },
        isGoalOfValue: true,
      },
    ];
  },
};

/** Milliseconds from the connection to the first result. */
export async function connectAndCall(router: Router, options: SshContextOptions): Promise<number> {
  const start = performance.now();
  const context = router.ssh(options);
  await context.call(process.cwd);
  const taken = performance.now() - start;
  await context.shutdown();
  return taken;
}
