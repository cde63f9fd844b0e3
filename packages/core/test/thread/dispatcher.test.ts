import { createRequire } from 'node:module';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { stateOf } from '../../../../test/support/router-state.js';
import { settle } from '../../../../test/support/stream-pair.js';
import { Router } from '../../src/routing/router.js';
import { Loader } from '../../src/runtime/loader.js';
import { Dispatcher } from '../../src/thread/dispatcher.js';
import { CALL } from '../../src/wire/handles.js';

/** Hashes as they travel: 32 bytes. */
const hashOf = (digit: string): Buffer => Buffer.from(digit.repeat(64), 'hex');

const MODULE = `
exports.add = (a, b) => a + b;
exports.later = async (ms, value) => { await null; return value; };
exports.fails = () => { throw Object.assign(new RangeError('failed'), { code: 'ERR_OWN' }); };
exports.rejects = async () => { throw new TypeError('rejected'); };
exports.throwsText = () => { throw 'just a text'; };
exports.throwsNothing = () => { throw undefined; };
exports.gives = { up: { to: { whom() { return this === exports.gives.up.to; } } } };
exports.unsendable = () => ({ socket: { on() {} } });
exports.oddThenable = () => ({ get then() { throw new Error('odd then'); } });
exports.thenable = () => ({ then: (resolve) => resolve('settled') });
exports.throwingError = () => { throw Object.defineProperty(new Error('x'), 'own', { enumerable: true, get() { throw null; } }); };
exports.large = () => Buffer.alloc(300000);
exports.largeError = () => { throw Object.assign(new Error('large'), { extra: Buffer.alloc(300000) }); };
exports.never = () => new Promise(() => {});
exports.note = (text) => { globalThis.notes.push(text); };
exports.noteLater = async (text) => { globalThis.notes.push(text + ' begins'); await null; globalThis.notes.push(text + ' ends'); };
exports.notAFunction = 7;
`;

