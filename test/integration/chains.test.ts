/** Chains: calls that run one after another, and none after one that failed. */

import { hostname } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CallChain, type Context, type LogRecord, type Router, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { until } from '../support/processes.js';

const quiet = { onLog: () => {} };
const world = globalThis as { notes?: string[] };

/** Notes when it begins, and ends when another one has begun. */
async function noteAndMeet(name: string): Promise<void> {
  const notes = (world.notes ??= []);
  notes.push(`${name} begins`);
  while (notes.length < 2) await nextTurn();
}

/** Notes when it begins and, some turns of the event loop later, when it ends. */
async function note(name: string): Promise<string> {
  world.notes = [...(world.notes ?? []), `${name} begins`];
  for (let i = 0; i < 5; i++) await nextTurn();
  world.notes.push(`${name} ends`);
  return name;
}

async function fail(message: string): Promise<void> {
  await note('failing');
  throw Object.assign(new RangeError(message), { code: 'ERR_OWN' });
}

/** What was noted in that context since it was asked last. */
function takeNotes(): string[] {
  const { notes = [] } = world;
  world.notes = [];
  return notes;
}

const unsendable = () => ({ socket() {} });
const both = (...names: string[]) => names.flatMap((name) => [`${name} begins`, `${name} ends`]);
const codeOf = async (promise: Promise<unknown>) => (await failure(promise)) as { code?: string };

/** Keeps to the thread that it runs in, which ends. */
const endThread = () => process.exit(3);

