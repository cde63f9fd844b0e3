/** The window of large messages, as the program has chosen it, in all contexts of its tree. */

import { limits } from '@kinetin/core';
import { type Context, Router, thisContext } from '@kinetin/master';
import { expect } from 'chai';

const { FREE_WINDOW_BYTES } = limits;
const BYTES = 2 ** 24;
/** Of a grant: a header, and a number. */
const GRANT_BYTES = 36;

const length = (bytes: Buffer) => bytes.length;

const start = async (workThread: 'eager' | 'none') => {
  return await thisContext().router.local({ workThread, heartbeat: false });
};

/** How many grants come back while a large message is sent. The answer counts, too; a ping would. */
async function grantedFor(router: Router, context: Context): Promise<number> {
  // Whatever is there only with the first call.
  await context.call(length, Buffer.alloc(2 * FREE_WINDOW_BYTES));
  const { receivedBytes: before } = router.stats();
  await context.call(length, Buffer.alloc(BYTES));
  return (router.stats().receivedBytes - before) / GRANT_BYTES;
}

describe('maxWindowBytes', () => {
  for (const workThread of ['eager', 'none'] as const) {
    it(`holds in a child, and in those that it starts (workThread: ${workThread})`, async () => {
      const grants: number[][] = [];
      for (const maxWindowBytes of [FREE_WINDOW_BYTES, undefined, 2 ** 26]) {
        await using router = new Router({ maxWindowBytes });
        const child = await router.local({ workThread, heartbeat: false });
        const grandchild = await child.call(start, workThread);
        const via = await router.local({ workThread, heartbeat: false, via: child });
        const counts: number[] = [];
        for (const one of [child, grandchild, via]) counts.push(await grantedFor(router, one));
        grants.push(counts);
      }
      // Half a window at a time, or what has come of the message where that is less.
      for (const place of [0, 1, 2]) {
        const [small, usual, large] = grants.map((counts) => counts[place]) as number[];
        expect(small).to.be.within(126, 134);
        expect(usual).to.be.within(20, 26);
        expect(large).to.be.within(14, 18);
      }
    });
  }
});
