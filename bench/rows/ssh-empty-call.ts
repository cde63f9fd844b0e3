/** Calls one after another over SSH, beside a bare echo through the same library. */

import { once } from 'node:events';
import type { ClientChannel } from 'ssh2';
import type { Subject } from '../support/bench.js';
import { interleave, medianMicroseconds } from '../support/measure.js';
import { microsecondsPerCall } from './empty-call.js';

const ROUNDS = 31;
const CALLS = 200;
const MESSAGE = Buffer.alloc(100);

export const sshEmptyCall: Subject = {
  rows: ['ssh-empty-call', 'ssh-empty-call-main-thread'],
  needsSsh: true,
  async run({ router, ssh }) {
    const server = await ssh();
    const { client, channel } = await server.echo();
    try {
      await using thread = await router.ssh({ ...server.contextOptions(), workThread: 'eager' });
      await using main = await router.ssh({ ...server.contextOptions(), workThread: 'none' });
      const median = await interleave(
        {
          echo: () => microsecondsPerEcho(channel, CALLS),
          thread: () => microsecondsPerCall(thread, CALLS),
          main: () => microsecondsPerCall(main, CALLS),
        },
        { rounds: ROUNDS, warmUps: 8 },
      );
      const row = { unit: 'us', yardstick: 'ssh2 echo', yardstickValue: median.echo };
      const goal = { atMost: 1.6 };
      return [
        { ...row, name: 'ssh-empty-call', value: median.thread, goal },
        { ...row, name: 'ssh-empty-call-main-thread', value: median.main, goal },
      ];
    } finally {
      client.end();
      await once(client, 'close');
    }
  },
};

function microsecondsPerEcho(channel: ClientChannel, count: number): Promise<number> {
  return medianMicroseconds(count, () => {
    const answered = once(channel, 'data');
    channel.write(MESSAGE);
    return answered;
  });
}
