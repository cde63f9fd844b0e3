/** Contexts that come and go leave nothing behind. */

import { hostname } from 'node:os';
import { Router as MasterRouter } from '@kinetin/master';
import { expect } from 'chai';
import { keepAlive } from '../../packages/core/src/parent/keepalive.js';
import { Router } from '../../packages/core/src/routing/router.js';
import { listenForRoutes } from '../../packages/core/src/routing/routes.js';
import { PING } from '../../packages/core/src/wire/handles.js';
import { usedBytes } from '../support/heap.js';
import { stateOf } from '../support/router-state.js';
import { makePair, settle } from '../support/stream-pair.js';

const WAVE = 250;
const WAVES = 40;
const NOISE_BYTES = 3_000_000;

describe('leaks/contexts', () => {
  it(`${WAVE * WAVES} that are opened and closed leave no route, stream, handle or byte`, async function () {
    this.timeout(600_000);
    const master = new Router({ id: 0, parentIds: [] });
    listenForRoutes(master);
    const echo = master.listen({
      onMessage: (message) => master.reply(message, master.encode(master.decode(message))),
    });
    const atStart = stateOf(master);
    const seen = new Set<number>();
    const lost = new Set<number>();
    master.onContextLost = (id) => lost.add(id);
    let lastId = 0;
    let before = 0;

    /** Opens a child, which is called and calls, also with large values, and is closed in one of three ways. */
    async function live(id: number): Promise<void> {
      const [down, up] = makePair();
      const stream = master.addStream('child', id);
      stream.attach(down);
      stream.open();
      const child = new Router({ id, parentIds: [0] });
      const upstream = child.addStream('parent', 0);
      upstream.attach(up);
      upstream.open();
      const handle = child.listen({
        onMessage: (message) => child.reply(message, child.encode(id)),
      });
      const large = Buffer.alloc(id % 10 === 0 ? 100_000 : 10);
      expect(await master.request(id, handle, master.encode(large))).to.equal(id);
      await child.request(0, echo, child.encode(large));
      // Requests that will not be answered, and a large message that stops half-way.
      const silent = child.listen({ onMessage: () => {} });
      const waiting = master.request(id, silent, master.encode(Buffer.alloc(70_000)));
      up.isHeld = true;
      child.post(0, echo, Buffer.alloc(140_000));
      up.deliver(1);
      down.isHeld = true;
      master.post(id, silent, Buffer.alloc(600_000));
      const failed = waiting.then(
        () => expect.fail('answered'),
        (error) => expect(error.code).to.equal('ERR_CONTEXT_LOST'),
      );
      if (id % 3 === 0) stream.close('shutdown', true);
      else if (id % 3 === 1) upstream.close('it has ended');
      else down.cutOff('the line was cut');
      up.release();
      await failed;
    }

    for (let wave = 0; wave < WAVES; wave++) {
      const ids = Array.from({ length: WAVE }, () => ++lastId);
      for (const id of ids) {
        expect(seen.has(id)).to.equal(false);
        seen.add(id);
      }
      await Promise.all(ids.map(live));
      await settle();
      expect(stateOf(master), `after wave ${wave}`).to.deep.equal(atStart);
      if (wave === 9) before = await usedBytes();
    }
    expect(lost.size).to.equal(WAVE * WAVES);
    expect((await usedBytes()) - before, 'bytes').to.be.below(NOISE_BYTES);
  });

  it('with heartbeats leave no timer and no handle: those of 1,000 children on a fake clock', async () => {
    const clock = new FakeClock();
    try {
      const master = new Router({ id: 0, parentIds: [] });
      const atStart = stateOf(master);
      for (let id = 1; id <= 1000; id++) {
        const [down, up] = makePair();
        const stream = master.addStream('child', id);
        stream.attach(down);
        stream.open();
        const child = new Router({ id, parentIds: [0] });
        const upstream = child.addStream('parent', 0);
        child.listen({ onMessage: (message) => child.reply(message, child.encode(0)) }, PING);
        upstream.attach(up);
        upstream.open();
        keepAlive(master, stream, { intervalMs: 15_000, countMax: 3 });
        // Every second one stops answering after its first ping.
        clock.tick(15_000);
        await settle();
        if (id % 2) up.isHeld = true;
        for (let i = 0; i < 5; i++) {
          clock.tick(15_000);
          await settle();
        }
        expect(stream.closed === undefined, `child ${id}`).to.equal(id % 2 === 0);
        stream.close('shutdown');
        clock.tick(15_000);
      }
      expect(clock.size, 'timers').to.equal(0);
      expect(stateOf(master)).to.deep.equal(atStart);
    } finally {
      clock.restore();
    }
  });

  it('that are processes leave none, and no memory', async function () {
    this.timeout(600_000);
    await using router = new MasterRouter();
    const ids = new Set<number>();
    let before = 0;
    for (let wave = 0; wave < 15; wave++) {
      const contexts = await Promise.all(
        Array.from({ length: 4 }, () => router.local({ workThread: 'none' })),
      );
      for (const context of contexts) {
        expect(ids.has(context.id), 'an id is used again').to.equal(false);
        ids.add(context.id);
        expect(await context.call(hostname)).to.equal(hostname());
      }
      await Promise.all(contexts.map((context) => context.shutdown()));
      if (wave === 4) before = await usedBytes();
    }
    expect((await router.tree()).children).to.deep.equal([]);
    expect((await usedBytes()) - before, 'bytes').to.be.below(NOISE_BYTES);
  });
});

/** Stands for the intervals of Node: time passes when told. */
class FakeClock {
  readonly #timers = new Map<object, { run: () => void; intervalMs: number; nextMs: number }>();
  readonly #real = { setInterval, clearInterval };
  #nowMs = 0;

  constructor() {
    globalThis.setInterval = ((run: () => void, intervalMs: number) => {
      const timer = { unref: () => timer };
      this.#timers.set(timer, { run, intervalMs, nextMs: this.#nowMs + intervalMs });
      return timer;
    }) as unknown as typeof setInterval;
    globalThis.clearInterval = ((timer: object) =>
      this.#timers.delete(timer)) as unknown as typeof clearInterval;
  }

  get size(): number {
    return this.#timers.size;
  }

  tick(ms: number): void {
    this.#nowMs += ms;
    for (const timer of [...this.#timers.values()]) {
      while (timer.nextMs <= this.#nowMs) {
        timer.nextMs += timer.intervalMs;
        timer.run();
      }
    }
  }

  restore(): void {
    Object.assign(globalThis, this.#real);
  }
}
