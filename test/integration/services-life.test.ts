/** How services start, meet, are given up, and end. Rows 142 to 144. */

import { type Context, Router, thisContext } from '@kinetin/master';
import { expect } from 'chai';
import type * as fixture from '../fixtures/services.js';
import {
  Concurrent,
  Deduplicated,
  forget,
  Keeping,
  Listening,
  logUntil,
  Named,
  Once,
  openRoom,
  Reluctant,
  readLog,
  Serial,
  Waiting,
} from '../fixtures/services.js';
import { failure } from '../support/failure.js';

const quiet = { onLog: () => {} };
const fixtureUrl = new URL('../fixtures/services.ts', import.meta.url);

describe('the life of services', () => {
  let router: Router;
  beforeEach(() => {
    forget();
    router = new Router(quiet);
  });
  afterEach(() => router.shutdown());

  describe('begins with the first call from above (row 142)', () => {
    it('once, whoever comes first of several who may', async () => {
      const hop = await router.local();
      const leaf = await router.local({ via: hop });
      // A whole module: so that the context knows the class by what it runs.
      const there = await hop.import<typeof fixture>(fixtureUrl);
      const ids = await Promise.all([
        there.idOfOnce(leaf),
        leaf.service(Once).id(),
        there.idOfOnce(leaf),
        leaf.service(Once).id(),
      ]);
      expect(new Set(ids)).to.have.lengthOf(1);
      expect(await leaf.call(readLog)).to.deep.equal(['made']);
    });

    it('also where the master has no part in it', async () => {
      const hop = await router.local();
      const leaf = await router.local({ via: hop });
      const there = await hop.import<typeof fixture>(fixtureUrl);
      expect(await there.idOfOnce(leaf)).to.equal(await leaf.service<typeof Once>('once').id());
    });

    it('and with no other call', async () => {
      const [one, two] = await Promise.all([router.local({ name: 'one' }), router.local()]);
      const there = await two.import<typeof fixture>(fixtureUrl);
      const error = await failure(there.idOfOnce(one));
      expect(error).to.include({ code: 'ERR_NO_SERVICE' });
      expect(error.message).to.equal(
        `there is no service once in one: serve one there; context ${two.id} cannot start it, as ` +
          'those above could',
      );
      expect(await one.call(readLog)).to.deep.equal([]);
      const id = await one.service(Once).id();
      expect(await there.idOfOnce(one)).to.equal(id);
    });

    it('not in the master, which starts nothing for those below', async () => {
      const hop = await router.local();
      const there = await hop.import<typeof fixture>(fixtureUrl);
      const ask = hop.call(() => thisContext().router.master);
      expect(await failure(there.idOfOnce(await ask))).to.include({ code: 'ERR_NO_SERVICE' });
    });

    it('and again with the next one where the instance could not be made', async () => {
      const context = await router.local();
      const reluctant = context.service(Reluctant);
      const attempts = [reluctant.work(), reluctant.work()];
      for (const attempt of attempts) expect((await failure(attempt)).message).to.equal('not now');
      expect(await reluctant.work()).to.equal('done');
      expect(await context.call(readLog)).to.deep.equal(['asked', 'asked']);
    });

    it('but not where the constructor wants arguments', async () => {
      const context = await router.local();
      expect(await failure(context.service(Named).name())).to.include({ code: 'ERR_NO_SERVICE' });
      await context.call(() => thisContext().router.serve(new Named('Ada')));
      expect(await context.service(Named).name()).to.equal('Ada');
    });

    it('and not at all for a class inside of a function, or what is no service', async () => {
      const context = await router.local();
      class Inner extends Once {}
      const error = await failure(context.service(Inner).id());
      expect(error).to.include({ code: 'ERR_NOT_CALLABLE' });
      expect(error.message).to.include('declare it there');
      const made = (context as unknown as { call(fn: unknown): Promise<never> }).call(Once);
      expect(await failure(made)).to.include({ code: 'ERR_NOT_CALLABLE' });
    });
  });

  describe('goes on until it is stopped (row 143)', () => {
    it('and then has a clear end', async () => {
      const context = await router.local();
      const serial = context.service(Serial);
      const running = serial.enter('running');
      const waiting = serial.enter('waiting');
      await context.call(logUntil, 1);
      await context.call(() => {
        thisContext().router.unserve('serial');
        thisContext().router.unserve('serial');
      });
      const late = await failure(serial.enter('late'));
      expect(late).to.include({ code: 'ERR_SERVICE_STOPPED', remoteName: 'ServiceError' });
      await context.call(openRoom);
      expect(await running).to.match(/^running /);
      expect(await failure(waiting)).to.include({ code: 'ERR_SERVICE_STOPPED' });
      expect(await context.call(readLog)).to.deep.equal(['running', 'stopped']);
    });

    it('so that another of the name can be served', async () => {
      const context = await router.local();
      const serve = (name: string) => thisContext().router.serve(new Named(name));
      await context.call(serve, 'Ada');
      expect(await failure(context.call(serve, 'Bea'))).to.include({ code: 'ERR_SERVICE_EXISTS' });
      expect(await context.service(Named).name()).to.equal('Ada');
      await context.call(() => thisContext().router.unserve('named'));
      await context.call(serve, 'Bea');
      expect(await context.service(Named).name()).to.equal('Bea');
    });

    it('or its thread ends, which fails what it owes', async () => {
      const context = await router.local();
      const once = context.service(Once);
      const id = await once.id();
      await context.call(() => thisContext().router.serve(new Named('Ada')));
      const waits = failure(context.service(Waiting).forEver());
      await context.call(logUntil, 2);
      const exits = failure(context.call(() => process.exit(3)));
      for (const ended of [waits, exits]) {
        expect(await ended).to.include({ code: 'ERR_THREAD_ENDED' });
      }
      // Started again by the call; one that was served is gone with its thread.
      expect(await once.id()).to.not.equal(id);
      const named = context.service(Named).name();
      expect(await failure(named)).to.include({ code: 'ERR_NO_SERVICE' });
    });

    it('or its context is lost', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      const wait = (other: Context) => other.service<typeof Waiting>('waiting').forEver();
      await one.call(() => thisContext().router.serve(new Waiting()));
      const waits = [one.service(Waiting).forEver(), two.call(wait, one)].map(failure);
      await one.call(logUntil, 2);
      await one.shutdown();
      for (const lost of waits) expect(await lost).to.include({ code: 'ERR_CONTEXT_LOST' });
    });
  });

  describe('has its own order of calls (row 144)', () => {
    it('concurrent: all at once', async () => {
      const context = await router.local();
      const service = context.service(Concurrent);
      const answers = ['a', 'b', 'c'].map((name) => service.enter(name));
      expect(await context.call(logUntil, 3)).to.deep.equal(['a', 'b', 'c']);
      await context.call(openRoom);
      const names = (await Promise.all(answers)).map((answer) => answer[0]);
      expect(names).to.deep.equal(['a', 'b', 'c']);
    });

    it('serial: one at a time, in the order in which they came, also after a failure', async () => {
      const context = await router.local();
      const service = context.service(Serial);
      const failed = failure(service.fail('a'));
      const answers = ['b', 'c'].map((name) => service.enter(name));
      // They have come before this is asked.
      expect(await context.call(logUntil, 1)).to.deep.equal(['a']);
      await context.call(openRoom);
      expect((await failed).message).to.equal('a failed');
      await Promise.all(answers);
      expect(await context.call(readLog)).to.deep.equal(['a', 'b', 'c']);
    });

    it('deduplicated: the same call once, for all who wait', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      const service = one.service(Deduplicated);
      const first = service.enter('x');
      const other = service.enter('y');
      const failures = [service.fail('z'), service.fail('z')].map(failure);
      await one.call(logUntil, 3);
      const enterX = (context: Context) =>
        context.service<typeof Deduplicated>('deduplicated').enter('x');
      const again = [service.enter('x'), two.call(enterX, one)];
      // The call of two has come when this has been answered, which went the same way behind it.
      const probe = (context: Context) =>
        (context.service('deduplicated') as unknown as { probe(): Promise<never> }).probe();
      expect(await failure(two.call(probe, one))).to.include({ code: 'ERR_NO_METHOD' });
      expect(await one.call(readLog)).to.deep.equal(['x', 'y', 'z']);
      await one.call(openRoom);
      const x = await first;
      expect(await Promise.all(again)).to.deep.equal([x, x]);
      expect(await other).to.match(/^y /);
      for (const failed of failures) expect((await failed).message).to.equal('z failed');
      // Nothing is kept.
      expect(await service.enter('x')).to.not.equal(x);
      expect(await one.call(readLog)).to.deep.equal(['x', 'y', 'z', 'x']);
    });

    it('deduplicated: also where a signal is among the arguments', async () => {
      const context = await router.local();
      await context.call(openRoom);
      const service = context.service(Listening);
      const { signal } = new AbortController();
      const same = [service.hear(signal), service.hear(signal)];
      expect(await Promise.all(same)).to.deep.equal([false, false]);
      expect(await context.call(readLog)).to.deep.equal(['hears']);
    });

    it('deduplicated: results are kept where the service says so, failures are not', async () => {
      const context = await router.local();
      await context.call(openRoom);
      const service = context.service(Keeping);
      const x = await service.enter('x');
      expect(await service.enter('x')).to.equal(x);
      expect(await service.enter('y')).to.not.equal(x);
      await failure(service.fail('z'));
      await failure(service.fail('z'));
      expect(await context.call(readLog)).to.deep.equal(['x', 'y', 'z', 'z']);
    });
  });

  describe('knows calls that are given up', () => {
    it('ends the wait, and leaves out a call that has not begun', async () => {
      const context = await router.local();
      const abort = new AbortController();
      const running = context.service(Serial).enter('running');
      const given = context.with({ signal: abort.signal }).service(Serial).enter('given up');
      const last = context.service(Serial).enter('last');
      await context.call(logUntil, 1);
      abort.abort(new Error('enough'));
      expect((await failure(given)).message).to.equal('enough');
      await context.call(openRoom);
      await Promise.all([running, last]);
      expect(await context.call(readLog)).to.deep.equal(['running', 'last']);
    });

    it('ends the wait after the timeout, and nothing else', async () => {
      const context = await router.local();
      const id = await context.service(Once).id();
      const late = context.with({ timeout: 20 }).service(Waiting).forEver();
      expect(await failure(late)).to.include({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
      // The thread and its services live on.
      expect(await context.service(Once).id()).to.equal(id);
    });

    for (const workThread of ['eager', 'none'] as const) {
      it(`tells the method by the signal among its arguments (workThread: ${workThread})`, async () => {
        const context = await router.local({ workThread });
        const abort = new AbortController();
        const told = context.service(Waiting).untilAborted(abort.signal);
        await context.call(logUntil, 1);
        abort.abort('enough');
        expect(await told).to.equal('aborted: enough');
        const before = AbortSignal.abort('before');
        expect(await context.service(Waiting).untilAborted(before)).to.equal('aborted: before');
      });
    }

    it('tells a method of the master also when the caller is lost', async () => {
      const context = await router.local();
      router.serve(new Waiting());
      const wait = () => {
        const { signal } = new AbortController();
        return thisContext().router.master.service<typeof Waiting>('waiting').untilAborted(signal);
      };
      const waits = failure(context.call(wait));
      await logUntil(1);
      await context.shutdown();
      expect(await waits).to.include({ code: 'ERR_CONTEXT_LOST' });
      expect(await logUntil(2)).to.deep.equal(['waits', 'aborted: ERR_CONTEXT_LOST']);
    });

    it('also for siblings, and in the master', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      await one.call(() => thisContext().router.serve(new Waiting()));
      router.serve(new Waiting());
      const giveUp = async (other?: Context) => {
        const abort = new AbortController();
        const callee = other || thisContext().router.master;
        const told = callee.service<typeof Waiting>('waiting').untilAborted(abort.signal);
        abort.abort('enough');
        return await told;
      };
      expect(await two.call(giveUp, one)).to.equal('aborted: enough');
      expect(await two.call(giveUp)).to.equal('aborted: enough');
    });
  });
});
