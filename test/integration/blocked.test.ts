/** Functions that block and ignore their signal: what is given up is ended, and nobody else waits. */

import { execSync } from 'node:child_process';
import { hostname } from 'node:os';
import { type LogRecord, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { holdTimers } from '../support/held-timers.js';
import { processesWith, uniqueSeconds, until } from '../support/processes.js';

/** Is over when the test says so. */
const CALL_TIMEOUT_MS = 123_457;

/** Both take a signal and never look at it. The seconds name the subprocess. */
const BLOCKS: Record<string, (seconds: string, signal?: AbortSignal) => Promise<void>> = {
  'spins for ever': async () => {
    await sayThatItBlocks();
    for (;;);
  },
  'sits in execSync': async (seconds) => {
    await sayThatItBlocks();
    execSync(`sleep ${seconds}`);
  },
};

async function sayThatItBlocks(): Promise<void> {
  console.log('blocks');
  // What is printed leaves with the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a function that ignores its signal', () => {
  for (const [how, block] of Object.entries(BLOCKS)) {
    for (const by of ['a signal', 'a timeout'] as const) {
      it(`and ${how} is ended when its call is given up by ${by}`, async () => {
        const records: LogRecord[] = [];
        const seconds = uniqueSeconds();
        await withRouter(
          async (router) => {
            const context = await router.local({ via: router.local() });
            const behind = await router.local({ via: context });
            const abort = new AbortController();
            const reason = new Error('enough');
            using deadline = holdTimers(CALL_TIMEOUT_MS);
            const bounds =
              by === 'a signal' ? { signal: abort.signal } : { timeout: CALL_TIMEOUT_MS };
            const call = failure(
              context.with({ ...bounds, grace: 50 }).call(block, seconds, abort.signal),
            );
            await until('it blocks', () => records.some(({ text }) => text === 'blocks'));
            expect(await behind.call(hostname), 'through the context').to.equal(hostname());
            if (by === 'a signal') abort.abort(reason);
            else deadline.fire();
            const error = await call;
            if (by === 'a signal') expect(error).to.equal(reason);
            else expect(error).to.include({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
            expect(await context.call(() => process.pid), 'the same context').to.equal(context.pid);
            expect(await behind.call(hostname)).to.equal(hostname());
            await until('its subprocess is gone', () => processesWith(seconds).length === 0);
          },
          { onLog: (record) => records.push(record) },
        );
      });
    }
  }
});
