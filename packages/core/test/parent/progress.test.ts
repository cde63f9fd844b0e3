import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { ConnectError } from '../../src/parent/attempt.js';
import { Progress, type StageTimeouts } from '../../src/parent/progress.js';

interface Timer {
  ms: number;
  fire: () => void;
  isCleared: boolean;
}

const COMMAND = { marker: 'm', title: 't', coreBytes: 1, preambleBytes: 2, workThread: false };
const never = new Promise<never>(() => {});

describe('parent/progress', () => {
  const original = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  let timers: Timer[];

  beforeEach(() => {
    timers = [];
    globalThis.setTimeout = ((fire: () => void, ms: number) => {
      const timer = { ms, fire, isCleared: false };
      timers.push(timer);
      return timer;
    }) as never;
    globalThis.clearTimeout = ((timer?: Timer) => {
      if (timer) timer.isCleared = true;
    }) as never;
  });

  afterEach(() => {
    Object.assign(globalThis, original);
  });

  const running = () => timers.filter(({ isCleared }) => !isCleared).map(({ ms }) => ms);
  const make = (stageTimeoutsMs: StageTimeouts = {}) =>
    new Progress({ timeoutMs: 30_000, stageTimeoutsMs }, COMMAND);

  describe('deadlines', () => {
    it('run from the first stage on, overall and for each stage', () => {
      const progress = make({ shell: 100, node: 200 });
      progress.enter('shell');
      expect(running().sort()).to.deep.equal([100, 30_000]);
      progress.enter('node');
      expect(running().sort()).to.deep.equal([200, 30_000]);
      progress.enter('bootstrap');
      expect(running()).to.deep.equal([30_000]);
      progress.end();
      expect(running()).to.deep.equal([]);
    });

    it('of the stage `runtime` run from the last step on, and the overall one anew behind it', async () => {
      const progress = make({ node: 100, runtime: 200 });
      progress.enter('node');
      progress.enter('runtime');
      expect(running()).to.deep.equal([200]);
      const first = timers.at(-1);
      progress.enter('runtime');
      expect(running()).to.deep.equal([200]);
      expect(first?.isCleared).to.equal(true);
      progress.enter('bootstrap');
      expect(running()).to.deep.equal([30_000]);
      const stalled = make({ runtime: 300 });
      stalled.enter('runtime');
      const waiting = failure(stalled.race(never));
      timers.at(-1)?.fire();
      const error = await waiting;
      expect(error.code).to.equal('ERR_CONNECT_TIMEOUT');
      expect(error.message).to.contain('stage "runtime" made no progress for 300 ms');
    });

    it('of a stage fail the attempt, and name the stage', async () => {
      const progress = make({ node: 200 });
      progress.enter('node');
      const waiting = failure(progress.race(never));
      timers.find(({ ms }) => ms === 200)?.fire();
      const error = await waiting;
      expect(error.code).to.equal('ERR_CONNECT_TIMEOUT');
      expect(error.message).to.contain('stage "node" was not finished after 200 ms');
      expect((progress.failure(error) as ConnectError).stage).to.equal('node');
      expect(running()).to.deep.equal([]);
    });

    it('overall name the stage that was reached', async () => {
      const progress = make();
      progress.enter('shell');
      const waiting = failure(progress.race(never));
      progress.enter('bootstrap');
      timers.find(({ ms }) => ms === 30_000)?.fire();
      expect((await waiting).message).to.contain(
        'stage "bootstrap" was not finished after 30000 ms',
      );
    });

    it('after the end do nothing, and no stage is entered any more', () => {
      const progress = make({ ready: 5 });
      progress.enter('bootstrap');
      progress.end();
      progress.enter('ready');
      expect(progress.stage).to.equal('bootstrap');
      for (const { fire } of timers) fire();
      expect(running()).to.deep.equal([]);
    });
  });

  describe('race', () => {
    it('settles as the step does', async () => {
      const progress = make();
      expect(await progress.race(Promise.resolve(7))).to.equal(7);
      expect(await failure(progress.race(Promise.reject(new Error('no'))))).to.have.property(
        'message',
        'no',
      );
    });

    it('fails at once after a failure, with the first reason', async () => {
      const progress = make();
      const first = new Error('first');
      progress.fail(first);
      progress.fail(new Error('second'));
      expect(await failure(progress.race(never))).to.equal(first);
      expect(await failure(progress.race(never))).to.equal(first);
    });

    it('is not needed for a failure to go unnoticed without harm', () => {
      make().fail(new Error('nobody races'));
    });
  });

  describe('onCancel', () => {
    it('is called once at a failure, in order, and at once after it', () => {
      const progress = make();
      const calls: number[] = [];
      progress.onCancel(() => calls.push(1));
      progress.onCancel(() => calls.push(2));
      progress.failure(new Error('x'));
      progress.failure(new Error('y'));
      expect(calls).to.deep.equal([1, 2]);
      progress.onCancel(() => calls.push(3));
      expect(calls).to.deep.equal([1, 2, 3]);
    });

    it('is not called after success', () => {
      const progress = make();
      progress.onCancel(() => expect.fail('cancelled'));
      progress.end();
      progress.fail(new Error('too late'));
    });
  });

  describe('failure', () => {
    it('makes any error a ConnectError with all that is known', () => {
      const progress = make();
      progress.enter('auth');
      progress.note('one\ntwo\n');
      progress.exit = { code: 255 };
      const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      const error = progress.failure(cause) as ConnectError;
      expect(error).to.be.instanceOf(ConnectError);
      expect(error).to.include({ code: 'ECONNREFUSED', stage: 'auth', message: 'refused', cause });
      expect(error.output).to.deep.equal(['one', 'two']);
      expect(error.exit).to.deep.equal({ code: 255 });
      expect((make().failure(new Error('x')) as ConnectError).code).to.equal('ERR_CONNECT');
    });

    it('completes a ConnectError, and does not overwrite what it knows', () => {
      const progress = make();
      progress.enter('shell');
      progress.note('a\nb\nc\nd');
      const plain = progress.failure(new ConnectError('ERR_AUTH', 'denied')) as ConnectError;
      expect(plain).to.include({ stage: 'shell', message: 'denied; last output: b | c | d' });
      const details = { stage: 'host key', exit: { signal: 'SIGKILL' } };
      const own = make().failure(new ConnectError('ERR_HOST_KEY', 'no', details)) as ConnectError;
      expect(own.stage).to.equal('host key');
      expect(own.exit).to.deep.equal({ signal: 'SIGKILL' });
      expect(own.message).to.equal('no');
    });

    it('leaves reasons of aborts alone', () => {
      const abort = new DOMException('stopped', 'AbortError');
      for (const reason of [abort, 'a text', undefined, { own: 1 }]) {
        expect(make().failure(reason)).to.equal(reason);
      }
    });
  });

  describe('note', () => {
    const outputOf = (...texts: string[]): string[] => {
      const progress = make();
      for (const text of texts) progress.note(text);
      return (progress.failure(new Error('x')) as ConnectError).output;
    };

    it('puts lines together, wherever they are cut', () => {
      expect(outputOf('fir', 'st\nsec', 'ond\r\n', '\nlast')).to.deep.equal([
        'first',
        'second',
        'last',
      ]);
    });

    it('keeps the last 100 lines', () => {
      const lines = Array.from({ length: 250 }, (_, i) => `line ${i}`);
      expect(outputOf(`${lines.join('\n')}\n`)).to.deep.equal(lines.slice(-100));
      expect(outputOf(...lines.map((line) => `${line}\n`))).to.deep.equal(lines.slice(-100));
      expect(outputOf(lines.join('\n')).at(-1)).to.equal('line 249');
    });

    it('keeps 1000 characters of each, however they come', () => {
      const long = 'x'.repeat(1_000_000);
      expect(outputOf(long)[0]).to.have.lengthOf(1000);
      expect(outputOf(`a\n${long}\nb`).map(({ length }) => length)).to.deep.equal([1, 1000, 1]);
      const grown = outputOf(...Array.from({ length: 1000 }, () => 'y'.repeat(100)), '\nend');
      expect(grown.map(({ length }) => length)).to.deep.equal([1000, 3]);
    });
  });
});
