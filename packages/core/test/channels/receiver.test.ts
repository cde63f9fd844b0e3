import { getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { type Feed, Receiver } from '../../src/channels/receiver.js';
import type { Received } from '../../src/channels/source.js';

interface Fed {
  receiver: Receiver<number, string>;
  give(...values: number[]): void;
  deliver: Feed<number, string>['deliver'];
  end: Feed<number, string>['end'];
  closes: () => number;
}

function makeReceiver(): Fed {
  let feed!: Feed<number, string>;
  let closes = 0;
  const receiver = new Receiver<number, string>((given) => {
    feed = given;
    return () => {
      closes++;
    };
  });
  const give = (...values: number[]) => {
    for (const value of values) feed.deliver({ context: 'web1', value });
  };
  return {
    receiver,
    give,
    deliver: (item) => feed.deliver(item),
    end: (why) => feed.end(why),
    closes: () => closes,
  };
}

const failing = (error: unknown): Received<never, string> => ({
  context: 'web1',
  get value(): never {
    throw error;
  },
});

const reasonOf = (promise: Promise<unknown>): Promise<never> =>
  promise.then(
    (value) => expect.fail(`it gave ${value}`),
    (error) => error as never,
  );

async function collect(
  receiver: Receiver<number, string>,
): Promise<{ got: number[]; error?: unknown }> {
  const got: number[] = [];
  try {
    for await (const value of receiver) got.push(value);
    return { got };
  } catch (error) {
    return { got, error };
  }
}

describe('channels/receiver', () => {
  describe('get', () => {
    it('gives values in order, those that came before and those that come', async () => {
      const { receiver, give } = makeReceiver();
      give(1, 2);
      expect(receiver.size).to.equal(2);
      expect([await receiver.get(), await receiver.get()]).to.deep.equal([1, 2]);
      const third = receiver.get();
      await nextTurn();
      give(3);
      expect(await third).to.equal(3);
      expect(receiver.size).to.equal(0);
    });

    it('serves those who wait in the order in which they began', async () => {
      const { receiver, give } = makeReceiver();
      const waiting = [receiver.get(), receiver.get(), receiver.get()];
      give(1);
      await nextTurn();
      give(2, 3);
      expect(await Promise.all(waiting)).to.deep.equal([1, 2, 3]);
    });

    it('gives a value that has come although it is undefined or false', async () => {
      const { receiver, deliver } = makeReceiver();
      for (const value of [undefined, 0, null]) deliver({ context: 'web1', value: value as never });
      expect([await receiver.get(), await receiver.get(), await receiver.get()]).to.deep.equal([
        undefined,
        0,
        null,
      ]);
    });

    it('throws what the message reports, and goes on', async () => {
      const { receiver, deliver, give } = makeReceiver();
      const error = new Error('failed there');
      deliver(failing(error));
      give(2);
      expect(await reasonOf(receiver.get())).to.equal(error);
      expect(await receiver.get()).to.equal(2);
    });

    it('ends at its timeout, and loses no value by that', async () => {
      const { receiver, give } = makeReceiver();
      expect(await reasonOf(receiver.get({ timeout: 1 }))).to.include({ code: 'ERR_TIMEOUT' });
      const next = receiver.get({ timeout: 60_000 });
      give(1);
      expect(await next).to.equal(1);
    });

    it('has one deadline, although others take what comes meanwhile', async () => {
      const { receiver, give } = makeReceiver();
      const others = Array.from({ length: 50 }, () => receiver.get());
      const original = globalThis.setTimeout;
      const timers: (() => void)[] = [];
      globalThis.setTimeout = ((callback: () => void) => timers.push(callback)) as never;
      try {
        const late = reasonOf(receiver.get({ timeout: 20 }));
        for (let i = 0; i < 50; i++) {
          give(i);
          await nextTurn();
        }
        expect(timers).to.have.lengthOf(1);
        timers[0]!();
        expect(await late).to.include({ code: 'ERR_TIMEOUT' });
      } finally {
        globalThis.setTimeout = original;
      }
      expect(await Promise.all(others)).to.have.lengthOf(50);
    });

    it('ends with the reason of its signal, and loses no value by that', async () => {
      const { receiver, give } = makeReceiver();
      const controller = new AbortController();
      const waiting = reasonOf(receiver.get({ signal: controller.signal }));
      controller.abort('no more');
      give(1);
      expect(await waiting).to.equal('no more');
      expect(receiver.size).to.equal(1);
      expect(
        await reasonOf(makeReceiver().receiver.get({ signal: AbortSignal.abort('early') })),
      ).to.equal('early');
    });

    it('throws ERR_ENDED after a clean end, but first gives what came before it', async () => {
      const { receiver, give, end } = makeReceiver();
      give(1);
      end();
      expect(receiver.isEnded).to.equal(true);
      expect(await receiver.get()).to.equal(1);
      expect(await reasonOf(receiver.get())).to.include({
        code: 'ERR_ENDED',
        name: 'ChannelError',
      });
    });

    it('throws the reason of an end that should not be, to all who wait and all who come', async () => {
      const { receiver, end } = makeReceiver();
      const lost = new Error('context 3 is lost');
      const waiting = [reasonOf(receiver.get()), reasonOf(receiver.get())];
      end(lost);
      end(new Error('second'));
      expect(await Promise.all(waiting)).to.deep.equal([lost, lost]);
      expect(await reasonOf(receiver.get())).to.equal(lost);
    });
  });

  describe('close', () => {
    it('drops what was not read, fails those who wait, and tells the sender once', async () => {
      const { receiver, give, closes } = makeReceiver();
      const waiting = reasonOf(receiver.get());
      receiver.close();
      receiver.close();
      expect(await waiting).to.include({ code: 'ERR_CLOSED_HERE' });
      give(1);
      expect(receiver.size).to.equal(0);
      expect(await reasonOf(receiver.get())).to.include({ code: 'ERR_CLOSED_HERE' });
      expect(closes()).to.equal(1);
    });

    it('after the end changes nothing: what came before can be read', async () => {
      const { receiver, give, end, closes } = makeReceiver();
      give(1);
      end();
      receiver.close();
      expect(closes()).to.equal(0);
      expect(await receiver.get()).to.equal(1);
    });
  });

  describe('iteration', () => {
    it('gives all values up to the clean end', async () => {
      const { receiver, give, end } = makeReceiver();
      give(1);
      const collected = collect(receiver);
      await nextTurn();
      give(2, 3);
      await nextTurn();
      give(4);
      end();
      expect(await collected).to.deep.equal({ got: [1, 2, 3, 4] });
    });

    it('throws at a loss, after what came before it', async () => {
      const { receiver, give, end } = makeReceiver();
      give(1, 2);
      const lost = new Error('lost');
      end(lost);
      expect(await collect(receiver)).to.deep.equal({ got: [1, 2], error: lost });
    });

    it('throws ERR_CLOSED_HERE where it is closed meanwhile', async () => {
      const { receiver, give } = makeReceiver();
      const collected = collect(receiver);
      give(1);
      await nextTurn();
      receiver.close();
      const { got, error } = await collected;
      expect(got).to.deep.equal([1]);
      expect(error).to.include({ code: 'ERR_CLOSED_HERE' });
    });

    it('can be left and taken up again', async () => {
      const { receiver, give, end } = makeReceiver();
      give(1, 2, 3);
      for await (const value of receiver) if (value === 2) break;
      end();
      expect(await collect(receiver)).to.deep.equal({ got: [3] });
    });

    it('by two readers gives each value to one of them', async () => {
      const { receiver, give, end } = makeReceiver();
      const both = [collect(receiver), collect(receiver)];
      for (let i = 0; i < 20; i++) {
        give(i);
        if (i % 3 === 0) await nextTurn();
      }
      end();
      const got = (await Promise.all(both)).flatMap((one) => one.got);
      expect(got.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 20 }, (_, i) => i));
    });
  });

  it('leaves no watcher and no listener after waits of every outcome', async () => {
    const { receiver, give } = makeReceiver();
    const controller = new AbortController();
    const { signal } = controller;
    const watching = () => (receiver as unknown as { _watchers: Set<unknown> })._watchers.size;
    for (let i = 0; i < 100; i++) {
      const value = receiver.get({ signal, timeout: 60_000 });
      give(i);
      await value;
    }
    await reasonOf(receiver.get({ signal, timeout: 1 }));
    expect(watching()).to.equal(0);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
    const waiting = reasonOf(receiver.get({ signal }));
    controller.abort();
    await waiting;
    expect(watching()).to.equal(0);
  });

  it('that is ended or filled while it is being made is so', async () => {
    const receiver = new Receiver<number>(({ deliver, end }) => {
      deliver({ context: undefined, value: 1 });
      end();
      return undefined;
    });
    expect(await receiver.get()).to.equal(1);
    expect(receiver.isEnded).to.equal(true);
    receiver.close();
  });
});
