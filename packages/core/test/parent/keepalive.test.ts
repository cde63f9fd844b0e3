import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { stateOf } from '../../../../test/support/router-state.js';
import { settle, type TestEnd, TestTree } from '../../../../test/support/stream-pair.js';
import { keepAlive } from '../../src/parent/keepalive.js';
import type { Message } from '../../src/routing/message.js';
import type { Stream } from '../../src/routing/stream.js';
import { PING } from '../../src/wire/handles.js';
import { HIGH_WATER_BYTES } from '../../src/wire/limits.js';

const [MASTER, A, B] = [0, 1, 2];

describe('parent/keepalive', () => {
  const original = { setInterval: globalThis.setInterval, clearInterval: globalThis.clearInterval };
  /** master > a, master > b */
  let tree: TestTree;
  let stream: Stream;
  let ticks: (() => void)[];

  beforeEach(async () => {
    tree = await TestTree.grow([A, MASTER], [B, MASTER]);
    stream = tree.router(MASTER).routes.get(A) as Stream;
    // It hears the pings and says nothing; without a listener, there would be dead letters.
    tree.router(A).listen({ onMessage() {} }, PING);
    ticks = [];
    const timer = { unref() {} } as NodeJS.Timeout;
    globalThis.setInterval = ((tick: () => void) => {
      ticks.push(tick);
      return timer;
    }) as never;
    // Others in this process may have timers.
    globalThis.clearInterval = ((one) =>
      one === timer ? ticks.splice(0) : original.clearInterval(one)) as typeof clearInterval;
  });

  afterEach(() => {
    Object.assign(globalThis, original);
  });

  const start = (intervalMs = 1000, countMax = 3) =>
    keepAlive(tree.router(MASTER), stream, { intervalMs, countMax });

  async function pass(intervals: number): Promise<void> {
    for (let i = 0; i < intervals; i++) {
      for (const tick of [...ticks]) tick();
      await settle();
    }
  }

  it('gives up a neighbour that is silent for more pings than it may be', async () => {
    start();
    await pass(3);
    expect(stream.closed).to.equal(undefined);
    await pass(1);
    expect(stream.closed).to.equal('it did not answer 3 pings');
    await pass(1);
    expect(ticks, 'the timer is stopped').to.deep.equal([]);
  });

  it('begins to count anew at any byte', async () => {
    start();
    for (let i = 0; i < 10; i++) {
      await pass(3);
      tree.router(A).post(MASTER, 5000, 'still here');
      await settle();
    }
    expect(stream.closed).to.equal(undefined);
  });

  it('keeps a neighbour that answers, as a child does', async () => {
    const { router } = tree.get(A);
    const onMessage = (ping: Message) => router.reply(ping, router.encode(0));
    router.listen({ policy: router.isAbove, onMessage }, PING);
    start();
    await pass(10);
    expect(stream.closed).to.equal(undefined);
    expect(tree.get(MASTER).complaints).to.deep.equal([]);
    expect(stateOf(tree.router(MASTER)).pending).to.equal(0);
  });

  it('has one reply handle for all pings, however many get no answer, and frees it', async () => {
    const replyHandles: number[] = [];
    tree.router(A).listen({ onMessage: (ping) => replyHandles.push(ping.replyHandle) }, PING);
    start(1000, 20);
    await pass(20);
    expect(replyHandles).to.have.lengthOf(20);
    const [replyHandle] = replyHandles as [number];
    expect(replyHandle).to.be.above(0);
    expect(new Set(replyHandles).size).to.equal(1);
    await pass(2);
    expect(stream.closed).to.equal('it did not answer 20 pings');
    const other = tree.router(B);
    expect(await failure(other.request(MASTER, replyHandle, other.encode(0)))).to.include({
      code: 'ERR_NO_HANDLE',
    });
  });

  it('does nothing with an interval of 0', () => {
    start(0);
    expect(ticks).to.deep.equal([]);
  });

  /** Fills `from`'s stream to its child `to`, which takes nothing of it. */
  async function fill(from: number, to: number): Promise<void> {
    (tree.get(to).down as TestEnd).isHeld = true;
    for (let i = 0; i <= (4 * HIGH_WATER_BYTES) / 60_000; i++) {
      tree.router(from).post(to, 5000, Buffer.alloc(60_000));
    }
    await settle();
  }

  it('gives up a neighbour that goes on sending and takes nothing', async () => {
    start();
    tree.router(MASTER).listen({ onMessage() {} }, 5000);
    await fill(MASTER, A);
    const sendAndPass = async () => {
      tree.router(A).post(MASTER, 5000, 'still here');
      await settle();
      await pass(1);
    };
    for (let i = 0; i < 3; i++) await sendAndPass();
    expect(stream.closed).to.equal(undefined);
    await sendAndPass();
    expect(stream.closed).to.equal('it took nothing for 3 pings');
  });

  it('keeps a neighbour that sends, and takes what waits for it slowly', async () => {
    start();
    await fill(MASTER, A);
    for (let i = 0; i < 10; i++) {
      (tree.get(A).down as TestEnd).deliver(1);
      tree.router(A).post(MASTER, 5000, 'still here');
      await settle();
      expect(stream.isFull).to.equal(true);
      await pass(1);
    }
    expect(stream.closed).to.equal(undefined);
  });

  it('gives it up earlier the deeper it is, so that its parent is not given up for it', async () => {
    const C = 3;
    await tree.add(C, A);
    stream = tree.router(A).routes.get(C) as Stream;
    keepAlive(tree.router(A), stream, { intervalMs: 1000, countMax: 3 });
    await fill(A, C);
    await pass(2);
    expect(stream.closed).to.equal(undefined);
    await pass(1);
    expect(stream.closed).to.equal('it took nothing for 2 pings');
  });

  it('does not give up a neighbour that is not read, since others cannot take what it sends', async () => {
    start();
    (tree.get(B).down as TestEnd).isHeld = true;
    for (let i = 0; i <= (4 * HIGH_WATER_BYTES) / 60_000; i++) {
      tree.router(A).post(B, 5000, Buffer.alloc(60_000));
    }
    await settle();
    expect(tree.get(A).down!.isPaused).to.equal(true);
    await pass(10);
    expect(stream.closed).to.equal(undefined);
  });
});