describe('a chain of calls', () => {
  const withContext = (main: (context: Context, router: Router) => Promise<void>) =>
    withRouter(async (router) => main(await router.local(), router), quiet);

  for (const workThread of ['eager', 'none'] as const) {
    it(`runs them one after another, asynchronous ones too (workThread: ${workThread})`, async () => {
      await withRouter(async (router) => {
        const context = router.local({ workThread });
        await Promise.all(['a', 'b'].map((name) => context.call(noteAndMeet, name)));
        const overlapping = ['a begins', 'b begins'];
        expect(await context.call(takeNotes), 'without a chain').to.deep.equal(overlapping);
        const chain = new CallChain(context);
        const names = ['a', 'b', 'c', 'd'];
        const results = await Promise.all([
          chain.call(note, 'a'),
          chain.callNoReply(note, 'b'),
          chain.callAsync(note, 'c').get(),
          chain.with({ timeout: 1e6 }).call(note, 'd'),
        ]);
        expect(results).to.deep.equal(['a', undefined, 'c', 'd']);
        expect(await context.call(takeNotes)).to.deep.equal(both(...names));
      });
    });
  }

  it('leaves at once, with the bootstrap, through hops that are still connecting', async () => {
    await withRouter(async (router) => {
      const chain = new CallChain(router.local({ via: router.local() }));
      const answers = ['a', 'b', 'c'].map((name) => chain.call(note, name));
      expect(await Promise.all(answers)).to.deep.equal(['a', 'b', 'c']);
      expect(await chain.call(takeNotes)).to.deep.equal(both('a', 'b', 'c'));
    });
  });

  it('fails all calls after the first that failed with its error, and runs none of them', async () => {
    await withContext(async (context) => {
      const chain = new CallChain(context);
      const before = chain.call(note, 'before');
      const failed = failure(chain.call(fail, 'enough'));
      const inFlight = [
        failure(chain.call(note, 'in flight')),
        failure(chain.callAsync(note, 'in flight').get()),
      ];
      expect(await before).to.equal('before');
      const error = await failed;
      expect(error).to.include({ name: 'CallError', code: 'ERR_OWN', message: 'enough' });
      expect(await Promise.all(inFlight)).to.deep.equal([error, error]);
      expect(await failure(chain.call(note, 'later'))).to.equal(error);
      expect(await failure(chain.callNoReply(note, 'later'))).to.equal(error);
      expect(await context.call(takeNotes)).to.deep.equal(both('before', 'failing'));
    });
  });

  it('goes on after reset, behind what was there before', async () => {
    await withContext(async (context) => {
      const chain = new CallChain(context);
      const failed = failure(chain.call(fail, 'first'));
      const stopped = failure(chain.call(note, 'stopped'));
      chain.reset();
      const after = chain.call(note, 'after');
      expect(await after).to.equal('after');
      expect(await stopped).to.equal(await failed);
      expect(await chain.call(takeNotes)).to.deep.equal([
        ...both('failing').slice(0, 1),
        'failing ends',
        ...both('after'),
      ]);
      await failure(chain.call(fail, 'second'));
      chain.reset();
      expect(await chain.call(note, 'again')).to.equal('again');
    });
  });

  it('does not interfere with other chains, other calls, and chains of other callers', async () => {
    await withContext(async (context, router) => {
      const below = await router.local({ via: context });
      const chain = new CallChain(below);
      const other = new CallChain(below);
      const failed = failure(chain.call(fail, 'alone'));
      const answers = [other.call(note, 'other'), below.call(hostname)];
      expect(await Promise.all(answers)).to.deep.equal(['other', hostname()]);
      await failed;
      const there = await context.call(async (target: Context) => {
        const own = new CallChain(target);
        const results = await Promise.all([own.call(hostname), own.call(hostname)]);
        const [first, second] = await Promise.all(
          [own.call(process.chdir, '/nowhere'), own.call(hostname)].map((call) =>
            call.then(
              () => 'no error',
              (error) => error.code,
            ),
          ),
        );
        own.reset();
        return [...results, first, second, await own.call(hostname)];
      }, below);
      const name = hostname();
      expect(there).to.deep.equal([name, name, 'ENOENT', 'ENOENT', name]);
      expect(await other.call(hostname)).to.equal(name);
    });
  });

  it('is stopped by a call without reply that fails, which is in the log, and alone', async () => {
    const records: LogRecord[] = [];
    await withRouter(
      async (router) => {
        const context = await router.local();
        const chain = new CallChain(context);
        await chain.callNoReply(fail, 'unheard');
        await chain.callNoReply(note, 'stopped');
        await chain.callNoReply(note, 'stopped');
        expect(await failure(chain.call(hostname))).to.include({
          code: 'ERR_OWN',
          message: 'unheard',
        });
        expect(await context.call(takeNotes)).to.deep.equal(both('failing'));
        await until('it is in the log', () => records.length > 0);
      },
      { onLog: (record) => records.push(record) },
    );
    const failures = records.filter(({ text }) => text.includes('a call without reply failed'));
    expect(failures).to.have.lengthOf(1);
    expect(failures[0]).to.include({ level: 'error' });
    expect(failures[0]?.text).to.include('unheard');
  });

  it('is stopped by a call that could not leave, but for the calls before it', async () => {
    await withContext(async (context) => {
      for (const prepared of [false, true]) {
        const chain = new CallChain(context);
        const before = chain.call(note, 'before');
        const bad = failure(chain.call(note, (() => 1) as never));
        const after = failure(chain.call(note, 'after'));
        const error = await bad;
        expect(error).to.include({ code: 'ERR_NOT_SERIALIZABLE' });
        expect(await after, `prepared: ${prepared}`).to.equal(error);
        expect(await before).to.equal('before');
        expect(await context.call(takeNotes)).to.deep.equal(both('before'));
      }
      const chain = new CallChain(context);
      const local = 1;
      const bad = failure(chain.call(() => local));
      const after = failure(chain.callNoReply(note, 'after'));
      expect(await bad).to.include({ code: 'ERR_FREE_IDENTIFIER' });
      expect(await after).to.equal(await bad);
    });
  });

  it('is stopped by a call that is given up before those before it have left, but for those', async () => {
    await withContext(async (context) => {
      const chain = new CallChain(context);
      const reason = new Error('changed my mind');
      const before = chain.call(() => 'its text has to be found first');
      const givenUp = failure(chain.with({ signal: AbortSignal.abort(reason) }).call(hostname));
      const after = failure(chain.call(hostname));
      expect(await givenUp).to.equal(reason);
      expect(await before).to.equal('its text has to be found first');
      expect(await after).to.equal(reason);
    });
  });

  it('is stopped by a result that cannot travel', async () => {
    await withContext(async (context) => {
      const chain = new CallChain(context);
      const bad = failure(chain.call(unsendable));
      const after = failure(chain.call(note, 'after'));
      expect(await bad).to.include({ code: 'ERR_NOT_SERIALIZABLE' });
      expect(await after).to.equal(await bad);
      expect(await context.call(takeNotes)).to.deep.equal([]);
    });
  });

  it('is stopped by a call that was given up, though its function ends well', async () => {
    await withContext(async (context) => {
      const chain = new CallChain(context);
      const abort = new AbortController();
      const reason = new Error('changed my mind');
      const endsWell = async (signal: AbortSignal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return 'well';
      };
      await chain.call(hostname);
      await context.call(() => {
        (globalThis as { mark?: string }).mark = 'same thread';
      });
      const limits = { signal: abort.signal, grace: 1e6 };
      const givenUp = failure(chain.with(limits).call(endsWell, abort.signal));
      const inFlight = failure(chain.call(note, 'in flight'));
      await context.call(hostname);
      abort.abort(reason);
      expect(await givenUp).to.equal(reason);
      expect(await inFlight).to.equal(reason);
      expect(await context.call(takeNotes)).to.deep.equal([]);
      expect(await context.call(() => (globalThis as { mark?: string }).mark)).to.equal(
        'same thread',
      );
    });
  });

  it('gives up a call that waits for its turn without ending the thread for it', async () => {
    await withContext(async (context) => {
      const chain = new CallChain(context);
      const abort = new AbortController();
      const release = new AbortController();
      const untilReleased = async (signal: AbortSignal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return 'released';
      };
      await context.call(note, 'known');
      const first = chain.call(untilReleased, release.signal);
      const waiting = chain.with({ signal: abort.signal, grace: 1000 }).call(note, 'waiting');
      const last = failure(chain.call(note, 'last'));
      // Prepared, and sent.
      await context.call(takeNotes);
      abort.abort(new Error('not needed'));
      expect(await failure(waiting)).to.include({ message: 'not needed' });
      // Answered only once the call that was given up has ended, or its thread.
      expect(await context.call(takeNotes)).to.deep.equal([]);
      release.abort();
      expect(await first, 'the one before it goes on').to.equal('released');
      expect(await last).to.include({ message: 'not needed' });
      expect(await context.call(takeNotes)).to.deep.equal([]);
    });
  });

  it('says so where its thread has ended and nobody knows what became of the calls before', async () => {
    await withContext(async (context) => {
      const [answered, unheard] = [new CallChain(context), new CallChain(context)];
      await answered.call(hostname);
      await unheard.callNoReply(note, 'unheard');
      await codeOf(context.call(endThread));
      expect(await answered.call(hostname)).to.equal(hostname());
      const inFlight = [codeOf(unheard.call(note, 'lost')), codeOf(unheard.call(note, 'lost'))];
      for (const error of await Promise.all(inFlight)) {
        expect(error).to.include({ code: 'ERR_CHAIN_LOST' });
      }
      expect(await context.call(takeNotes)).to.deep.equal([]);
      unheard.reset();
      expect(await unheard.call(hostname)).to.equal(hostname());
    });
  });

  it('fails with its context', async () => {
    await withContext(async (context) => {
      const chain = new CallChain(context);
      const waiting = [chain.call(() => new Promise(() => {})), chain.call(hostname)].map(failure);
      await context.call(hostname);
      await context.shutdown();
      const [first, second] = await Promise.all(waiting);
      expect(first).to.include({ code: 'ERR_CONTEXT_LOST' });
      expect(second).to.equal(first);
      await chain[Symbol.asyncDispose]();
    });
  });

  it('ends with its block: all its calls are over then, and others refused', async () => {
    await withContext(async (context) => {
      let ended: CallChain<Context> | undefined;
      {
        await using chain = new CallChain(context);
        ended = chain;
        await chain.callNoReply(note, 'a');
        chain.callNoReply(note, 'b');
      }
      expect(await context.call(takeNotes)).to.deep.equal(both('a', 'b'));
      expect(await codeOf(ended.call(hostname))).to.include({ code: 'ERR_CHAIN_ENDED' });
      ended.reset();
      expect(await codeOf(ended.callNoReply(hostname))).to.include({ code: 'ERR_CHAIN_ENDED' });
      await using unused = new CallChain(context);
      expect(unused.origin).to.equal(context);
    });
  });

  it('may return generators, and run functions of imported modules', async () => {
    await withContext(async (context) => {
      const chain = new CallChain(context);
      const count = function* () {
        yield* [1, 2];
      };
      const got: number[] = [];
      for await (const item of await chain.call(count)) got.push(item);
      expect(got).to.deep.equal([1, 2]);
      expect(await chain.call(hostname)).to.equal(hostname());
    });
  });
});
