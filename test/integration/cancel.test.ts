/** Calls that are given up, and functions that do not stop. */

import { execSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { hostname } from 'node:os';
import { limits } from '@kinetin/core';
import { type Context, type Exposed, type LogRecord, Service, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { holdTimers } from '../support/held-timers.js';
import { isAlive, processesWith, uniqueSeconds, until } from '../support/processes.js';

const quiet = { onLog: () => {} };
const noting = (said: string[]) => ({ onLog: ({ text }: LogRecord) => void said.push(text) });
/** Is over when the test says so. */
const CALL_TIMEOUT_MS = 123_457;

/** Ends when its signal is aborted; says with which reason. */
async function untilAborted(signal: AbortSignal): Promise<string> {
  console.log('started');
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return `stopped: ${signal.reason instanceof Error ? signal.reason.message : signal.reason}`;
}

class Deaf extends Service {
  static readonly serviceName = 'deaf';
  static readonly exposed = {
    hear: { policy: 'above', args: ['object'] },
    wait: { policy: 'above', args: ['object'] },
  } satisfies Exposed<Deaf>;

  hear(_: AbortSignal): void {}

  async wait(_: AbortSignal): Promise<void> {
    await new Promise(() => {});
  }
}

async function sayThatItBlocks(): Promise<void> {
  console.log('blocks');
  // What is printed leaves with the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
}

/** Says by what its signal was aborted. */
async function untilToldAndSaid(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  console.log(`told: ${(signal.reason as { code?: string }).code}`);
}

/** Waits for an answer of `below` as its thread ends, or has to be ended. */
async function callAndEnd(below: Context, how: 'spin' | 'exit'): Promise<void> {
  below.call(untilToldAndSaid, new AbortController().signal).catch(() => {});
  await below.call(hostname);
  console.log('has called');
  if (how === 'exit') process.exit(5);
  for (;;);
}

/** The error of a call that spins, and whose deadline is over then; it was logged to `said`. */
async function spinTooLong(
  context: Pick<Context, 'with'>,
  grace: number,
  said: readonly string[],
): Promise<Error> {
  using deadline = holdTimers(CALL_TIMEOUT_MS);
  const late = failure(
    context.with({ timeout: CALL_TIMEOUT_MS, grace }).call(() => {
      console.log('spins');
      for (;;);
    }),
  );
  await until('it spins', () => said.includes('spins'));
  deadline.fire();
  return await late;
}

describe('a call that is given up', () => {
  it('does not hold up what comes after it, however many are given up behind it', async () => {
    await withRouter(async (router) => {
      const context = await router.local();
      const limited = context.with({ timeout: 20, grace: 60_000 });
      const slow = () => new Promise((resolve) => setTimeout(resolve, 300, 'done'));
      const first = failure(limited.call(slow));
      await first;
      for (let i = 0; i < 3; i++) {
        expect(await failure(limited.call(slow))).to.include({ code: 'ERR_TIMEOUT' });
      }
      expect(await context.call(hostname)).to.equal(hostname());
    }, quiet);
  });

  it('never starts where it waits behind another one that was given up', async () => {
    const said: string[] = [];
    let spins = () => {};
    const started = new Promise<void>((resolve) => {
      spins = resolve;
    });
    const onLog = ({ text }: LogRecord) => {
      said.push(text);
      if (text.startsWith('spins')) spins();
    };
    await withRouter(
      async (router) => {
        const context = router.local();
        const spin = (name: string) => {
          console.log(`spins: ${name}`);
          for (;;);
        };
        const limited = (abort: AbortController) =>
          context.with({ signal: abort.signal, grace: 300 });
        const first = new AbortController();
        const failures = [failure(limited(first).call(spin, 'a'))];
        await started;
        const reason = new Error('enough');
        first.abort(reason);
        // In the same flight, so that they come before the thread of the first is ended.
        for (const name of ['b', 'c']) {
          const abort = new AbortController();
          failures.push(failure(limited(abort).call(spin, name)));
          abort.abort(reason);
        }
        expect(await Promise.all(failures)).to.deep.equal([reason, reason, reason]);
        // Answered by the thread that takes the place of the one that spun.
        expect(await context.call(hostname)).to.equal(hostname());
      },
      { onLog },
    );
    expect(said.filter((text) => text.startsWith('spins'))).to.deep.equal(['spins: a']);
  });

  it('holds up nothing where its large arguments wait behind another one that was given up', async () => {
    let spins = () => {};
    const started = new Promise<void>((resolve) => {
      spins = resolve;
    });
    const onLog = ({ text }: LogRecord) => {
      if (text === 'spins') spins();
    };
    await withRouter(
      async (router) => {
        const context = router.local();
        const length = (bytes: Buffer) => bytes.length;
        const large = Buffer.alloc(1_000_000);
        expect(await context.call(length, large)).to.equal(large.length);
        const first = new AbortController();
        const second = new AbortController();
        const spin = () => {
          console.log('spins');
          for (;;);
        };
        const failures = [failure(context.with({ signal: first.signal, grace: 500 }).call(spin))];
        await started;
        first.abort();
        failures.push(failure(context.with({ signal: second.signal }).call(length, large)));
        second.abort();
        await Promise.all(failures);
        expect(await context.call(length, large)).to.equal(large.length);
      },
      { onLog },
    );
  });

  for (const workThread of ['eager', 'none'] as const) {
    it(`tells the function by the signal among its arguments, with workThread ${workThread}`, async () => {
      const abort = new AbortController();
      const onLog = ({ text }: LogRecord) => {
        if (text === 'started') abort.abort(new Error('enough'));
      };
      await withRouter(
        async (router) => {
          const context = router.local({ workThread, via: router.local() });
          const result = await context.call(untilAborted, abort.signal);
          expect(result).to.equal('stopped: enough');
          expect(await context.call(untilAborted, AbortSignal.abort('before'))).to.equal(
            'stopped: before',
          );
        },
        { onLog },
      );
    });
  }

  it('rejects with the reason of the signal, or with a TimeoutError', async () => {
    await withRouter(async (router) => {
      const context = await router.local();
      const reason = new Error('changed my mind');
      const aborted = context.with({ signal: AbortSignal.abort(reason) }).call(hostname);
      expect(await failure(aborted)).to.equal(reason);
      const late = context.with({ timeout: 20 }).call(() => new Promise(() => {}));
      expect(await failure(late)).to.include({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
    }, quiet);
  });

  it('lets the function end by itself in time, and the work thread live', async () => {
    await withRouter(async (router) => {
      const context = await router.local();
      await context.call(() => {
        (globalThis as { mark?: string }).mark = 'same thread';
      });
      const abort = new AbortController();
      const call = context
        .with({ signal: abort.signal, grace: 60_000 })
        .call(untilAborted, abort.signal);
      abort.abort();
      await failure(call);
      const mark = await context.call(() => (globalThis as { mark?: string }).mark);
      expect(mark).to.equal('same thread');
    }, quiet);
  });

  it('ends a function that spins, after which the context answers again', async () => {
    const said: string[] = [];
    await withRouter(async (router) => {
      const context = router.local({ via: router.local() });
      expect(await spinTooLong(context, 50, said)).to.include({ code: 'ERR_TIMEOUT' });
      expect(await context.call(hostname)).to.equal(hostname());
    }, noting(said));
  });

  it('ends a function that sits in execSync, with what it has started', async () => {
    await withRouter(async (router) => {
      const context = router.local();
      const sleep = `sleep ${uniqueSeconds()}`;
      using deadline = holdTimers(CALL_TIMEOUT_MS);
      const late = failure(
        context
          .with({ timeout: CALL_TIMEOUT_MS, grace: 50 })
          .call((command: string) => execSync(`${command}; true`), sleep),
      );
      await until('it runs', () => processesWith(sleep).length > 0);
      deadline.fire();
      expect(await late).to.include({ code: 'ERR_TIMEOUT' });
      expect(await context.call(hostname)).to.equal(hostname());
      await until('the subprocesses are gone', () => processesWith(sleep).length === 0);
    }, quiet);
  });

  it('is told to a function that waits for the end of another, too', async () => {
    const said: string[] = [];
    await withRouter(async (router) => {
      const context = await router.local();
      await spinTooLong(context, 300, said);
      const abort = new AbortController();
      const soft = context.call(untilAborted, abort.signal);
      const hard = context.with({ signal: abort.signal, grace: 50 }).call(() => {
        for (;;);
      });
      // The calls have left when this one's answer is here, which waits behind them.
      await new Promise((resolve) => setImmediate(resolve));
      abort.abort('enough');
      await failure(hard);
      const outcome = await soft.catch((error) => error.code);
      expect(outcome).to.be.oneOf(['stopped: enough', 'ERR_THREAD_ENDED']);
      expect(await context.call(hostname)).to.equal(hostname());
    }, noting(said));
  });

  it('fails the other calls in the thread that it ends, and says why', async () => {
    const said: string[] = [];
    await withRouter(async (router) => {
      const context = await router.local();
      const other = failure(context.call(() => new Promise(() => {})));
      await context.call(hostname);
      await spinTooLong(context, 50, said);
      const error = await other;
      expect(error).to.include({ code: 'ERR_THREAD_ENDED' });
      expect(error.message).to.match(/a call that was given up did not stop/);
    }, noting(said));
  });

  for (const workThread of ['eager', 'none'] as const) {
    it(`while its arguments are still coming is never started (workThread: ${workThread})`, async () => {
      await withRouter(async (router) => {
        const context = await router.local({ workThread });
        const start = (_: Buffer) => {
          (globalThis as { started?: number }).started ??= 0;
          (globalThis as { started?: number }).started! += 1;
        };
        const startedInThatThread = () => (globalThis as { started?: number }).started;
        await context.call(start, Buffer.alloc(0));
        const abort = new AbortController();
        // More than may be sent before the other side has taken any of it.
        const large = Buffer.alloc(2 * limits.FREE_WINDOW_BYTES);
        const limited = context.with({ signal: abort.signal, grace: 1000 });
        const calls = [limited.call(start, large), limited.call(start, large)].map(failure);
        abort.abort(new Error('changed my mind'));
        for (const error of await Promise.all(calls)) {
          expect(error).to.include({ message: 'changed my mind' });
        }
        // Behind both: they are complete when this one is.
        expect(await context.call(startedInThatThread)).to.equal(1);
        expect(await context.call(start, large)).to.equal(undefined);
        expect(await context.call(startedInThatThread)).to.equal(2);
      }, quiet);
    });
  }

  it('by a signal among its arguments alone, while they are still coming, is started and told', async () => {
    await withRouter(async (router) => {
      const context = await router.local();
      const reasonOf = async (signal: AbortSignal, _: Buffer) => signal.aborted && signal.reason;
      await context.call(reasonOf, new AbortController().signal, Buffer.alloc(0));
      const abort = new AbortController();
      const large = Buffer.alloc(2 * limits.FREE_WINDOW_BYTES);
      const answer = context.call(reasonOf, abort.signal, large);
      abort.abort('early');
      expect(await answer).to.equal('early');
    }, quiet);
  });
});

describe('a caller that is gone', () => {
  for (const how of ['spin', 'exit'] as const) {
    it(`as its thread has ended (${how}) aborts what it had called in other contexts`, async () => {
      const records: LogRecord[] = [];
      const onLog = (record: LogRecord) => records.push(record);
      await withRouter(
        async (router) => {
          const hop = await router.local();
          const below = await router.local({ via: hop });
          const abort = new AbortController();
          const call = failure(
            hop.with({ signal: abort.signal, grace: 50 }).call(callAndEnd, below, how),
          );
          await until('it has called', () => records.some(({ text }) => text === 'has called'));
          abort.abort();
          await call;
          const told = 'told: ERR_THREAD_ENDED';
          await until('the callee says so', () => records.some(({ text }) => text === told));
          expect(await below.call(hostname)).to.equal(hostname());
        },
        { onLog },
      );
    });
  }
});

describe('a function that blocks', () => {
  const blocks = {
    'spins for ever': async () => {
      await sayThatItBlocks();
      for (;;);
    },
    'sits in execSync': async () => {
      await sayThatItBlocks();
      execSync('sleep 1000');
    },
  };
  for (const [how, block] of Object.entries(blocks)) {
    it(`and ${how} does not delay a message that is routed through its context, nor the shutdown`, async () => {
      const said: string[] = [];
      await withRouter(async (router) => {
        const hop = await router.local();
        const behind = await router.local({ via: hop });
        const blocked = failure(hop.call(block));
        await until('it blocks', () => said.includes('blocks'));
        expect(await behind.call(hostname)).to.equal(hostname());
        const late = router.local({ via: hop });
        expect(await late.call(hostname)).to.equal(hostname());
        await hop.shutdown();
        expect(await blocked).to.include({ code: 'ERR_CONTEXT_LOST' });
        await until(
          'both are gone',
          () => ![hop, behind].some((one) => isAlive(one.pid as number)),
        );
      }, noting(said));
    });
  }
});

describe('a function that changes its process', () => {
  it('finds process.chdir and process.umask at work', async () => {
    await withRouter(async (router) => {
      const context = router.local();
      const result = await context.call(() => {
        const before = process.umask(0o027);
        process.chdir('/');
        const refused = (() => {
          try {
            process.chdir('/nowhere');
          } catch (error) {
            return (error as { code: string }).code;
          }
        })();
        return { before, after: process.umask(), cwd: process.cwd(), refused };
      });
      const before = process.umask();
      expect(result).to.deep.equal({ before, after: 0o027, cwd: '/', refused: 'ENOENT' });
      expect(await context.call(process.cwd)).to.equal('/');
    });
  });

  it('may drop its privileges', async function () {
    if (process.getuid?.() !== 0) return this.skip();
    await withRouter(async (router) => {
      const [user, group] = await router.local().call(() => {
        process.setgid?.(65534);
        process.setuid?.(65534);
        return [process.getuid?.(), process.getgid?.()];
      });
      expect([user, group]).to.deep.equal([65534, 65534]);
    });
  });

  it('shares the environment with later calls', async () => {
    await withRouter(async (router) => {
      const context = router.local();
      await context.call(() => {
        process.env.KINETIN_TEST_MARK = 'set';
      });
      expect(await context.call(() => process.env.KINETIN_TEST_MARK)).to.equal('set');
    });
  });

  it('may print ten megabytes, fail outside of a call, throw fifty, and the context lives on', async () => {
    const records: LogRecord[] = [];
    await withRouter(
      async (router) => {
        const context = router.local();
        await context.call(() => {
          for (let i = 0; i < 10; i++) process.stdout.write(`${'x'.repeat(1023)}\n`.repeat(1024));
        });
        await context.call(() => {
          Promise.reject(new Error('nobody listens'));
          setTimeout(() => {
            throw new Error('nobody catches');
          }, 1);
        });
        await until(
          'both were told',
          () => records.filter(({ text }) => /nobody/.test(text)).length >= 2,
        );
        const error = await failure(
          context.call(() => {
            throw new Error('y'.repeat(50_000_000));
          }),
        );
        expect(error.message).to.match(/^y{65536} \.\.\. \(49934464 more characters\)$/);
        expect(await context.call(hostname)).to.equal(hostname());
      },
      { onLog: (record) => records.push(record) },
    );
    const printed = records.filter(({ text }) => text.startsWith('xxx'));
    expect(printed).to.have.length(10 * 1024);
    expect(printed.every(({ text }) => text.length === 1023)).to.equal(true);
  });

  it('leave nothing at a signal among their arguments when they are given up', async () => {
    await withRouter(async (router) => {
      const context = await router.local();
      const { signal } = new AbortController();
      const within = context.with({ timeout: 5 });
      expect(await failure(within.call(untilAborted, signal))).to.include({ code: 'ERR_TIMEOUT' });
      await context.service(Deaf).hear(signal);
      const given = within.service<typeof Deaf>('deaf').wait(signal);
      expect(await failure(given)).to.include({ code: 'ERR_TIMEOUT' });
      expect(getEventListeners(signal, 'abort')).to.have.lengthOf(0);
    }, quiet);
  });
});
