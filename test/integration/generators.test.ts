/** Functions whose result goes on: generators, iterated by their caller. */

import { setTimeout as delay } from 'node:timers/promises';
import { type LogRecord, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { holdTimers } from '../support/held-timers.js';
import { until } from '../support/processes.js';

async function* count(to: number): AsyncGenerator<number, string, number | undefined> {
  try {
    for (let i = 1; i <= to; i++) {
      const skip = yield i;
      if (skip !== undefined) i += skip;
    }
    return 'counted';
  } finally {
    console.log('ended');
  }
}

function* letters(): Generator<string> {
  yield* 'abc';
}

/** Takes a while for its second step, and says when it ends. */
async function* slow(): AsyncGenerator<number> {
  try {
    yield 1;
    await delay(50);
    yield 2;
  } finally {
    console.log('ended');
  }
}

/** Never comes to its second step. */
async function* stuck(): AsyncGenerator<number> {
  yield 1;
  console.log('stuck');
  await new Promise(() => {});
}

/** Is over when the test says so. */
const STEP_TIMEOUT_MS = 123_457;

const setMark = () => {
  (globalThis as { mark?: string }).mark = 'same thread';
};
const getMark = () => (globalThis as { mark?: string }).mark;

async function* failing(): AsyncGenerator<number> {
  yield 1;
  throw new RangeError('no more');
}

describe('a generator', () => {
  let records: LogRecord[] = [];
  const onLog = (record: LogRecord) => records.push(record);
  beforeEach(() => {
    records = [];
  });

  it('is iterated by the caller, through any number of hops', async () => {
    await withRouter(
      async (router) => {
        const context = router.local({ via: router.local() });
        const got: (number | string)[] = [];
        for await (const number of await context.call(count, 3)) got.push(number);
        for await (const letter of await context.call(letters)) got.push(letter);
        expect(got).to.deep.equal([1, 2, 3, 'a', 'b', 'c']);
      },
      { onLog },
    );
  });

  it('ends there when the loop is left here', async () => {
    await withRouter(
      async (router) => {
        const context = await router.local();
        for await (const number of await context.call(count, 1e9)) {
          if (number === 3) break;
        }
        await until('it has said so', () => records.some(({ text }) => text === 'ended'));
        expect(await context.call(() => 'still there')).to.equal('still there');
      },
      { onLog },
    );
  });

  it('takes values, gives its result, and ends for good', async () => {
    await withRouter(
      async (router) => {
        const counting = await router.local().call(count, 10);
        expect(await counting.next()).to.deep.equal({ done: false, value: 1 });
        expect(await counting.next(7)).to.deep.equal({ done: false, value: 9 });
        expect(await counting.next()).to.deep.equal({ done: false, value: 10 });
        expect(await counting.next()).to.deep.equal({ done: true, value: 'counted' });
        expect(await counting.next()).to.deep.equal({ done: true, value: undefined });
      },
      { onLog },
    );
  });

  it('throws here what it throws there', async () => {
    await withRouter(async (router) => {
      const context = router.local();
      const got: number[] = [];
      const error = await failure(
        (async () => {
          for await (const number of await context.call(failing)) got.push(number);
        })(),
      );
      expect(got).to.deep.equal([1]);
      expect(error).to.include({ name: 'CallError', remoteName: 'RangeError', message: 'no more' });
    });
  });

  it('is not taken for another one of a thread that has replaced its own', async () => {
    await withRouter(
      async (router) => {
        const context = await router.local();
        const lost = await context.call(count, 5);
        await failure(context.call(() => process.exit(1)));
        const counting = await context.call(count, 5);
        expect(await failure(lost.next())).to.include({ remoteName: 'ModuleError' });
        expect(await counting.next()).to.deep.equal({ done: false, value: 1 });
        await counting.return('enough');
      },
      { onLog },
    );
  });

  it('whose step is given up by a signal ends there, as soon as the step does, and not its thread', async () => {
    await withRouter(
      async (router) => {
        const context = await router.local();
        await context.call(setMark);
        const abort = new AbortController();
        const limits = { signal: abort.signal, grace: 60_000 };
        const items = await context.with(limits).call(slow);
        expect(await items.next()).to.deep.equal({ done: false, value: 1 });
        const reason = new Error('changed my mind');
        const second = failure(items.next());
        abort.abort(reason);
        expect(await second).to.equal(reason);
        expect(await items.next()).to.deep.equal({ done: true, value: undefined });
        await until('it has ended there', () => records.some(({ text }) => text === 'ended'));
        expect(await context.call(getMark)).to.equal('same thread');
      },
      { onLog },
    );
  });

  it('ends there when its signal is aborted between two steps', async () => {
    await withRouter(
      async (router) => {
        const context = await router.local();
        const abort = new AbortController();
        const got: number[] = [];
        const limits = { signal: abort.signal, grace: 60_000 };
        const items = await context.with(limits).call(count, 1e9);
        const error = await failure(
          (async () => {
            for await (const item of items) {
              got.push(item);
              if (item === 3) abort.abort(new Error('enough'));
            }
          })(),
        );
        expect(error).to.include({ message: 'enough' });
        expect(got).to.deep.equal([1, 2, 3]);
        await until('it has ended there', () => records.some(({ text }) => text === 'ended'));
      },
      { onLog },
    );
  });

  it('has the deadline of its call for each step, after which its thread is ended', async () => {
    await withRouter(
      async (router) => {
        const context = await router.local();
        await context.call(setMark);
        for await (const item of await context.call(slow)) expect(item).to.be.below(3);
        using deadline = holdTimers(STEP_TIMEOUT_MS);
        const items = await context.with({ timeout: STEP_TIMEOUT_MS, grace: 50 }).call(stuck);
        expect(await items.next()).to.deep.equal({ done: false, value: 1 });
        expect(deadline.waiting, 'deadlines of what is over').to.equal(0);
        const second = failure(items.next());
        await until('it has come to the step', () => records.some(({ text }) => text === 'stuck'));
        deadline.fire();
        expect(await second).to.include({ code: 'ERR_TIMEOUT' });
        expect(await context.call(getMark), 'another thread').to.equal(undefined);
      },
      { onLog },
    );
  });

  it('takes the deadline anew for each step', async () => {
    const times: (number | undefined)[] = [];
    const { setTimeout: original } = globalThis;
    await withRouter(
      async (router) => {
        const context = await router.local();
        for await (const _ of await context.call(slow));
        const counted = ((...args: Parameters<typeof original>) => {
          times.push(args[1]);
          return original(...args);
        }) as typeof original;
        globalThis.setTimeout = counted;
        try {
          for await (const _ of await context.with({ timeout: 123_456 }).call(slow));
        } finally {
          globalThis.setTimeout = original;
        }
      },
      { onLog },
    );
    // The call, three steps.
    expect(times.filter((ms) => ms === 123_456)).to.have.lengthOf(4);
  });

  it('fails with its context', async () => {
    await withRouter(
      async (router) => {
        const context = await router.local();
        const counting = await context.call(count, 5);
        await counting.next();
        process.kill(context.pid as number, 'SIGKILL');
        expect(await failure(counting.next())).to.include({ name: 'DeadLetterError' });
      },
      { onLog },
    );
  });
});
