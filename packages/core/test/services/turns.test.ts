import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import type { ServiceClass } from '../../src/services/service.js';
import { ServiceError } from '../../src/services/service-error.js';
import { MAX_WAITING_CALLS, makeTurns } from '../../src/services/turns.js';

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

  it('lets no more than a bound wait for their turn, and takes more as they are done', async () => {
    const turns = turnsOf({ concurrency: 'serial', serviceName: 'slow' });
    let finish = () => {};
    const first = turns(() => new Promise<void>((resolve) => (finish = resolve)), String);
    let runs = 0;
    const one = () => turns(() => ++runs, String);
    const waiting = Array.from({ length: MAX_WAITING_CALLS }, one);
    expect(one).to.throw(ServiceError, /cannot call slow: 10000 calls wait/);
    expect(one).to.throw().with.property('code', 'ERR_SERVICE_BUSY');
    await nextTurn();
    finish();
    await first;
    expect(await Promise.all(waiting)).to.have.lengthOf(MAX_WAITING_CALLS);
    expect(await one()).to.equal(MAX_WAITING_CALLS + 1);
    // One that fails is done as well.
    await failure(turns(() => Promise.reject(new Error('no')), String) as Promise<never>);
    expect(await one()).to.equal(MAX_WAITING_CALLS + 2);
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

    it('keeps the last 1,000 at most, and no timer of others', async () => {
      const turns = turnsOf({ concurrency: 'deduplicated', keepMs: 5000 });
      let runs = 0;
      const get = (key: number) =>
        turns(
          async () => ++runs,
          () => String(key),
        ) as Promise<number>;
      for (let key = 1; key <= 1001; key++) expect(await get(key)).to.equal(key);
      expect(timers).to.have.property('size', 1000);
      expect(await get(1001)).to.equal(1001);
      expect(await get(2)).to.equal(2);
      expect(await get(1)).to.equal(1002);
    });
  });
});
