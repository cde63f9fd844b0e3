/** The limits of routers, each at its edge: what fits passes, one more fails alone, and the rest goes on. */

import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { naiveFrame } from '../../../../test/support/naive-frame.js';
import { stateOf } from '../../../../test/support/router-state.js';
import { makePair, settle, TestTree } from '../../../../test/support/stream-pair.js';
import { Router } from '../../src/routing/router.js';
import { HEADER_BYTES } from '../../src/wire/frame.js';
import {
  FREE_WINDOW_BYTES,
  MAX_FRAME_PAYLOAD,
  MAX_PENDING_BYTES,
  MAX_UNFINISHED,
} from '../../src/wire/limits.js';
import { serialize } from '../../src/wire/serialize.js';

const [MASTER, A, B] = [0, 1, 2];
const MAX = 200_000;

const ask = (router: Router, destination: number, handle: number, body: Buffer) =>
  router.request(destination, handle, body);

/** A Buffer whose payload has so many bytes, and room for a header. */
function bodyOf(bytes: number): Buffer {
  const spare = serialize(Buffer.alloc(bytes)).length - bytes;
  const body = serialize(Buffer.alloc(bytes - spare, 1), undefined, HEADER_BYTES);
  expect(body.length - HEADER_BYTES).to.equal(bytes);
  return body;
}

describe('routing/router-limits', () => {
  describe('maxMessageBytes', () => {
    /** master > a > b */
    let tree: TestTree;
    beforeEach(async () => {
      tree = new TestTree({ maxMessageBytes: MAX });
      await tree.add(A, MASTER);
      await tree.add(B, A);
    });

    const lengths = (router: Router) =>
      router.listen({
        onMessage: (message) => router.reply(message, router.encode(message.payload.length)),
      });

    for (const [title, to] of [
      ['to a child', A],
      ['through a hop', B],
    ] as const) {
      it(`${title}: that many bytes pass, one more fails, and the next passes`, async () => {
        const master = tree.router(MASTER);
        const handle = lengths(tree.router(to));
        expect(await ask(master, to, handle, bodyOf(MAX))).to.equal(MAX);
        const error = await failure(ask(master, to, handle, bodyOf(MAX + 1)));
        expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_MESSAGE_TOO_LARGE' });
        expect(error.message).to.contain(String(MAX));
        expect(await ask(master, to, handle, bodyOf(MAX))).to.equal(MAX);
        expect(tree.router(MASTER).streams.size).to.equal(1);
      });
    }

    it('is asked by the sender, too, with a name for the value', () => {
      const router = tree.router(A);
      expect(router.encode(Buffer.alloc(MAX - 10)).length).to.be.below(MAX + HEADER_BYTES);
      expect(() => router.encode(Buffer.alloc(MAX), 'result'))
        .to.throw('result cannot travel')
        .with.property('code', 'ERR_MESSAGE_TOO_LARGE');
    });

    it('fails the request where it is the answer that exceeds it', async () => {
      const far = tree.router(B);
      const handle = far.listen({ onMessage: (message) => far.reply(message, bodyOf(MAX + 1)) });
      const master = tree.router(MASTER);
      const error = await failure(ask(master, B, handle, master.encode(0)));
      expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_MESSAGE_TOO_LARGE' });
      await settle();
      for (const id of [MASTER, A, B]) {
        expect(stateOf(tree.router(id)), `${id}`).to.include({ unfinished: 0, lanes: 0 });
      }
    });
  });

  describe('a child that is not connected yet', () => {
    /** master > a > (b, which connects later) */
    let tree: TestTree;
    let got: Buffer[];

    beforeEach(async () => {
      tree = await TestTree.grow([A, MASTER]);
      got = [];
      const hop = tree.router(A);
      hop.addStream('child', B);
      tree.router(MASTER).addRoute(B, tree.router(MASTER).routes.get(A)!);
    });

    /** Connects b. */
    async function connect(): Promise<void> {
      const [down, up] = makePair();
      const router = new Router({ id: B, parentIds: [A, MASTER] });
      router.listen(
        {
          onMessage: (message) => {
            got.push(router.decode(message) as Buffer);
            router.reply(message, router.encode('done'));
          },
        },
        500,
      );
      const below = tree.router(A).routes.get(B)!;
      below.attach(down);
      below.open();
      const upstream = router.addStream('parent', A);
      upstream.attach(up);
      upstream.open();
      await settle();
    }

    it('gets nothing of a message that lost a frame while it waited', async () => {
      const hop = tree.router(A);
      const stream = hop.routes.get(B)!;
      const master = tree.router(MASTER);
      const body = master.encode(Buffer.alloc(FREE_WINDOW_BYTES - 1000, 7));
      const failed = failure(ask(master, B, 500, body));
      // Filled by others, but for the first two of its frames.
      while (stream.waitingBytes < MAX_PENDING_BYTES - 3 * MAX_FRAME_PAYLOAD) {
        stream.write(naiveFrame({ destination: B, handle: 999, payload: Buffer.alloc(60_000) }));
      }
      await settle();
      expect(await failed).to.include({ code: 'ERR_NO_ROUTE' });
      expect((await failed).message).to.contain('too much waits for its start');
      await connect();
      expect(got).to.deep.equal([]);
      expect(await ask(master, B, 500, master.encode(Buffer.from('next')))).to.equal('done');
      expect(got.map(String)).to.deep.equal(['next']);
    });

    it('makes the large messages of one sender wait with that sender', async () => {
      const master = tree.router(MASTER);
      const answers = Array.from({ length: 40 }, (_, i) =>
        ask(master, B, 500, master.encode(Buffer.alloc(1_000_000, i))),
      );
      await settle();
      expect(tree.router(A).routes.get(B)!.waitingBytes).to.be.below(MAX_PENDING_BYTES / 2);
      await connect();
      expect(await Promise.all(answers)).to.deep.equal(Array(40).fill('done'));
      expect(got.map((value) => value[0])).to.deep.equal(Array.from({ length: 40 }, (_, i) => i));
    });
  });

  it('carries more large answers at once than may be unfinished, of one context', async () => {
    const tree = await TestTree.grow([A, MASTER]);
    const [master, child] = [tree.router(MASTER), tree.router(A)];
    const large = Buffer.alloc(3 * MAX_FRAME_PAYLOAD, 1);
    const handle = child.listen({
      onMessage: (message) => child.reply(message, child.encode(large)),
    });
    const asked = Array.from({ length: MAX_UNFINISHED + 100 }, () =>
      ask(master, A, handle, master.encode(0)),
    );
    const answers = (await Promise.all(asked)) as Buffer[];
    expect(answers.every((answer) => answer.equals(large))).to.equal(true);
    await settle();
    for (const router of [master, child]) {
      expect(stateOf(router)).to.include({ unfinished: 0, lanes: 0, underWay: 0, pending: 0 });
    }
  });

  it('uses message numbers again after the last', async () => {
    const tree = await TestTree.grow([A, MASTER]);
    const [master, child] = [tree.router(MASTER), tree.router(A)];
    const numbers: number[] = [];
    const handle = child.listen({
      onMessage: (message) => {
        numbers.push(message.number);
        child.reply(message, child.encode(message.payload.length));
      },
    });
    const send = () => ask(master, A, handle, master.encode(Buffer.alloc(100_000)));
    await send();
    (master as unknown as { _lastNumber: number })._lastNumber = (1 << 20) - 2;
    for (let i = 0; i < 3; i++) await send();
    expect(numbers).to.deep.equal([1, (1 << 20) - 1, 1, 2]);
  });
});
