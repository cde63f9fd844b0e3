import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { type Feed, Receiver } from '../../src/channels/receiver.js';
import { Select } from '../../src/channels/select.js';
import type { Source } from '../../src/channels/source.js';

class Fed extends Receiver<string, string> {
  declare feed: Feed<string, string>;

  constructor(readonly name: string) {
    let feed!: Feed<string, string>;
    super((given) => {
      feed = given;
      return undefined;
    });
    this.feed = feed;
  }

  give(...values: string[]): void {
    for (const value of values) this.feed.deliver({ context: this.name, value });
  }
}

const makeFed = (...names: string[]): Fed[] => names.map((name) => new Fed(name));

async function collect(select: Select<string, string>): Promise<string[]> {
  const got: string[] = [];
  for await (const { message } of select) got.push(message.value);
  return got;
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('it was fulfilled'),
    (error) => (error as { code: string }).code,
  );

const refusal = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'not refused';
};

const watchersOf = (source: Source<string, string>) =>
  (source as unknown as { _watchers: Set<unknown> })._watchers.size;

describe('channels/select', () => {
  it('gives the first message of any member, with the member that got it', async () => {
    const [a, b] = makeFed('a', 'b') as [Fed, Fed];
    const select = new Select<string, string>([a, b]);
    const waiting = select.get();
    b.give('from b');
    const event = await waiting;
    expect(event.receiver).to.equal(b);
    expect(event.message).to.deep.equal({ context: 'b', value: 'from b' });
  });

  it('gives what had come before a member was added', async () => {
    const [a] = makeFed('a') as [Fed];
    a.give('early');
    expect((await new Select([a]).get()).message.value).to.equal('early');
    const select = new Select<string, string>([new Fed('silent')]);
    const waiting = select.get();
    const [late] = makeFed('late') as [Fed];
    late.give('was here before');
    select.add(late);
    expect((await waiting).message.value).to.equal('was here before');
  });

  describe('oneshot', () => {
    it('drops a member after its first message', async () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const select = new Select<string, string>([a, b]);
      a.give('a1', 'a2');
      b.give('b1');
      expect(select.size).to.equal(2);
      expect(await collect(select)).to.deep.equal(['a1', 'b1']);
      expect(a.size, 'the rest stays with the member').to.equal(1);
      expect([watchersOf(a), watchersOf(b)]).to.deep.equal([0, 0]);
    });

    it('as false keeps members until they end', async () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const select = new Select<string, string>([a, b], { oneshot: false });
      const collected = collect(select);
      a.give('a1', 'a2');
      await nextTurn();
      b.give('b1');
      a.give('a3');
      a.feed.end();
      await nextTurn();
      b.give('b2');
      b.feed.end();
      expect(await collected).to.deep.equal(['a1', 'a2', 'b1', 'a3', 'b2']);
    });
  });

  it('takes turns: a busy member starves no other', async () => {
    const fed = makeFed('a', 'b', 'c');
    const select = new Select<string, string>(fed, { oneshot: false });
    fed[0]!.give(...Array.from({ length: 50 }, () => 'a'));
    fed[1]!.give('b', 'b');
    fed[2]!.give('c');
    const got: string[] = [];
    for (let i = 0; i < 8; i++) got.push((await select.get()).message.value);
    expect(got.join('')).to.equal('abcabaaa');
  });

  describe('nested', () => {
    for (const oneshot of [true, false]) {
      it(`to depth 3 gives every message (oneshot ${oneshot})`, async () => {
        const fed = makeFed('a', 'b', 'c', 'd', 'e', 'f');
        const [a, b, c, d, e, f] = fed as [Fed, Fed, Fed, Fed, Fed, Fed];
        const inner = new Select<string, string>([a, b], { oneshot });
        const middle = new Select<string, string>([inner, c, d], { oneshot });
        const outer = new Select<string, string>([e, middle, f], { oneshot });
        const collected = collect(outer);
        a.give('a');
        await nextTurn();
        for (const one of [f, b, e, d, c]) one.give(one.name);
        await nextTurn();
        if (!oneshot) {
          a.give('a again');
          for (const one of fed) one.feed.end();
        }
        const expected = ['a', 'b', 'c', 'd', 'e', 'f', ...(oneshot ? [] : ['a again'])];
        expect((await collected).sort()).to.deep.equal(expected.sort());
        expect(fed.map(watchersOf)).to.deep.equal([0, 0, 0, 0, 0, 0]);
      });
    }

    it('names the receiver, not the select between', async () => {
      const [a] = makeFed('a') as [Fed];
      const outer = new Select<string, string>([new Select([a])]);
      a.give('x');
      expect((await outer.get()).receiver).to.equal(a);
    });

    it('is seen by those who wait outside when a member is added inside', async () => {
      const [silent, late] = makeFed('silent', 'late') as [Fed, Fed];
      const inner = new Select<string, string>([silent]);
      const waiting = new Select<string, string>([inner]).get();
      inner.add(late);
      late.give('found');
      expect((await waiting).message.value).to.equal('found');
    });

    it('in itself is refused, at any depth', () => {
      const one = new Select();
      const two = new Select([one]);
      const three = new Select([two]);
      for (const select of [one, two, three])
        expect(refusal(() => one.add(select))).to.equal('ERR_SELECT');
      expect(one.isEnded).to.equal(true);
    });
  });

  describe('add and remove', () => {
    it('of a member that is there, or not there, is refused', () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const select = new Select([a]);
      expect(refusal(() => select.add(a))).to.equal('ERR_SELECT');
      expect(refusal(() => select.remove(b))).to.equal('ERR_SELECT');
      expect(watchersOf(a)).to.equal(1);
    });

    it('of the last member ends those who wait', async () => {
      const [a] = makeFed('a') as [Fed];
      const select = new Select<string, string>([a]);
      const waiting = [codeOf(select.get()), codeOf(select.get())];
      const iteration = collect(select);
      await nextTurn();
      select.remove(a);
      expect(await Promise.all(waiting)).to.deep.equal(['ERR_SELECT', 'ERR_SELECT']);
      expect(await iteration).to.deep.equal([]);
      a.give('kept');
      expect(a.size).to.equal(1);
    });

    it('by close leaves the members open', async () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const select = new Select<string, string>([a, b]);
      const waiting = codeOf(select.get());
      select.close();
      expect(await waiting).to.equal('ERR_SELECT');
      expect([a.isEnded, watchersOf(a), watchersOf(b)]).to.deep.equal([false, 0, 0]);
    });

    it('100,000 times leaves no watcher behind', () => {
      const [a, silent] = makeFed('a', 'silent') as [Fed, Fed];
      const select = new Select<string, string>([silent]);
      for (let i = 0; i < 100_000; i++) {
        select.add(a);
        select.remove(a);
      }
      expect([watchersOf(a), watchersOf(silent), watchersOf(select as never)]).to.deep.equal([
        0, 1, 0,
      ]);
    });
  });

  describe('get', () => {
    it('of an empty select is refused at once', async () => {
      expect(await codeOf(new Select().get())).to.equal('ERR_SELECT');
      const [a] = makeFed('a') as [Fed];
      a.feed.end();
      expect(await codeOf(new Select([a]).get())).to.equal('ERR_SELECT');
    });

    it('ends when the last open member does', async () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const waiting = codeOf(new Select([a, b]).get());
      a.feed.end();
      b.close();
      expect(await waiting).to.equal('ERR_SELECT');
    });

    it('by two, of whom one takes the last message, leaves neither waiting', async () => {
      const [a] = makeFed('a') as [Fed];
      const select = new Select<string, string>([a]);
      const [first, second] = [select.get(), codeOf(select.get())];
      a.give('only');
      expect((await first).message.value).to.equal('only');
      expect(await second).to.equal('ERR_SELECT');
    });

    it('ends at its timeout and at its signal, and loses nothing', async () => {
      const [a] = makeFed('a') as [Fed];
      const select = new Select<string, string>([a]);
      expect(await codeOf(select.get({ timeout: 1 }))).to.equal('ERR_TIMEOUT');
      const controller = new AbortController();
      const waiting = select.get({ signal: controller.signal }).catch((reason) => reason);
      controller.abort('stop');
      a.give('kept');
      expect(await waiting).to.equal('stop');
      expect(watchersOf(select as never)).to.equal(0);
      expect((await select.get()).message.value).to.equal('kept');
    });

    it('has one deadline while members come and go', async () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const select = new Select<string, string>([a]);
      const original = globalThis.setTimeout;
      const timers: (() => void)[] = [];
      globalThis.setTimeout = ((callback: () => void) => timers.push(callback)) as never;
      try {
        const waiting = codeOf(select.get({ timeout: 20 }));
        for (let i = 0; i < 50; i++) {
          select.add(b);
          select.remove(b);
          await nextTurn();
        }
        expect(timers).to.have.lengthOf(1);
        timers[0]!();
        expect(await waiting).to.equal('ERR_TIMEOUT');
      } finally {
        globalThis.setTimeout = original;
      }
    });
  });

  it('shares a member with another reader: each message goes to one', async () => {
    const [a] = makeFed('a') as [Fed];
    const select = new Select<string, string>([a], { oneshot: false });
    const [one, two] = [select.get(), a.get()];
    a.give('1', '2');
    expect([(await one).message.value, await two].sort()).to.deep.equal(['1', '2']);
  });

  it('all gives the value of each member in the order in which they come', async () => {
    const [a, b, c] = makeFed('a', 'b', 'c') as [Fed, Fed, Fed];
    const got: string[] = [];
    const done = (async () => {
      for await (const value of Select.all([a, b, c])) got.push(value as string);
    })();
    for (const one of [c, a, b]) {
      one.give(one.name);
      await nextTurn();
    }
    await done;
    expect(got).to.deep.equal(['c', 'a', 'b']);
  });

  it('serves thousands of members', async () => {
    const fed = Array.from({ length: 5000 }, (_, i) => new Fed(String(i)));
    const select = new Select<string, string>(fed);
    for (const one of [...fed].reverse()) one.give(one.name);
    expect(new Set(await collect(select)).size).to.equal(5000);
  });
});