describe('thread/dispatcher', () => {
  const state = globalThis as { notes?: string[]; require?: NodeJS.Require };
  let router: Router;
  let logs: string[];
  let texts: Map<string, Promise<string>>;
  let done: number;

  beforeEach(() => {
    // The pushed core is evaluated with a `require`, which modules lack.
    state.require = createRequire(import.meta.url);
    state.notes = [];
    logs = [];
    done = 0;
    texts = new Map([['a'.repeat(64), Promise.resolve(MODULE)]]);
    router = new Router({ id: 5, parentIds: [0], maxMessageBytes: 200_000 });
    const loader = new Loader(
      (hash) => texts.get(hash) ?? Promise.reject(new Error('no such module')),
      {},
    );
    const dispatcher = new Dispatcher({ router, loader, log: (_, text) => logs.push(text) });
    dispatcher.onDone = () => {
      done++;
    };
    router.listen({ onMessage: (message) => dispatcher.onMessage(message) }, CALL);
  });

  afterEach(() => {
    delete state.notes;
    delete state.require;
    expect(stateOf(router).pending).to.equal(0);
  });

  const callIn = (module: string | Buffer, path: string[], ...args: unknown[]): Promise<unknown> =>
    router.request(5, CALL, router.encode([module, path, args]));
  const call = (name: string, ...args: unknown[]) => callIn(hashOf('a'), name.split('.'), ...args);

  describe('answers', () => {
    it('with results, of functions and of promises', async () => {
      expect(await call('add', 1, 2)).to.equal(3);
      expect(await call('later', 1, { a: [1] })).to.deep.equal({ a: [1] });
      expect(await call('thenable')).to.equal('settled');
      expect(await call('note', 'x')).to.equal(undefined);
      expect(done).to.equal(4);
    });

    it('with results of built-in modules and of globals', async () => {
      expect(await callIn('path', ['posix', 'join'], 'a', '..', 'b')).to.equal('b');
      expect(await callIn('', ['JSON', 'stringify'], { a: 1 })).to.equal('{"a":1}');
    });

    it('of methods, called on what they belong to', async () => {
      expect(await call('gives.up.to.whom')).to.equal(true);
    });

    it('with what was thrown, of functions and of promises', async () => {
      const thrown = await failure(call('fails'));
      expect(thrown).to.be.instanceOf(RangeError);
      expect(thrown).to.include({ message: 'failed', code: 'ERR_OWN' });
      expect(thrown.stack).to.contain('kinetin:aaaaaaaaaaaaaaaa');
      expect(await failure(call('rejects'))).to.be.instanceOf(TypeError);
    });

    it('with an error for what is none', async () => {
      expect((await failure(call('throwsText'))).message).to.equal("thrown: 'just a text'");
      expect((await failure(call('throwsNothing'))).message).to.equal('thrown: undefined');
    });

    it('with an error where the result cannot travel, that names the place', async () => {
      const error = await failure(call('unsendable'));
      expect(error).to.include({ code: 'ERR_NOT_SERIALIZABLE', path: 'result.socket.on' });
    });

    it('with an error where the result or the error is too large', async () => {
      expect((await failure(call('large'))).code).to.equal('ERR_MESSAGE_TOO_LARGE');
      expect((await failure(call('largeError'))).code).to.equal('ERR_MESSAGE_TOO_LARGE');
    });

    it('with an error whose parts cannot be read', async () => {
      expect((await failure(call('throwingError'))).message).to.equal('x');
      expect((await failure(call('oddThenable'))).message).to.equal('odd then');
    });

    it('with an error where there is no such function, module or built-in', async () => {
      for (const name of ['nothing', 'notAFunction', 'gives']) {
        const error = await failure(call(name));
        expect(error.code).to.equal('ERR_NO_FUNCTION');
        expect(error.message).to.equal(`${name} is not a function here`);
      }
      expect(await failure(call('nothing.at.all'))).to.be.instanceOf(Error);
      expect((await failure(callIn(hashOf('b'), ['x']))).message).to.equal('no such module');
      expect(await failure(callIn('no-such-built-in', ['x']))).to.include({
        code: 'MODULE_NOT_FOUND',
      });
    });

    it('with an error to a call that makes no sense', async () => {
      for (const payload of [null, 7, [], [7], [null, null, null], ['path', 7, []]]) {
        const answer = router.request(5, CALL, router.encode(payload));
        expect(await failure(answer), JSON.stringify(payload)).to.be.instanceOf(Error);
      }
    });
  });

  describe('a call that wants no answer', () => {
    it('gets none, and its failure is logged', async () => {
      router.post(5, CALL, [hashOf('a'), ['note'], ['x']]);
      router.post(5, CALL, [hashOf('a'), ['fails'], []]);
      await settle();
      expect(state.notes).to.deep.equal(['x']);
      expect(logs).to.have.lengthOf(1);
      expect(logs[0]).to.contain('a call without reply failed: RangeError: failed');
    });
  });

  describe('the order of calls', () => {
    /** A module that is on its way; returns what lets it arrive. */
    function delayModule(digit: string): (text: string) => void {
      let arrive: (text: string) => void = () => {};
      const coming = new Promise<string>((resolve) => {
        arrive = resolve;
      });
      texts.set(digit.repeat(64), coming);
      return arrive;
    }

    it('is that in which they came, while asynchronous ones overlap', async () => {
      await call('add', 1, 1);
      await settle();
      const both = [call('noteLater', 'a'), call('noteLater', 'b')];
      await Promise.all(both);
      expect(state.notes).to.deep.equal(['a begins', 'b begins', 'a ends', 'b ends']);
    });

    it('is kept where the module of one has to be fetched first', async () => {
      const arrive = delayModule('c');
      await call('note', 'warm');
      const all = [
        callIn(hashOf('c'), ['note'], 'slow'),
        call('note', 'ready'),
        callIn('', ['eval'], 'globalThis.notes.push("built-in"), undefined'),
      ];
      await settle();
      expect(state.notes).to.deep.equal(['warm']);
      arrive(MODULE);
      await Promise.all(all);
      expect(state.notes).to.deep.equal(['warm', 'slow', 'ready', 'built-in']);
    });

    it('is kept where the module of one between cannot be had', async () => {
      const arrive = delayModule('c');
      await call('note', 'warm');
      const slow = callIn(hashOf('c'), ['note'], 'slow');
      const missing = failure(callIn(hashOf('d'), ['note'], 'missing'));
      await missing;
      await settle();
      const last = call('note', 'last');
      await settle();
      arrive(MODULE);
      await Promise.all([slow, last]);
      expect(state.notes).to.deep.equal(['warm', 'slow', 'last']);
    });

    it('is not held up by a call that never ends, nor by one that fails', async () => {
      router.post(5, CALL, [hashOf('a'), ['never'], []]);
      const failed = failure(call('fails'));
      expect(await call('add', 1, 1)).to.equal(2);
      await failed;
    });
  });
});
