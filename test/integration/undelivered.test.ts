/** Senders and channels that left with a call which nobody got. */

import { hostname } from 'node:os';
import { type Channel, type Context, Router, type Sender, Service } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';

const close = (end: Sender | Channel) => end.close();
const sendOne = async (sender: Sender<number>) => {
  await sender.send(1);
  await sender.close();
};
const answer = async (channel: Channel<number, number>) => {
  for await (const number of channel) await channel.send(2 * number);
  await channel.close();
};

class Taker extends Service {
  static readonly serviceName = 'taker';
  static readonly exposed = {
    take: { policy: 'anybody', args: ['any', 'any'] },
    drop: { policy: 'anybody', args: ['any'], noReply: true },
  } as const;
  take(_: unknown, __: unknown): void {}
  drop(_: unknown): void {}
}

describe('what left with a call that nobody got', () => {
  let router: Router;
  let context: Context;
  beforeEach(async () => {
    router = new Router({ onLog: () => {} });
    context = await router.local();
  });
  afterEach(() => router.shutdown());

  const lost = async () => {
    const gone = await router.local();
    await gone.shutdown();
    return gone;
  };
  const neverStarted = async () => {
    const none = router.local({ node: '/nothing/here' });
    await failure(none);
    return none.context;
  };
  /** Not known to be lost when it is called. */
  const startingInVain = async () => {
    const none = router.local({ node: '/nothing/here' });
    none.catch(() => {});
    return none.context;
  };

  for (const [where, make, code] of [
    ['a context that is lost', lost, 'ERR_NO_ROUTE'],
    ['a context that could not be started', neverStarted, 'ERR_SPAWN'],
    ['a context that is not started', startingInVain, 'ERR_SPAWN'],
  ] as const) {
    it(`to ${where} fails: a channel in both directions`, async () => {
      const channel = router.channel<number, Buffer>();
      const target = await make();
      const call = failure(target.call(close, channel as never));
      const sends = Promise.all(Array.from({ length: 9 }, () => channel.send(Buffer.alloc(1e5))));
      const [read, sent] = await Promise.all([failure(channel.get()), failure(sends)]);
      expect(read).to.have.property('code', code);
      expect(sent).to.equal(read);
      expect(await call).to.have.property('code', code);
    });

    it(`to ${where} fails: a receiver whose sender it was`, async () => {
      const receiver = router.receiver<number>();
      const call = failure((await make()).call(sendOne, receiver.toSender()));
      expect(await failure(receiver.get())).to.have.property('code', code);
      expect(await call).to.have.property('code', code);
    });
  }

  it('fails without an answer to wait for, and in a call that was given up', async () => {
    const [one, other] = [router.channel(), router.channel()];
    const target = router.local({ node: '/nothing/here' });
    target.catch(() => {});
    const calls = [
      target.callNoReply(close, one),
      target.with({ signal: AbortSignal.abort(new Error('never mind')) }).call(close, other),
    ].map(failure);
    expect(await failure(one.get())).to.have.property('code', 'ERR_SPAWN');
    const [left, given] = await Promise.all(calls);
    expect(left).to.have.property('code', 'ERR_SPAWN');
    expect(given).to.have.property('message', 'never mind');
    // It has not left.
    const work = context.call(answer, other as never);
    await other.send(4);
    expect(await other.get()).to.equal(8);
    await other.close();
    await work;
  });

  it('fails with a call of a service', async () => {
    const channel = router.channel();
    const gone = await lost();
    const call = failure(gone.service(Taker).take(channel, 0));
    expect(await failure(channel.get())).to.have.property('code', 'ERR_NO_ROUTE');
    expect(await call).to.have.property('code', 'ERR_NO_ROUTE');
  });

  it('leaves a receiver alone whose sender others have got', async () => {
    const receiver = router.receiver<number>();
    const sender = receiver.toSender();
    const gone = await lost();
    const failed = failure(gone.call(sendOne, sender));
    const done = context.call(sendOne, sender);
    expect(await failed).to.have.property('code', 'ERR_NO_ROUTE');
    const values: number[] = [];
    for await (const value of receiver) values.push(value);
    expect(values).to.deep.equal([1]);
    await done;
  });

  it('leaves a receiver alone to which the program sends itself', async () => {
    const receiver = router.receiver<number>();
    const sender = receiver.toSender();
    const sent = sender.send(5);
    expect(await receiver.get()).to.equal(5);
    await sent;
    const failed = await failure((await lost()).call(sendOne, sender));
    expect(failed).to.have.property('code', 'ERR_NO_ROUTE');
    await sender.send(6);
    expect(await receiver.get()).to.equal(6);
    await sender.close();
  });

  it('can be given again where another argument could not travel', async () => {
    const channel = router.channel<number, number>();
    const receiver = router.receiver<number>();
    const sender = receiver.toSender();
    const bad = [
      context.call((..._: unknown[]) => {}, channel, sender, (() => 1) as never),
      context.callNoReply((..._: unknown[]) => {}, channel, (() => 1) as never),
      context.callNoReply((..._: unknown[]) => {}, channel, new AbortController().signal),
      context.service(Taker).take(channel, (() => 1) as never),
      sender.send([channel, () => 1] as never),
    ];
    for (const call of bad) {
      expect(await failure(call)).to.have.property('code', 'ERR_NOT_SERIALIZABLE');
    }
    const done = [context.call(answer, channel), context.call(sendOne, sender)];
    await channel.send(21);
    expect(await channel.get()).to.equal(42);
    expect(await receiver.get()).to.equal(1);
    await channel.close();
    await Promise.all(done);
    expect(await context.call(hostname)).to.equal(hostname());
  });

  it('is told apart from what leaves with a call that a getter makes meanwhile', async () => {
    const receiver = router.receiver<number>();
    const receiver2 = router.receiver<number>();
    const [sender, sender2] = [receiver.toSender(), receiver2.toSender()];
    const abort = new AbortController();
    const take = (given: { first: Sender<number>; last: AbortSignal }) => given.last.aborted;
    let inner: Promise<unknown> | undefined;
    const given = {
      first: sender,
      get second() {
        // Fails: a function cannot travel.
        inner = failure(
          context.call(hostname as (...args: unknown[]) => string, sender2, () => {}),
        );
        return 2;
      },
      last: abort.signal,
    };
    await context.call(take, { first: sender, last: abort.signal }).catch(() => {});
    const call = context.call(take, given);
    expect(await call).to.equal(false);
    expect(await inner).to.include({ name: 'SerializeError' });
    // It was taken back with the inner call, and can be given again.
    await context.call(sendOne, sender2);
    expect(await receiver2.get()).to.equal(1);
    await receiver.close();
  });
});

describe('a router that was shut down', () => {
  it('starts no context, and says so, as to those that were being started', async () => {
    const router = new Router();
    const starting = router.local();
    const call = failure(starting.call(hostname));
    await router.shutdown();
    for (const error of [await failure(starting), await call, await failure(router.local())]) {
      expect(error).to.include({ name: 'KinetinError', code: 'ERR_SHUT_DOWN' });
    }
  });

  it('makes no receiver and no channel: nothing would ever come', async () => {
    const router = new Router();
    await router.shutdown();
    for (const make of [() => router.receiver(), () => router.channel()]) {
      expect(make)
        .to.throw(/the router was shut down/)
        .with.property('code', 'ERR_CLOSED_HERE');
    }
  });
});
