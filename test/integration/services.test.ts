/** Services: who may call what, with which arguments, and what comes of it. Rows 139 to 141. */

import { type Context, type LogRecord, Router, thisContext } from '@kinetin/master';
import { expect } from 'chai';
import { Greeter, logUntil, Named, Notes, readLog, Vault, Waiting } from '../fixtures/services.js';
import { failure } from '../support/failure.js';

const serveGreeter = () => thisContext().router.serve(new Greeter());
const serveVault = () => thisContext().router.serve(new Vault());

describe('services', () => {
  let router: Router;
  let records: LogRecord[];
  let onRecord: (record: LogRecord) => void;
  beforeEach(() => {
    records = [];
    onRecord = () => {};
    router = new Router({
      onLog: (record) => {
        records.push(record);
        onRecord(record);
      },
    });
  });
  afterEach(() => router.shutdown());

  describe('called by name (row 139)', () => {
    for (const workThread of ['eager', 'lazy', 'none'] as const) {
      it(`answer the first message of a context that is being started (${workThread})`, async () => {
        const context = router.local({ name: 'leaf', workThread, via: router.local() });
        const greeter = context.service(Greeter);
        const answers = await Promise.all([greeter.greet('you', 2), greeter.here()]);
        expect(answers).to.deep.equal(['hello youhello you', (await context).name]);
      });
    }

    it('need no more than the type of the class where they run already', async () => {
      const context = await router.local();
      await context.call(serveGreeter);
      expect(await context.service<typeof Greeter>('greeter').greet('you')).to.equal('hello you');
    });

    it('take values of all kinds', async () => {
      const greeter = router.local().service(Greeter);
      const bytes = Buffer.from('bytes');
      const answer = await greeter.describe({ at: new Date(5) }, [1n, undefined], bytes);
      expect(answer).to.deep.equal({ object: { at: new Date(5) }, list: [1n, undefined], bytes });
    });

    it('fail as functions do', async () => {
      const error = await failure(router.local({ name: 'leaf' }).service(Greeter).fail());
      expect(error).to.include({ code: 'ERR_MINE', remoteName: 'RangeError', detail: 5 });
      expect(error.stack).to.match(
        /fixtures\/services\.ts:\d+[\s\S]*in context leaf[\s\S]*services\.test/,
      );
    });

    it('return generators to those above', async () => {
      const numbers = [];
      for await (const n of await router.local().service(Greeter).count(3)) numbers.push(n);
      expect(numbers).to.deep.equal([1, 2, 3]);
    });

    it('are called by siblings, and call those', async () => {
      const [one, two] = await Promise.all([
        router.local({ name: 'one' }),
        router.local({ name: 'two' }),
      ]);
      await Promise.all([one.call(serveGreeter), two.call(serveGreeter)]);
      const meet = async (other: Context) => {
        const greeter = other.service<typeof Greeter>('greeter');
        return [await greeter.here(), await greeter.greet(thisContext().name)];
      };
      const met = await Promise.all([one.call(meet, two), two.call(meet, one)]);
      expect(met).to.deep.equal([
        ['two', 'hello one'],
        ['one', 'hello two'],
      ]);
    });

    it('of the own context can be called there', async () => {
      const context = await router.local();
      await context.call(serveGreeter);
      const own = () => thisContext().service<typeof Greeter>('greeter').greet('me');
      expect(await context.call(own)).to.equal('hello me');
    });

    it('of the master are how children ask the program for things', async () => {
      router.serve(new Named('the program'));
      const leaf = router.local({ via: router.local() });
      const ask = () => thisContext().router.master.service<typeof Named>('named').name();
      expect(await leaf.call(ask)).to.equal('the program');
      router.unserve(Named);
      expect(await failure(leaf.call(ask))).to.include({ code: 'ERR_SERVICE_STOPPED' });
    });

    it('have one method for each that is exposed, and no other', async () => {
      const context = await router.local();
      const greeter = context.service(Greeter);
      expect((greeter as unknown as { secret: unknown }).secret).to.equal(undefined);
      expect(await greeter).to.equal(greeter);
      for (const name of ['secret', 'onStop', 'prototype', 'greeter']) {
        await context.call(serveGreeter).catch(() => {});
        const byName = context.service('greeter') as never as Record<string, () => Promise<never>>;
        const error = await failure(byName[name]!());
        expect(error, name).to.include({ code: 'ERR_NO_METHOD', remoteName: 'ServiceError' });
        expect(error.message).to.include('greet, describe, even');
      }
    });

    it('that are not there are said not to be there', async () => {
      const context = await router.local({ name: 'leaf' });
      const error = await failure(context.service<typeof Greeter>('greeter').greet('you'));
      expect(error).to.include({ code: 'ERR_NO_SERVICE' });
      expect(error.message).to.equal(
        'there is no service greeter in leaf: serve one there, or call it by its class, whose constructor takes no arguments',
      );
    });
  });

  describe('have a policy for each method (row 140)', () => {
    it('which lets those above in, everybody, or those that a function says', async () => {
      const contexts = [router.local(), router.local(), router.local()] as const;
      const [one, two, three] = await Promise.all(contexts);
      await one.call(serveVault);
      const attempt = async (other: Context) => {
        const vault = other.service<typeof Vault>('vault');
        const codeOf = (error: { code: string }) => error.code;
        return [
          await vault.look(),
          await vault.open().catch(codeOf),
          await vault.knock().catch(codeOf),
        ];
      };
      expect(await two.call(attempt, one)).to.deep.equal(['a door', 'ERR_REFUSED', 'come in']);
      expect(await three.call(attempt, one)).to.deep.equal([
        'a door',
        'ERR_REFUSED',
        'ERR_REFUSED',
      ]);
      const vault = one.service(Vault);
      const own = await Promise.all([vault.look(), vault.open(), vault.knock()]);
      expect(own).to.deep.equal(['a door', 'gold', 'come in']);
      expect(await one.call(attempt, one)).to.deep.equal(['a door', 'gold', 'come in']);
    });

    it('which counts for those below, too, and for the services of the master', async () => {
      router.serve(new Vault());
      const hop = await router.local();
      const leaf = await router.local({ via: hop });
      await hop.call(serveVault);
      const openOf = (other: Context) => other.service<typeof Vault>('vault').open();
      const refused = await failure(leaf.call(openOf, hop));
      expect(refused.message).to.include(`context ${leaf.id} may not call vault.open`);
      const openMaster = () => thisContext().router.master.service<typeof Vault>('vault').open();
      expect(await failure(leaf.call(openMaster))).to.include({ code: 'ERR_REFUSED' });
    });

    it('which takes nothing but true for a yes', async () => {
      const error = await failure(router.local().service(Vault).wave());
      expect(error).to.include({ code: 'ERR_REFUSED' });
    });

    it('and are not served where one has none', async () => {
      class Open extends Vault {
        static override readonly exposed = { look: {} } as never;
      }
      expect(() => router.serve(new Open()))
        .to.throw(TypeError, 'look has no policy')
        .with.property('code', 'ERR_INVALID_ARG');
    });

    it('that a sibling cannot get around with messages of its own making', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      await one.call(serveVault);
      const abort = new AbortController();
      const waits = one.service(Waiting).untilAborted(abort.signal);
      await one.call(logUntil, 1);
      const attack = async ({ id }: Context) => {
        const core = thisContext().router.workplace.router;
        const send = (payload: unknown) =>
          core.request(id, 112, core.encode(payload)).then(
            () => 'answered',
            (error: { code?: string; name: string }) => error.code || error.name,
          );
        const payloads: unknown[] = [
          ['vault', 'open', [], undefined],
          // What would call a function, were it a CALL.
          ['process', ['cwd'], []],
          ['', ['process', 'exit'], [3]],
          [112, ['take'], []],
          ['vault', 'constructor', []],
          ['vault', '__proto__', []],
          ['__proto__', 'open', []],
          ['vault', 'look', 'no list'],
          ['vault', 'look', [1]],
          ['x'.repeat(1000), 'look', []],
          [],
          {},
          null,
          undefined,
          'vault',
        ];
        const answers = [];
        for (const payload of payloads) answers.push(await send(payload));
        // Gives up the calls of others, as far as it can guess.
        for (let handle = 1000; handle < 1020; handle++)
          core.post(id, 112, [handle, 'enough', true]);
        return answers;
      };
      expect(await two.call(attack, one)).to.deep.equal([
        'ERR_REFUSED',
        'ERR_BAD_PAYLOAD',
        'ERR_BAD_PAYLOAD',
        // Aborts the signals of a call that there is not.
        'answered',
        'ERR_NO_METHOD',
        'ERR_NO_METHOD',
        'ERR_NO_SERVICE',
        'ERR_BAD_PAYLOAD',
        'ERR_INVALID_ARG',
        'ERR_BAD_PAYLOAD',
        ...Array(5).fill('ERR_BAD_PAYLOAD'),
      ]);
      abort.abort('by its caller');
      expect(await waits).to.equal('aborted: by its caller');
    });

    it('and keep generators for those who may call their steps', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      await one.call(serveGreeter);
      const count = async (other: Context) => {
        await other.service<typeof Greeter>('greeter').count(3);
      };
      const error = await failure(two.call(count, one));
      expect(error).to.include({ code: 'ERR_REFUSED' });
      expect(error.message).to.include('generators');
    });
  });

  describe('check their arguments (row 141)', () => {
    const wrong: [args: unknown[], message: string][] = [
      [[], 'argument 1 is missing; it must be of type string'],
      [[5], 'argument 1 must be of type string, not number'],
      [[null], 'argument 1 must be of type string, not null'],
      [['you', '2'], 'argument 2 must be of type number, not string'],
      [['you', 1, true], 'it takes at most 2 arguments, not 3'],
    ];
    it('before the method runs', async () => {
      const context = await router.local();
      const { greet } = context.service(Greeter) as unknown as {
        greet(...args: unknown[]): Promise<string>;
      };
      for (const [args, message] of wrong) {
        const error = await failure(greet(...args));
        expect(error).to.include({ code: 'ERR_INVALID_ARG', remoteName: 'TypeError' });
        expect(error.message).to.equal(`cannot call greeter.greet: ${message}`);
      }
      expect(await greet('you')).to.equal('hello you');
      expect(await context.call(readLog)).to.deep.equal(['greet you']);
    });

    it('by functions of their own', async () => {
      const greeter = router.local().service(Greeter);
      expect(await greeter.even(4)).to.equal(4);
      const error = await failure(greeter.even(5));
      expect(error.message).to.equal(
        'cannot call greeter.even: argument 1 is not what the method accepts',
      );
    });
  });

  describe('that do not reply (row 141)', () => {
    it('resolve when the call has left, and before it is done', async () => {
      const context = await router.local();
      const notes = context.service(Notes);
      expect(await notes.take('one')).to.equal(undefined);
      expect(await notes.slow()).to.equal(undefined);
      expect(await context.service<typeof Notes>('notes').slow()).to.equal(undefined);
      expect(await context.call(logUntil, 3)).to.deep.equal(['one', 'slow', 'slow']);
    });

    it('report failures to the log', async () => {
      const two = await router.local();
      const one = await router.local({ name: 'one' });
      const logged = new Promise<void>((resolve) => {
        onRecord = ({ text }) => text.includes('end of test') && resolve();
      });
      const notes = one.service(Notes);
      await notes.lose();
      await (notes as unknown as { take(value: number): Promise<void> }).take(5);
      // By name there is an answer, so that a refusal is one.
      const hide = (other: Context) => other.service<typeof Notes>('notes').hide();
      expect(await failure(two.call(hide, one))).to.include({ code: 'ERR_REFUSED' });
      await one.call(() => console.log('end of test'));
      await logged;
      const failures = records.filter(
        ({ level, context }) => level === 'error' && context === 'one',
      );
      const texts = failures.map(({ text }) => text).join('\n');
      expect(texts).to.include('notes.lose failed: Error: the note is lost');
      expect(texts).to.include('cannot call notes.take: argument 1 must be of type string');
    });

    it('take no signals, and fail where the context is known to be lost', async () => {
      const context = await router.local();
      const { take } = context.service(Notes) as unknown as {
        take(value: unknown): Promise<void>;
      };
      const { signal } = new AbortController();
      expect(await failure(take(signal))).to.include({ code: 'ERR_NOT_SERIALIZABLE' });
      await context.shutdown();
      expect(await failure(take('late'))).to.include({ code: 'ERR_NO_ROUTE' });
    });
  });
});
