/** What docs/parity.md says of Mitogen's rows and no other test shows. */

import { hostname } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Context, Receiver, Router, Select, type Sender, thisContext } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { until } from '../support/processes.js';

const fail = () => {
  throw new Error('nobody reads this');
};

/** Answers with the name of its context when its signal is aborted. */
const nameWhenAborted = (signal: AbortSignal) =>
  new Promise<string>((resolve) => {
    const answer = () => resolve(thisContext().name);
    if (signal.aborted) answer();
    else signal.addEventListener('abort', answer);
  });

/** A receiver that the program fills itself: what a Latch is in Mitogen. */
function makeLatch<Value>(...values: Value[]) {
  let put = (_: Value) => {};
  const receiver = new Receiver<Value>(({ deliver }) => {
    put = (value) => deliver({ context: undefined, value });
    return undefined;
  });
  values.forEach(put);
  return { receiver, put };
}

describe('parity', () => {
  let router: Router;
  beforeEach(() => {
    router = new Router({ onLog: () => {} });
  });
  afterEach(() => router.shutdown());

  describe('answers', () => {
    it('that nobody reads are thrown away, failures too (row 52)', async () => {
      const unhandled: unknown[] = [];
      const note = (reason: unknown) => void unhandled.push(reason);
      process.on('unhandledRejection', note);
      try {
        const context = await router.local();
        const dropped = [context.callAsync(fail), context.callAsync(hostname)];
        expect(await context.call(hostname)).to.equal(hostname());
        await until('they are there', () => dropped.every(({ isEnded }) => isEnded));
        await nextTurn();
        expect(unhandled).to.deep.equal([]);
      } finally {
        process.off('unhandledRejection', note);
      }
    });

    it('come out of a select in the order in which they come in (rows 52 and 80)', async () => {
      const names = ['a', 'b', 'c'];
      const contexts = await Promise.all(names.map((name) => router.local({ name })));
      const aborts = contexts.map(() => new AbortController());
      const answers = contexts.map((context, i) =>
        context.callAsync(nameWhenAborted, aborts[i]!.signal),
      );
      const select = new Select<string, Context>(answers);
      for (const i of [1, 2, 0]) {
        aborts[i]!.abort();
        const { receiver, message } = await select.get();
        expect(receiver).to.equal(answers[i]);
        expect(message.context).to.equal(contexts[i]);
        expect(message.value).to.equal(names[i]);
      }
      expect(select.isEnded).to.equal(true);
    });
  });

  describe('receivers', () => {
    it('that are closed end all who wait (row 65)', async () => {
      const receiver = router.receiver();
      const waiting = [receiver.get(), receiver.get(), receiver.get()].map(failure);
      receiver.close();
      for (const error of await Promise.all(waiting)) {
        expect(error).to.include({ name: 'ChannelError', code: 'ERR_CLOSED_HERE' });
      }
    });

    it('that the other end closes end all who wait, in whatever way (row 66)', async () => {
      const context = await router.local();
      const receiver = router.receiver<number>();
      const iterate = async () => {
        for await (const _ of receiver) throw new Error('nothing was sent');
        return 'ended';
      };
      const select = new Select([receiver]);
      const codeOf = async (wait: Promise<unknown>) => (await failure(wait)).code;
      const waiting = [
        codeOf(receiver.get()),
        codeOf(receiver.get({ timeout: 1e6 })),
        codeOf(select.get()),
        iterate(),
        iterate(),
      ];
      await context.call((sender: Sender<number>) => sender.close(), receiver.toSender());
      expect(await Promise.all(waiting)).to.deep.equal([
        'ERR_ENDED',
        'ERR_ENDED',
        'ERR_SELECT_EMPTY',
        'ended',
        'ended',
      ]);
    });

    it('can be filled by the program, and be members beside those of calls (rows 69 and 71)', async () => {
      const { receiver: latch, put } = makeLatch<string>();
      const first = latch.get();
      const second = latch.get();
      put('one');
      put('two');
      expect([await first, await second]).to.deep.equal(['one', 'two']);
      const answer = router.local().callAsync(hostname);
      const select = new Select<string>([latch, answer]);
      put('three');
      const values = [await select.get(), await select.get()].map(({ message }) => message.value);
      expect(values).to.have.members(['three', hostname()]);
      latch.close();
      latch.close();
      expect(await failure(latch.get())).to.include({ code: 'ERR_CLOSED_HERE' });
    });

    it('give a select all that had come before they were added (row 77)', async () => {
      const { receiver: latch } = makeLatch(1, 2, 3);
      const select = new Select<number>([], { oneshot: false }).add(latch);
      const values = [await select.get(), await select.get(), await select.get()];
      expect(values.map(({ message }) => message.value)).to.deep.equal([1, 2, 3]);
      select.close();
    });
  });

  it('the context that code runs in can be a result and an argument (row 98)', async () => {
    const [one, two] = await Promise.all([router.local(), router.local({ name: 'two' })]);
    const self = (): Context => thisContext();
    expect(await two.call(self)).to.equal(two);
    const isIt = (other: Context) => [other.name, other === thisContext()];
    expect(await one.call(isIt, await two.call(self))).to.deep.equal(['two', false]);
    expect(await two.call(isIt, await two.call(self))).to.deep.equal(['two', true]);
  });

  it('routers of one program know nothing of each other, and end alone (row 99)', async () => {
    await using other = new Router({ onLog: () => {} });
    const [here, there] = await Promise.all([router.local(), other.local()]);
    // Each counts for itself.
    expect(here.id).to.equal(there.id);
    expect(here.pid).to.not.equal(there.pid);
    const pids = async (one: Router) => (await one.tree()).children.map(({ pid }) => pid);
    expect(await Promise.all([pids(router), pids(other)])).to.deep.equal([[here.pid], [there.pid]]);
    await other.shutdown();
    expect(await failure(there.call(hostname))).to.include({ code: 'ERR_NO_ROUTE' });
    expect(await here.call(hostname)).to.equal(hostname());
  });

  it('contexts, senders and channels of one router do not pass for those of another (row 99)', async () => {
    await using one = new Router();
    await using other = new Router();
    const [mine, context] = await Promise.all([
      one.local({ name: 'a' }),
      other.local({ name: 'b' }),
    ]);
    const receiver = one.receiver();
    const channel = one.channel();
    for (const foreign of [mine, receiver.toSender(), channel]) {
      const refused = await failure(context.call((value: unknown) => typeof value, foreign));
      expect(refused.message).to.match(/^args\[0\] cannot travel: .*another router/);
    }
    expect(await mine.call(({ id }: Context) => id, mine)).to.equal(mine.id);
    receiver.close();
    await channel.close();
  });

  it('the router counts what it has sent, and each module once for each neighbour (row 116)', async () => {
    const counts = () => router.stats();
    const first = counts();
    expect(first).to.deep.equal({
      sentBytes: 0,
      receivedBytes: 0,
      sentModules: 0,
      sentModuleBytes: 0,
    });
    const hop = await router.local({ name: 'hop' });
    const leaves = await Promise.all([router.local({ via: hop }), router.local({ via: hop })]);
    const before = counts();
    const text = 'x'.repeat(50_000);
    const lengthOf = (what: string) => what.length + 1;
    const call = () => Promise.all(leaves.map((leaf) => leaf.call(lengthOf, text)));
    await call();
    const once = counts();
    expect(once.sentModules).to.equal(before.sentModules + 1);
    expect(once.sentModuleBytes - before.sentModuleBytes).to.be.within(50, 5000);
    await call();
    expect(counts()).to.include({
      sentModules: once.sentModules,
      sentModuleBytes: once.sentModuleBytes,
    });
    expect(counts().sentBytes - once.sentBytes).to.be.within(100_000, 110_000);
    // To another neighbour it goes again; and what was counted stays.
    const other = await router.local({ name: 'other' });
    const { sentModules, receivedBytes } = counts();
    await other.call(lengthOf, text);
    expect(counts().sentModules).to.equal(sentModules + 1);
    await Promise.all([hop.shutdown(), other.shutdown()]);
    expect(counts().sentModules).to.equal(sentModules + 1);
    expect(counts().receivedBytes).to.be.above(receivedBytes);
    expect(counts().sentBytes).to.be.above(250_000);
  });
});
