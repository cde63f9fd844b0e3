/** Large arguments over SSH, beside what the system's client moves. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Subject } from '../support/bench.js';
import { interleave, milliseconds } from '../support/measure.js';
import { megabytesPerSecond } from './bulk.js';

const ROUNDS = 15;
/** As for calls: so that V8 has compiled what it will, in all processes on the way. */
const WARM_UPS = 5;
const BYTES = 16 * 1024 * 1024;
const data = Buffer.alloc(BYTES, 1);

export const sshBulk: Subject = {
  rows: ['ssh-bulk'],
  needsSsh: true,
  async run({ router, ssh }) {
    const server = await ssh();
    await using context = await router.ssh(server.contextOptions());
    const client = spawn('ssh', [...server.clientArgs(), SINK], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const median = await interleave(
        {
          client: () => megabytesThrough(client),
          kinetin: () => megabytesPerSecond(context, data),
        },
        { rounds: ROUNDS, warmUps: WARM_UPS },
      );
      return [
        {
          name: 'ssh-bulk',
          value: median.kinetin,
          unit: 'MB/s',
          yardstick: 'ssh host cat',
          yardstickValue: median.client,
          goal: { atLeast: 0.6 },
        },
      ];
    } finally {
      client.stdin!.end();
      await once(client, 'close');
    }
  },
};

/** `cat >/dev/null` that says when so many bytes have come: the set-up is not measured. */
const SINK = `while [ $(head -c ${BYTES} | wc -c) = ${BYTES} ]; do echo; done`;

async function megabytesThrough(client: ChildProcess): Promise<number> {
  const taken = await milliseconds(async () => {
    const answered = once(client.stdout!, 'data');
    client.stdin!.write(data);
    await answered;
  });
  return BYTES / 1e3 / taken;
}
