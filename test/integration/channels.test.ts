/** Receivers, senders and channels between real processes. */

import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import {
  type Channel,
  type Context,
  type PendingContext,
  Router,
  Sender,
  thisContext,
} from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { canFetchNode, fetchNode } from '../support/real-node.js';

async function count(sender: Sender<number>, to: number): Promise<void> {
  await using numbers = sender;
  for (let i = 0; i < to; i++) await numbers.send(i);
}

/** Sends once, and then never ends. */
async function sendAndStay(sender: Sender<string>, text: string): Promise<void> {
  await sender.send(text);
  await new Promise(() => {});
}

/** Fills the window of a sender, and says how the message fails that waits for more. */
async function sendTooMuch(sender: Sender<Buffer>): Promise<string> {
  await sender.send(Buffer.alloc(1e6));
  return sender.send(Buffer.alloc(1)).then(
    () => 'it was sent',
    (error) => `${error.code}: ${error.message}`,
  );
}

async function lengths(channel: Channel<string, number>): Promise<void> {
  for await (const text of channel) await channel.send(text.length);
  await channel.close();
}

/** A receiver in the context; what comes is added up. */
function openSum(): Sender<number> {
  const receiver = thisContext().router.receiver<number>();
  const store = globalThis as { sum?: Promise<number> };
  store.sum = (async () => {
    let sum = 0;
    for await (const number of receiver) sum += number;
    return sum;
  })();
  return receiver.toSender();
}

const takeSum = () => (globalThis as { sum?: Promise<number> }).sum as Promise<number>;

function hash(file: string, sender: Sender<Buffer>): Promise<void> {
  return sender.sendAll(createReadStream(file));
}

async function collect<Value>(receiver: AsyncIterable<Value>): Promise<[Value[], unknown]> {
  const got: Value[] = [];
  try {
    for await (const value of receiver) got.push(value);
    return [got, undefined];
  } catch (error) {
    return [got, error];
  }
}

