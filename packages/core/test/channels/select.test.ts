import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

/** Whether the inmost select, the one around it, and the outmost one are oneshot. */
type Oneshots = [boolean, boolean, boolean];

/** Bytes of the heap that are in use. */
function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

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

  it('takes turns at each level: a busy member starves none beside, within or around', async () => {
    const fed = makeFed('a', 'b', 'c', 'd');
    const [a, b, c, d] = fed as [Fed, Fed, Fed, Fed];
    const inner = new Select<string, string>([a, b], { oneshot: false });
    const middle = new Select<string, string>([inner, c], { oneshot: false });
    const outer = new Select<string, string>([middle, d], { oneshot: false });
    for (const one of fed) one.give(...Array.from({ length: 20 }, () => one.name));
    const got: string[] = [];
    for (let i = 0; i < 16; i++) got.push((await outer.get()).message.value);
    expect(got.join('')).to.equal('adcdbdcdadcdbdcd');
  });

  describe('nested', () => {
    // Each bit says whether the select of that level is oneshot.
    for (let bits = 0; bits < 8; bits++) {
      const [inmost, middle, outmost] = [4, 2, 1].map((bit) => (bits & bit) > 0) as Oneshots;
      const titles = [outmost, middle, inmost].map((oneshot) => (oneshot ? 'oneshot' : 'lasting'));
      it(`to three levels gives every item (${titles.join(' > ')})`, async () => {
        const fed = makeFed('a', 'b', 'c', 'd', 'e', 'f');
        const [a, b, c, d, e, f] = fed as [Fed, Fed, Fed, Fed, Fed, Fed];
        const inner = new Select<string, string>([a, b], { oneshot: inmost });
        const between = new Select<string, string>([c, inner, d], { oneshot: middle });
        const outer = new Select<string, string>([e, between, f], { oneshot: outmost });
        const collected = collect(outer);
        for (const round of ['1', '2', '3']) {
          for (const one of [f, a, b, e, d, c]) one.give(one.name + round);
          await nextTurn();
        }
        for (const one of fed) one.feed.end();
        const rounds = (oneshot: boolean) => (oneshot ? ['1'] : ['1', '2', '3']);
        const expected = [
          ...['a', 'b'].flatMap((name) => rounds(inmost).map((round) => name + round)),
          ...['c', 'd'].flatMap((name) => rounds(middle).map((round) => name + round)),
          ...['e', 'f'].flatMap((name) => rounds(outmost).map((round) => name + round)),
        ];
        expect((await collected).sort()).to.deep.equal(expected);
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
        expect(refusal(() => one.add(select))).to.equal('ERR_SELECT_CYCLE');
      expect(one.isEnded).to.equal(true);
    });
  });

  describe('add and remove', () => {
    it('of a member that is there, or not there, is refused', () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const select = new Select([a]);
      expect(refusal(() => select.add(a))).to.equal('ERR_SELECT_MEMBER');
      expect(refusal(() => select.remove(b))).to.equal('ERR_SELECT_MEMBER');
      expect(watchersOf(a)).to.equal(1);
    });

    it('of a member twice in one list leaves nothing behind', () => {
      const [a] = makeFed('a') as [Fed];
      expect(refusal(() => new Select([a, a]))).to.equal('ERR_SELECT_MEMBER');
      expect(watchersOf(a)).to.equal(0);
    });

    it('that is refused changes nothing: each message comes once', async () => {
      const [a] = makeFed('a') as [Fed];
      const select = new Select<string, string>([a], { oneshot: false });
      expect(refusal(() => select.add(a))).to.equal('ERR_SELECT_MEMBER');
      a.give('1', '2');
      a.feed.end();
      expect(select.size).to.equal(2);
      expect(await collect(select)).to.deep.equal(['1', '2']);
    });

    it('while somebody waits is seen by who waits', async () => {
      const [a, b, c] = makeFed('a', 'b', 'c') as [Fed, Fed, Fed];
      const select = new Select<string, string>([a]);
      const waiting = select.get();
      select.add(b);
      select.remove(a);
      select.add(c);
      a.give('is no member any more');
      c.give('from c');
      expect((await waiting).message.value).to.equal('from c');
      expect(a.size).to.equal(1);
    });

    it('lets a member that is removed keep what it has', async () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const select = new Select<string, string>([a, b]);
      a.give('stays with a');
      select.remove(a);
      b.give('from b');
      expect(await collect(select)).to.deep.equal(['from b']);
      expect(await a.get()).to.equal('stays with a');
    });

    it('of the last member ends those who wait', async () => {
      const [a] = makeFed('a') as [Fed];
      const select = new Select<string, string>([a]);
      const waiting = [codeOf(select.get()), codeOf(select.get())];
      const iteration = collect(select);
      await nextTurn();
      select.remove(a);
      expect(await Promise.all(waiting)).to.deep.equal(['ERR_SELECT_EMPTY', 'ERR_SELECT_EMPTY']);
      expect(await iteration).to.deep.equal([]);
      a.give('kept');
      expect(a.size).to.equal(1);
    });

    it('by close leaves the members open', async () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const select = new Select<string, string>([a, b]);
      const waiting = codeOf(select.get());
      const iteration = collect(select);
      select.close();
      expect(await waiting).to.equal('ERR_CLOSED_HERE');
      expect(await iteration).to.deep.equal([]);
      expect([a.isEnded, watchersOf(a), watchersOf(b)]).to.deep.equal([false, 0, 0]);
    });

    it('100,000 times, while somebody waits, leaves no watcher and no memory behind', async () => {
      const [a, silent] = makeFed('a', 'silent') as [Fed, Fed];
      const inner = new Select<string, string>([silent]);
      const select = new Select<string, string>([inner]);
      const waiting = select.get();
      const addAndRemove = (times: number) => {
        for (let i = 0; i < times; i++) {
          for (const one of [a, new Fed('new')]) {
            inner.add(one);
            inner.remove(one);
          }
        }
        return heapAfterCollection();
      };
      const before = addAndRemove(1000);
      // A member that stayed known would take more than a hundred bytes, a hundred thousand times.
      expect(addAndRemove(100_000) - before).to.be.below(2_000_000);
      const sources = [a, silent, inner as never, select as never];
      expect(sources.map(watchersOf)).to.deep.equal([0, 1, 1, 1]);
      silent.give('at last');
      expect((await waiting).message.value).to.equal('at last');
      expect(sources.map(watchersOf)).to.deep.equal([0, 0, 0, 0]);
    });
  });

  describe('get', () => {
    it('of an empty select is refused at once', async () => {
      expect(await codeOf(new Select().get())).to.equal('ERR_SELECT_EMPTY');
      expect(await codeOf(new Select().get({ timeout: 1e6 }))).to.equal('ERR_SELECT_EMPTY');
      const [a] = makeFed('a') as [Fed];
      a.feed.end();
      expect(await codeOf(new Select([a]).get())).to.equal('ERR_SELECT_EMPTY');
    });

    it('after close says so, as does add', async () => {
      const [a] = makeFed('a') as [Fed];
      const select = new Select<string, string>([a]);
      a.give('untaken');
      select.close();
      select.close();
      expect(await codeOf(select.get())).to.equal('ERR_CLOSED_HERE');
      expect(refusal(() => select.add(a))).to.equal('ERR_CLOSED_HERE');
      expect(refusal(() => select.remove(a))).to.equal('ERR_SELECT_MEMBER');
      expect([select.size, select.isEnded, a.size]).to.deep.equal([0, true, 1]);
    });

    it('tries again where another reader has drained a member', async () => {
      const [a] = makeFed('a') as [Fed];
      const [one, two] = [a, a].map((member) => new Select([member], { oneshot: false }));
      const [first, second] = [one!.get(), two!.get()];
      a.give('1');
      expect((await first).message.value).to.equal('1');
      a.give('2');
      expect((await second).message.value).to.equal('2');
    });

    it('ends when the last open member does', async () => {
      const [a, b] = makeFed('a', 'b') as [Fed, Fed];
      const waiting = codeOf(new Select([a, b]).get());
      a.feed.end();
      b.close();
      expect(await waiting).to.equal('ERR_SELECT_EMPTY');
    });

    it('by two, of whom one takes the last message, leaves neither waiting', async () => {
      const [a] = makeFed('a') as [Fed];
      const select = new Select<string, string>([a]);
      const [first, second] = [select.get(), codeOf(select.get())];
      a.give('only');
      expect((await first).message.value).to.equal('only');
      expect(await second).to.equal('ERR_SELECT_EMPTY');
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

  it('all lets go of its members when its loop is left', async () => {
    const [a, b] = makeFed('a', 'b') as [Fed, Fed];
    a.give('first');
    for await (const value of Select.all([a, b])) {
      expect(value).to.equal('first');
      break;
    }
    expect([watchersOf(a), watchersOf(b), b.isEnded]).to.deep.equal([0, 0, false]);
  });

  it('that is empty gives nothing to iterate', async () => {
    expect(await collect(new Select<string, string>())).to.deep.equal([]);
  });

  it('serves thousands of members', async () => {
    const fed = Array.from({ length: 5000 }, (_, i) => new Fed(String(i)));
    const select = new Select<string, string>(fed);
    for (const one of [...fed].reverse()) one.give(one.name);
    expect(new Set(await collect(select)).size).to.equal(5000);
  });
});
