import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import type { ServiceClass } from '../../src/services/service.js';
import { ServiceError } from '../../src/services/service-error.js';
import { MAX_CALLS, MAX_KEPT_RESULTS, makeTurns } from '../../src/services/turns.js';

const turnsOf = (type: Partial<ServiceClass>) => makeTurns(type as ServiceClass);

describe('services/turns', () => {
  it('runs a concurrent call at once, and hands on what it throws', () => {
    const turns = turnsOf({});
    expect(turns(() => 5, String)).to.equal(5);
    const thrown = new Error('no');
    const fail = () => {
      throw thrown;
    };
    expect(() => turns(fail, String)).to.throw(thrown);
  });

  for (const concurrency of ['serial', 'concurrent', 'deduplicated'] as const) {
    for (const maxCalls of [undefined, 1, 3]) {
      const most = maxCalls ?? MAX_CALLS;
      it(`lets no more than ${most} ${concurrency} calls run or wait, and takes more as they are done`, async () => {
        const turns = turnsOf({
          concurrency,
          serviceName: 'slow',
          ...(maxCalls && { maxCalls }),
        });
        let finish = () => {};
        const gate = new Promise<void>((resolve) => {
          finish = resolve;
        });
        let made = 0;
        const one = () => {
          const key = String(made++);
          return turns(
            () => gate,
            () => key,
          );
        };
        const calls = Array.from({ length: most }, one);
        expect(one).to.throw(ServiceError, `cannot call slow: ${most} calls run or wait`);
        expect(one).to.throw().with.property('code', 'ERR_SERVICE_BUSY');
        finish();
        await Promise.all(calls);
        expect(await one()).to.equal(undefined);
        // One that fails is done as well.
        for (let i = 0; i < most && i < 5; i++) {
          const fails = () => Promise.reject(new Error('no'));
          await failure(turns(fails, () => `fails ${i}`) as Promise<never>);
        }
        expect(await one()).to.equal(undefined);
      });
    }
  }

  it('calls `then` of what a method returns once, since that may do the work', async () => {
    let runs = 0;
    const lazy = {
      // biome-ignore lint/suspicious/noThenProperty: that is what it is about
      then: (resolve: (value: number) => void) => resolve(++runs),
    };
    for (const concurrency of ['concurrent', 'serial', 'deduplicated'] as const) {
      runs = 0;
      expect(await turnsOf({ concurrency })(() => lazy, String)).to.equal(1);
      await nextTurn();
      expect(runs, concurrency).to.equal(1);
    }
  });

  it('runs serial calls in order, also behind one that fails', async () => {
    const turns = turnsOf({ concurrency: 'serial' });
    const ran: number[] = [];
    const calls = [1, 2, 3].map((number) =>
      turns(async () => {
        await nextTurn();
        ran.push(number);
        if (number === 2) throw new Error('no');
      }, String),
    );
    await Promise.allSettled(calls);
    expect(ran).to.deep.equal([1, 2, 3]);
  });

  it('shares what is under way, and keeps nothing by default', async () => {
    const turns = turnsOf({ concurrency: 'deduplicated' });
    let runs = 0;
    const run = async () => ++runs;
    const key = () => 'a';
    expect(await Promise.all([turns(run, key), turns(run, key)])).to.deep.equal([1, 1]);
    expect(await turns(run, key)).to.equal(2);
    const fail = () => {
      runs++;
      throw new Error('no');
    };
    const failures = [turns(fail, key), turns(fail, key)].map((one) =>
      failure(one as Promise<never>),
    );
    await Promise.all(failures);
    expect(runs).to.equal(3);
    expect(await turns(run, key)).to.equal(4);
  });

  describe('with keepMs', () => {
    const { setTimeout, clearTimeout } = globalThis;
    /** What waits: in the place of a clock. */
    let timers: Map<object, { fire: () => void; ms: number }>;
    beforeEach(() => {
      timers = new Map();
      const start = (run: (argument: unknown) => void, ms: number, argument: unknown) => {
        const timer = { unref() {} };
        timers.set(timer, { fire: () => run(argument), ms });
        return timer;
      };
      globalThis.setTimeout = start as never;
      globalThis.clearTimeout = ((timer: object) => timers.delete(timer)) as never;
    });
    afterEach(() => Object.assign(globalThis, { setTimeout, clearTimeout }));

    it('keeps results for that time, and failures not at all', async () => {
      const turns = turnsOf({ concurrency: 'deduplicated', keepMs: 5000 });
      let runs = 0;
      const get = () =>
        turns(
          async () => ++runs,
          () => 'a',
        ) as Promise<number>;
      expect([await get(), await get()]).to.deep.equal([1, 1]);
      const [timer] = timers.values();
      expect(timer).to.have.property('ms', 5000);
      timer?.fire();
      expect(timers).to.have.property('size', 0);
      expect(await get()).to.equal(2);
      await failure(
        turns(
          () => Promise.reject(new Error('no')),
          () => 'b',
        ) as Promise<never>,
      );
      await nextTurn();
      expect(timers).to.have.property('size', 1);
    });

    for (const maxKept of [undefined, 1, 3]) {
      const most = maxKept ?? MAX_KEPT_RESULTS;
      it(`keeps the last ${most} at most, and no timer of others`, async () => {
        const concurrency = 'deduplicated';
        const turns = turnsOf({ concurrency, keepMs: 5000, ...(maxKept && { maxKept }) });
        let runs = 0;
        const get = (key: number) =>
          turns(
            async () => ++runs,
            () => String(key),
          ) as Promise<number>;
        for (let key = 1; key <= most + 1; key++) expect(await get(key)).to.equal(key);
        expect(timers).to.have.property('size', most);
        expect(await get(most + 1)).to.equal(most + 1);
        expect(await get(2)).to.equal(2);
        expect(await get(1)).to.equal(most + 2);
      });
    }
  });
});
