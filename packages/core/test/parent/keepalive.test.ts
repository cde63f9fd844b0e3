import { expect } from 'chai';
import { settle, type TestEnd, TestTree } from '../../../../test/support/stream-pair.js';
import { keepAlive } from '../../src/parent/keepalive.js';
import type { Stream } from '../../src/routing/stream.js';
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
    ticks = [];
    globalThis.setInterval = ((tick: () => void) => {
      ticks.push(tick);
      return { unref() {} };
    }) as never;
    globalThis.clearInterval = (() => ticks.splice(0)) as never;
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

  it('does nothing with an interval of 0', () => {
    start(0);
    expect(ticks).to.deep.equal([]);
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
