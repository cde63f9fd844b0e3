/** Functions whose result goes on: generators, iterated by their caller. */

import { type LogRecord, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
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
