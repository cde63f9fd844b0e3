import { getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { TimeoutError, wait } from '../../src/channels/wait.js';

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('channels/wait', () => {
  it('settles as its callbacks say, and leaves no timer and no listener', async () => {
    await nextTurn();
    const before = timers();
    const { signal } = new AbortController();
    const options = { timeout: 60_000, signal };
    const never = () => expect.fail('stopped');
    expect(await wait<number>(options, 'x', (resolve) => resolve(7), never)).to.equal(7);
    const failed = wait(options, 'x', (_, reject) => reject(new Error('no')), never);
    expect(await failure(failed)).to.have.property('message', 'no');
    expect(timers()).to.equal(before);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });

  it('ends at its deadline with a TimeoutError that says what was waited for, and stops once', async () => {
    const stops: unknown[] = [];
    const { signal } = new AbortController();
    const waiting = wait(
      { timeout: 1, signal },
      'the dinner',
      () => {},
      (reason) => stops.push(reason),
    );
    const error = await failure(waiting);
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error).to.include({ code: 'ERR_TIMEOUT', name: 'TimeoutError' });
    expect(error.message).to.equal('the dinner was not over after 1 ms');
    expect(stops).to.deep.equal([error]);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });

  for (const misspelt of ['timout', 'timeOut', 'timeouts', 'Signal', 'signals']) {
    it(`refuses ${misspelt}: a deadline that is lost is a hang`, async () => {
      const options = { [misspelt]: 5 } as object;
      const error = await failure(
        wait(
          options,
          'x',
          () => expect.fail('started'),
          () => {},
        ),
      );
      expect(error).to.include({ name: 'TypeError', code: 'ERR_INVALID_ARG' });
      expect(error.message).to.equal(
        `there is no option ${misspelt}; did you mean timeout, or signal?`,
      );
    });
  }

  for (const options of [5, null, 'soon']) {
    it(`refuses ${options}, which is no object with options`, async () => {
      const error = await failure(
        wait(
          options as unknown as object,
          'x',
          () => expect.fail('started'),
          () => {},
        ),
      );
      expect(error).to.include({ name: 'TypeError', code: 'ERR_INVALID_ARG' });
      expect(error.message).to.match(/^a wait takes \{ timeout, signal \}, not /);
    });
  }

  for (const reason of [new Error('changed my mind'), 'a text', null, 0]) {
    it(`ends with the reason of its signal, unwrapped: ${reason}`, async () => {
      await nextTurn();
      const before = timers();
      const controller = new AbortController();
      const stops: unknown[] = [];
      const waiting = wait(
        { timeout: 60_000, signal: controller.signal },
        'x',
        () => {},
        (why) => {
          stops.push(why);
        },
      );
      controller.abort(reason);
      expect(await waiting.catch((error) => [error])).to.deep.equal([reason]);
      expect(stops).to.deep.equal([reason]);
      expect(timers()).to.equal(before);
      expect(getEventListeners(controller.signal, 'abort')).to.deep.equal([]);
    });
  }

  it('does not begin with a signal that was aborted before', async () => {
    let started = false;
    const options = { timeout: 60_000, signal: AbortSignal.abort('early') };
    const waiting = wait(
      options,
      'x',
      () => {
        started = true;
      },
      () => {},
    );
    expect(await waiting.catch((reason) => reason)).to.equal('early');
    expect(started).to.equal(false);
  });

  it('ignores what comes after its end', async () => {
    const controller = new AbortController();
    let late: (value: string) => void = () => {};
    const waiting = wait<string>(
      { signal: controller.signal },
      'x',
      (resolve) => {
        late = resolve;
      },
      () => {},
    );
    controller.abort('over');
    late('late');
    expect(await waiting.catch((reason) => reason)).to.equal('over');
  });

  for (const timeout of [Infinity, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    it(`does not end at once with a timeout of ${timeout}`, async () => {
      const warnings: Error[] = [];
      const listen = (warning: Error) => warnings.push(warning);
      process.on('warning', listen);
      let finish: (value: string) => void = () => {};
      const waiting = wait<string>(
        { timeout },
        'x',
        (resolve) => {
          finish = resolve;
        },
        () => {},
      );
      await wait(
        { timeout: 5 },
        'a little while',
        () => {},
        () => {},
      ).catch(() => {});
      await nextTurn();
      finish('in time');
      expect(await waiting).to.equal('in time');
      process.off('warning', listen);
      expect(warnings).to.deep.equal([]);
    });
  }

  for (const timeout of ['50', -1, Number.NaN, null]) {
    it(`refuses ${JSON.stringify(timeout)} as a timeout, and starts nothing`, async () => {
      let isStarted = false;
      const start = () => {
        isStarted = true;
      };
      const waiting = wait({ timeout: timeout as number }, 'it', start, () => {});
      const error = (await waiting.catch((it) => it)) as Error;
      expect(error).to.be.instanceOf(TypeError);
      expect(error).to.include({ code: 'ERR_INVALID_ARG' });
      expect(error.message).to.include('timeout must be a number of ms');
      expect(isStarted).to.equal(false);
    });
  }

  for (const signal of [5, 'abort', {}, new AbortController()]) {
    it(`refuses ${Object.prototype.toString.call(signal)} as a signal, and starts nothing`, async () => {
      await nextTurn();
      const before = timers();
      const options = { signal: signal as never, timeout: 60_000 };
      const stops: unknown[] = [];
      const stop = (reason: unknown) => void stops.push(reason);
      const error = await failure(wait(options, 'it', () => expect.fail('started'), stop));
      expect(error).to.be.instanceOf(TypeError).and.include({ code: 'ERR_INVALID_ARG' });
      expect(error.message).to.include('signal must be an AbortSignal');
      expect(stops).to.deep.equal([error]);
      expect(timers()).to.equal(before);
    });
  }

  it('asks for the name of what was waited for when it is late, and not before', async () => {
    let name = 'early';
    const start = () => {
      name = 'late';
    };
    const error = await failure(
      wait(
        { timeout: 1 },
        () => name,
        start,
        () => {},
      ),
    );
    expect(error.message).to.equal('late was not over after 1 ms');
  });
});
