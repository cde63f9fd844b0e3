import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { naiveFrame } from '../../../../test/support/naive-frame.js';
import { makePair, settle, type TestEnd, TestTree } from '../../../../test/support/stream-pair.js';
import type { Message } from '../../src/routing/message.js';
import { Router } from '../../src/routing/router.js';
import { listenForRoutes } from '../../src/routing/routes.js';
import type { Stream } from '../../src/routing/stream.js';
import { handleOf } from '../../src/wire/frame.js';
import { CALL, GET_MODULE } from '../../src/wire/handles.js';

const [MASTER, A, B, C] = [0, 1, 2, 3];

describe('routing/router-thread', () => {
  /** master > a > b, master > c; a has a work thread. */
  let tree: TestTree;
  let main: Router;
  let thread: Router;
  let line: TestEnd;
  let stream: Stream;
  let passed: number[];

  beforeEach(async () => {
    tree = await TestTree.grow([A, MASTER], [B, A], [C, MASTER]);
    main = tree.router(A);
    startThread(1);
  });

  /** As runtime/thread.ts does it. */
  function startThread(number: number): void {
    const [near, far] = makePair();
    line = far;
    thread = new Router({ id: A, parentIds: [MASTER], thread: number });
    stream = main.addStream('thread', A);
    main.threadOf = (index, frame) => {
      if (index === 0) return handleOf(frame) === CALL ? stream : undefined;
      return index === number ? stream : undefined;
    };
    passed = [];
    main.onThreadFrame = (frame) => passed.push(handleOf(frame));
    stream.attach(near);
    stream.open();
    const upstream = thread.addStream('parent', A);
    upstream.attach(far);
    upstream.open();
    thread.listen(
      {
        policy: thread.isAbove,
        onMessage: (call) => thread.reply(call, thread.encode([call.source, thread.decode(call)])),
      },
      CALL,
    );
  }

  const call = (from: Router, value: unknown = 'x') => from.request(A, CALL, from.encode(value));

  const serve = (router: Router, handle?: number): number =>
    router.listen(
      {
        onMessage: (message) =>
          router.reply(
            message,
            router.encode([router === thread ? 'thread' : 'main', message.source]),
          ),
      },
      handle,
    );

  it('serves calls of the master, of its own main thread and of itself', async () => {
    expect(await call(tree.router(MASTER))).to.deep.equal([MASTER, 'x']);
    expect(await call(main)).to.deep.equal([A, 'x']);
    expect(await call(thread)).to.deep.equal([A, 'x']);
  });

  it('serves no calls of those who are not above', async () => {
    for (const id of [B, C]) {
      const error = await failure(call(tree.router(id)));
      expect(error.code, `context ${id}`).to.equal('ERR_REFUSED');
    }
  });

  it('gets the answers to its own requests, from near and far', async () => {
    for (const id of [MASTER, A, B, C]) {
      const handle = serve(tree.router(id));
      const answer = await thread.request(id, handle, thread.encode(1));
      expect(answer, `from ${id}`).to.deep.equal(['main', A]);
    }
  });

  it('reaches the well-known handles of its main thread under the same id', async () => {
    serve(main, GET_MODULE);
    expect(await thread.request(A, GET_MODULE, thread.encode('hash'))).to.deep.equal(['main', A]);
  });

  it('has handles that others reach by their number', async () => {
    const handle = serve(thread);
    expect(handle >>> 20).to.equal(1);
    for (const from of [MASTER, A, B, C]) {
      const router = tree.router(from);
      expect(await router.request(A, handle, router.encode(1))).to.deep.equal(['thread', from]);
    }
    expect(await thread.request(A, handle, thread.encode(1))).to.deep.equal(['thread', A]);
  });

  it('exchanges large messages with the master, its credit included', async () => {
    const far = tree.router(MASTER);
    const handle = far.listen({
      onMessage: (message) => far.reply(message, far.encode(far.decode(message))),
    });
    const large = Buffer.alloc(6_000_000, 'large');
    const [up, downAnswer] = (await Promise.all([
      thread.request(MASTER, handle, thread.encode(large)),
      call(tree.router(MASTER), large),
    ])) as [Buffer, [number, Buffer]];
    expect(up.equals(large)).to.equal(true);
    expect(downAnswer[1].equals(large)).to.equal(true);
  });

  it('exchanges large messages with its main thread', async () => {
    const handle = main.listen({
      onMessage: (message) =>
        main.reply(message, main.encode((main.decode(message) as Buffer).length)),
    });
    expect(await thread.request(A, handle, thread.encode(Buffer.alloc(6_000_000)))).to.equal(
      6_000_000,
    );
    const [, answer] = (await call(main, Buffer.alloc(6_000_000))) as [number, Buffer];
    expect(answer.length).to.equal(6_000_000);
  });

  it('acts with the authority of its context, whatever it claims', async () => {
    const seen: Message[] = [];
    for (const id of [MASTER, A, B])
      tree.router(id).listen({ onMessage: (m) => seen.push(m) }, 600);
    for (const destination of [MASTER, A, B]) {
      line.write(naiveFrame({ source: A, destination, handle: 600, authority: MASTER }), () => {});
    }
    await settle();
    expect(seen.map(({ authority }) => authority)).to.deep.equal([A, A, A]);
  });

  it('speaks for nobody else', async () => {
    tree.router(MASTER).listen({ onMessage: () => expect.fail('delivered') }, 600);
    for (const source of [MASTER, B, C]) line.write(naiveFrame({ source, handle: 600 }), () => {});
    await settle();
    expect(tree.get(A).complaints).to.have.lengthOf(3);
  });

  it('has each of its frames seen by the main thread', async () => {
    await call(tree.router(MASTER));
    expect(passed).to.have.lengthOf(1);
  });

  it('is told of contexts that are lost, where it has talked to them', async () => {
    const answer = thread.request(
      B,
      tree.router(B).listen({ onMessage: () => {} }),
      thread.encode(1),
    );
    const failed = failure(answer);
    listenForRoutes(thread);
    await settle();
    tree.get(B).down?.cutOff('cut');
    await settle();
    expect((await failed).code).to.equal('ERR_CONTEXT_LOST');
  });

  describe('that has ended', () => {
    it('leaves dead letters for messages to its handles', async () => {
      const handle = serve(thread);
      stream.close('it ended');
      main.threadOf = () => undefined;
      const far = tree.router(MASTER);
      const error = await failure(far.request(A, handle, far.encode(1)));
      expect(error.code).to.equal('ERR_NO_HANDLE');
    });

    it('is not confused with the next one', async () => {
      const handle = serve(thread);
      stream.close('it ended');
      startThread(2);
      expect(await call(tree.router(MASTER))).to.deep.equal([MASTER, 'x']);
      const far = tree.router(MASTER);
      const error = await failure(far.request(A, handle, far.encode(1)));
      expect(error.code).to.equal('ERR_NO_HANDLE');
      expect(serve(thread) >>> 20).to.equal(2);
    });
  });
});