describe('channels', () => {
  let router: Router;
  beforeEach(() => {
    router = new Router({ onLog: () => {} });
  });
  afterEach(() => router.shutdown());

  for (const workThread of ['eager', 'none'] as const) {
    describe(`with workThread ${workThread}`, () => {
      let context: PendingContext;
      beforeEach(() => {
        context = router.local({ via: router.local(), workThread });
      });

      it('a sender is an argument, and sends up to the clean end', async () => {
        const receiver = router.receiver<number>();
        const done = context.call(count, receiver.toSender(), 3);
        expect(await receiver.get()).to.equal(0);
        expect(await collect(receiver)).to.deep.equal([[1, 2], undefined]);
        await done;
      });

      it('a sender is a result, to a receiver there', async () => {
        const sender = await context.call(openSum);
        expect(sender).to.be.instanceOf(Sender);
        await sender.sendAll([1, 2, 3]);
        expect(await context.call(takeSum)).to.equal(6);
      });

      it('a channel is an argument, and its other end there', async () => {
        const channel = router.channel<number, string>();
        const done = context.call(lengths, channel);
        await channel.send('a');
        await channel.send('bcd');
        expect([await channel.get(), await channel.get()]).to.deep.equal([1, 3]);
        await channel.close();
        await done;
        expect(await failure(context.call(lengths, channel))).to.include({
          code: 'ERR_NOT_SERIALIZABLE',
          path: 'args[0]',
        });
      });
    });
  }

  it('refuses what cannot travel: also a signal, which is for arguments of calls', async () => {
    const receiver = router.receiver<unknown>();
    const sendSignal = (sender: Sender<unknown>) =>
      sender.send({ signal: new AbortController().signal }).catch((error) => error.path);
    expect(await router.local().call(sendSignal, receiver.toSender())).to.equal('value.signal');
    expect(await sendSignal(receiver.toSender())).to.equal('value.signal');
    const returned = router.local().call(() => [thisContext().id, new AbortController().signal]);
    expect(await failure(returned)).to.include({ code: 'ERR_NOT_SERIALIZABLE' });
  });

  it('says which context a message is from', async () => {
    const receiver = router.receiver<number>();
    const context = await router.local();
    await context.call(count, receiver.toSender(), 1);
    expect(receiver.take()?.message.context).to.equal(context);
  });

  it('collects from many contexts, and ends with the last', async () => {
    const receiver = router.receiver<number>();
    const contexts = await Promise.all([router.local(), router.local(), router.local()]);
    const done = contexts.map((context) => context.call(count, receiver.toSender(), 2));
    const [got, error] = await collect(receiver);
    expect(got.sort()).to.deep.equal([0, 0, 0, 1, 1, 1]);
    expect(error).to.equal(undefined);
    await Promise.all(done);
  });

  it('connects siblings and cousins', async () => {
    const [one, two] = [router.local(), router.local()];
    const cousin = router.local({ via: two });
    const sender = await one.call(openSum);
    await cousin.call(count, sender, 4);
    expect(await one.call(takeSum)).to.equal(6);
  });

  it('carries a file as it is read', async () => {
    const receiver = router.receiver<Buffer>();
    const file = process.execPath;
    const done = router.local({ via: router.local() }).call(hash, file, receiver.toSender());
    const digest = createHash('sha256');
    for await (const chunk of receiver.toReadable()) digest.update(chunk);
    await done;
    const expected = createHash('sha256').update(readFileSync(file)).digest('hex');
    expect(digest.digest('hex')).to.equal(expected);
  });

  it('carries large messages in order, with both kinds of credit', async () => {
    const receiver = router.receiver<Buffer>();
    const done = router.local({ via: router.local() }).call(async (sender: Sender<Buffer>) => {
      for (let i = 0; i < 12; i++) {
        // Below a frame, above the window of a channel, above that of a large message.
        const bytes = [100, 1e6, 5e6][i % 3] as number;
        await sender.send(Buffer.alloc(bytes, i));
      }
      await sender.close();
    }, receiver.toSender());
    let i = 0;
    for await (const bytes of receiver) {
      expect(bytes.length).to.equal([100, 1e6, 5e6][i % 3]);
      expect(bytes[0]).to.equal(i);
      expect(bytes[bytes.length - 1]).to.equal(i++);
    }
    expect(i).to.equal(12);
    await done;
  });

  describe('a loss', () => {
    it('of the process comes after all that it has sent', async () => {
      const receiver = router.receiver<string>();
      const context = await router.local({ via: router.local() });
      const stays = failure(context.call(sendAndStay, receiver.toSender(), 'hello'));
      expect(await receiver.get()).to.equal('hello');
      process.kill(context.pid as number, 'SIGKILL');
      expect(await failure(receiver.get())).to.include({ code: 'ERR_CONTEXT_LOST' });
      expect(await failure(receiver.get())).to.include({ name: 'DeadLetterError' });
      await stays;
    });

    it('of the thread is one, too: process.exit in the function', async () => {
      const receiver = router.receiver<string>();
      const context = router.local({ via: router.local() });
      const ended = failure(
        context.call(async (sender: Sender<string>) => {
          await sender.send('hello');
          setImmediate(() => process.exit(0));
          await new Promise(() => {});
        }, receiver.toSender()),
      );
      const [got, error] = await collect(receiver);
      expect(got).to.deep.equal(['hello']);
      expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_THREAD_ENDED' });
      await ended;
      expect(await context.call(() => 'alive')).to.equal('alive');
    });

    it('of the thread is one, too: a call that was given up', async () => {
      const receiver = router.receiver<string>();
      const context = router.local();
      const abort = new AbortController();
      const options = { signal: abort.signal, grace: 1 };
      const givenUp = failure(
        context.with(options).call(async (sender: Sender<string>) => {
          await sender.send('hello');
          // Once that has left.
          setImmediate(() => {
            for (;;);
          });
          await new Promise(() => {});
        }, receiver.toSender()),
      );
      expect(await receiver.get()).to.equal('hello');
      abort.abort(new Error('enough'));
      expect(await failure(receiver.get())).to.include({ code: 'ERR_THREAD_ENDED' });
      await givenUp;
    });

    it('of the thread with the receiver reaches a sender that waits', async () => {
      const context = router.local({ via: router.local() });
      const sender = await context.call(() => thisContext().router.receiver<Buffer>().toSender());
      await sender.send(Buffer.alloc(1e6));
      const waiting = failure(sender.send(Buffer.alloc(1)));
      await failure(context.call(process.exit, 0));
      expect(await waiting).to.include({ name: 'DeadLetterError', code: 'ERR_THREAD_ENDED' });
      expect(sender.isEnded).to.equal(true);
    });

    it('of a context between them reaches both', async () => {
      const hop = await router.local();
      const receiver = router.receiver<string>();
      const below = router.local({ via: hop });
      const stays = failure(below.call(sendAndStay, receiver.toSender(), 'hello'));
      await receiver.get();
      process.kill(hop.pid as number, 'SIGKILL');
      expect(await failure(receiver.get())).to.include({ code: 'ERR_CONTEXT_LOST' });
      await stays;
    });

    it('of a sibling reaches a receiver in another', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      const sender = await one.call(() => {
        const receiver = thisContext().router.receiver<string>();
        const store = globalThis as { next?: () => Promise<string> };
        store.next = () => receiver.get().catch((error) => error.code);
        return receiver.toSender();
      });
      const next = () => one.call(() => (globalThis as { next?: () => unknown }).next?.());
      const stays = failure(two.call(sendAndStay, sender, 'hello'));
      expect(await next()).to.equal('hello');
      const waiting = next();
      await two.shutdown();
      expect(await waiting).to.equal('ERR_CONTEXT_LOST');
      await stays;
    });

    it('of a respondent that never had a sender reaches a receiver in a context, too', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      await one.call((respondent: Context) => {
        const receiver = thisContext().router.receiver({ respondent });
        (globalThis as { end?: unknown }).end = receiver.get().catch((error) => error.code);
      }, two);
      const end = one.call(() => (globalThis as { end?: unknown }).end);
      await two.shutdown();
      expect(await end).to.equal('ERR_CONTEXT_LOST');
    });

    it('of a respondent that never had a sender ends the wait', async () => {
      const context = await router.local();
      const receiver = router.receiver<string>({ respondent: context });
      const waiting = failure(receiver.get());
      await context.shutdown();
      expect(await waiting).to.include({ code: 'ERR_CONTEXT_LOST' });
    });
  });

  it('as much leaves before anything is read as the receiver has windowBytes', async () => {
    const context = await router.local();
    const windowBytes = 2 ** 22;
    // Each as large as all that could leave without the option.
    const fill = async (sender: Sender<Buffer>) => {
      for (let i = 0; i < 8; i++) await sender.send(Buffer.alloc(2 ** 19));
    };
    const here = router.receiver<Buffer>({ windowBytes });
    await context.call(fill, here.toSender());
    expect(here.size).to.be.at.most(8);
    here.close();
    const there = await context.call((bytes: number) => {
      const receiver = thisContext().router.receiver<Buffer>({ windowBytes: bytes });
      (globalThis as { full?: unknown }).full = receiver;
      return receiver.toSender();
    }, windowBytes);
    await fill(there);
  });

  it('a receiver in a context hears whom its policy lets, and nobody else', async () => {
    const [one, two] = await Promise.all([router.local(), router.local()]);
    const open = (policy: 'above' | 'chosen') => {
      const chosen = ({ isAbove }: { isAbove: boolean }) => isAbove;
      const { router: own } = thisContext();
      const receiver = own.receiver<number>({ policy: policy === 'above' ? 'above' : chosen });
      (globalThis as { first?: unknown }).first = receiver.get();
      return receiver.toSender();
    };
    const sendAndClose = (sender: Sender<number>) =>
      sender.send(1).then(
        () => sender.close().then(() => 'closed'),
        (error) => error.code,
      );
    for (const policy of ['above', 'chosen'] as const) {
      const sender = await one.call(open, policy);
      expect((await failure(two.call(sendAndClose, sender))).message).to.include('refuses');
      await sender.send(2);
      expect(await one.call(() => (globalThis as { first?: unknown }).first)).to.equal(2);
    }
  });

  it('a receiver that is closed reaches the function that waits to send', async () => {
    const receiver = router.receiver<Buffer>();
    const said = router.local({ via: router.local() }).call(sendTooMuch, receiver.toSender());
    await receiver.get({ timeout: 60_000 }).then(() => {});
    // What was read gives credit back, unless it was closed before.
    expect(await said).to.equal('it was sent');
    const other = router.receiver<Buffer>();
    const again = router.local().call(sendTooMuch, other.toSender());
    while (other.size === 0) await new Promise((resolve) => other.watch(() => resolve(undefined)));
    other.close('seen enough');
    expect(await again).to.equal(
      'ERR_CLOSED_THERE: cannot send: the receiver was closed: seen enough',
    );
  });

  it('the end of the router ends receivers that wait for nobody', async () => {
    const receiver = router.receiver<string>();
    const channel = router.channel();
    const waiting = [failure(receiver.get()), failure(channel.get())];
    await router.shutdown();
    for (const error of await Promise.all(waiting)) {
      expect(error).to.include({ code: 'ERR_CLOSED_HERE', message: 'the router was shut down' });
    }
  });

  it('works with a child of the oldest Node', async function () {
    this.timeout(300_000);
    await requirePart('Linux on x64', canFetchNode, async () => {
      const node = await fetchNode('12.22.12');
      const context: Context = await router.local({ node, via: router.local({ node }) });
      const receiver = router.receiver<number>();
      const done = context.call(count, receiver.toSender(), 3);
      expect(await collect(receiver)).to.deep.equal([[0, 1, 2], undefined]);
      await done;
      const channel = router.channel<number, string>();
      const talk = context.call(lengths, channel);
      await channel.send('abcd');
      expect(await channel.get()).to.equal(4);
      await channel.close();
      await talk;
      const file = router.receiver<Buffer>();
      const sent = context.call(hash, process.execPath, file.toSender());
      let bytes = 0;
      for await (const chunk of file) bytes += chunk.length;
      expect(bytes).to.equal(readFileSync(process.execPath).length);
      await sent;
      const web = context.call((sender: Sender<number>) => {
        try {
          sender.toWeb();
          return 'there are';
        } catch (error) {
          return (error as { code: string }).code;
        }
      }, router.receiver<number>().toSender());
      expect(await web).to.equal('ERR_NO_WEB_STREAMS');
    }).call(this);
  });
});
