/** A child that was taken over: what it can do to the master and to its siblings, which is nothing. */

import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Context, type LocalContextOptions, type LogRecord, Router } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { growthDuring } from '../support/heap.js';
import { until } from '../support/processes.js';
import { program } from '../support/program.js';

const CHILD = fileURLToPath(new URL('fixtures/hostile-child.mjs', import.meta.url));
const DONE = 'has misbehaved';

describe('hostile/child', () => {
  let router: Router;
  let records: LogRecord[];
  let waiting: { text: string; resolve: () => void }[];
  let good: Context;
  let scripts: { remove(): Promise<void> }[];

  beforeEach(async () => {
    records = [];
    waiting = [];
    scripts = [];
    router = new Router({
      maxMessageBytes: 64 * 1024 * 1024,
      onLog: (record) => {
        records.push(record);
        for (const { text, resolve } of waiting) if (record.text === text) resolve();
      },
    });
    good = await router.local({ name: 'good' });
    expect(await good.call(hostname)).to.equal(hostname());
  });

  afterEach(async () => {
    await router.shutdown();
    await Promise.all(scripts.map((script) => script.remove()));
  });

  /** Starts the evil child, which is called `evil`. */
  async function startEvil(evil: string, options: LocalContextOptions = {}): Promise<Context> {
    const text = `KINETIN_TEST_EVIL=${evil} exec '${process.execPath}' '${CHILD}' "$@"`;
    const script = await program(text);
    scripts.push(script);
    return await router.local({
      name: 'evil',
      node: script.path,
      ...options,
    });
  }

  const logged = (text: string): Promise<void> =>
    records.some((record) => record.text === text)
      ? Promise.resolve()
      : new Promise((resolve) => waiting.push({ text, resolve }));

  /** The tree works but for the evil child: what lives answers, what is started anew does too. */
  async function expectService(): Promise<void> {
    expect(await good.call(hostname)).to.equal(hostname());
    // Through the sibling, and with a large answer: routes and credit are as they were.
    const below = await router.local({ name: 'below', via: good });
    const large = await below.call((size: number) => Buffer.alloc(size, 1), 5_000_000);
    expect(large).to.have.lengthOf(5_000_000);
    await below.shutdown();
    const fresh = await router.local({ name: 'fresh' });
    expect(await fresh.call(hostname)).to.equal(hostname());
  }

  const receivedBytes = () => router.stats().receivedBytes;
  const said = () => records.map(({ context, text }) => `${context}: ${text}`);

  for (const evil of ['garbage', 'zeros', 'oversize', 'huge']) {
    it(`that sends ${evil} instead of frames is dropped, and no other`, async () => {
      const context = await startEvil(evil);
      const error = await failure(context.call(hostname));
      expect(error).to.include({ name: 'DeadLetterError' });
      await expectService();
      expect((await router.tree()).children.map(({ name }) => name)).to.deep.equal([
        'good',
        'fresh',
      ]);
    });
  }

  it('that speaks in the name of others is not heard', async () => {
    await startEvil('sources');
    await logged(DONE);
    expect(said()).to.deep.equal([`evil: ${DONE}`]);
    await expectService();
  });

  it('that logs in the name of others is not heard', async () => {
    await startEvil('logOfOthers');
    await logged(DONE);
    expect(said()).to.deep.equal([`evil: ${DONE}`]);
  });

  it('that claims the authority of others runs nothing, in the master or in its sibling', async () => {
    await startEvil('authority');
    await logged(DONE);
    await expectService();
    expect((await router.tree()).children.map(({ name }) => name)).to.deep.equal([
      'good',
      'evil',
      'fresh',
    ]);
  });

  for (const evil of ['sources', 'routes', 'identity']) {
    it(`that was lent authority is still nobody else (${evil})`, async () => {
      await startEvil(evil, { lendAuthority: true });
      await logged(DONE);
      expect(said()).to.deep.equal([`evil: ${DONE}`]);
      await expectService();
      expect((await router.tree()).children.map(({ name }) => name)).to.deep.equal([
        'good',
        'evil',
        'fresh',
      ]);
    });
  }

  for (const evil of ['authority', 'cousins']) {
    it(`that was lent the authority of a hop has none beyond that (${evil})`, async () => {
      const hop = await router.local({ name: 'hop' });
      // The one whose id is before its own is what it takes for its sibling.
      const far = await router.local({ name: 'far' });
      await startEvil(evil, { via: hop, lendAuthority: true });
      await logged(DONE);
      expect(await far.call(hostname)).to.equal(hostname());
      expect((await router.tree()).children.map(({ name }) => name)).to.deep.equal([
        'good',
        'hop',
        'far',
      ]);
      expect(await hop.call(hostname)).to.equal(hostname());
      await expectService();
    });
  }

  it('that pings its sibling is not answered', async () => {
    await startEvil('pings');
    await logged('refused');
    await expectService();
  });

  it('that wants the routes of others does not get them, nor those of contexts to come', async () => {
    await startEvil('routes');
    await logged(DONE);
    await expectService();
  });

  it('that tells its sibling of routes, modules and dead letters is not believed', async () => {
    const pending = good.call(() => new Promise((resolve) => setTimeout(resolve, 200, 'in time')));
    await startEvil('cousins');
    await logged(DONE);
    expect(await pending).to.equal('in time');
    await expectService();
  });

  it('that tells of its own end at great length hurts nobody', async () => {
    const before = good.call((text: string) => text, 'before');
    const context = await startEvil('reasons');
    await failure(context.call(hostname));
    expect(await before).to.equal('before');
    await expectService();
  });

  it('that tells of its own end without sense leaves no call waiting', async () => {
    const context = await startEvil('unprintable');
    const call = failure(context.call(hostname));
    await context.shutdown();
    expect(await call).to.include({ name: 'DeadLetterError' });
    await expectService();
  });

  for (const evil of ['credit', 'payloads', 'arrays']) {
    it(`that sends ${evil} without sense hurts nobody`, async () => {
      const growth = growthDuring(receivedBytes, logged(DONE));
      await startEvil(evil);
      expect(await growth).to.be.below(500e6);
      await expectService();
    });
  }

  for (const [evil, refusals] of [
    ['unfinished', 0],
    ['beyondCredit', 7],
    ['unwanted', 0],
    ['bombs', 0],
  ] as const) {
    it(`that sends ${evil} messages takes little memory, and hurts nobody`, async () => {
      const growth = growthDuring(receivedBytes, logged(DONE));
      await startEvil(evil);
      expect(await good.call(hostname), 'meanwhile').to.equal(hostname());
      expect(await growth).to.be.below(300e6);
      const refused = () => said().filter((text) => text === 'evil: refused').length;
      await until('it was told what is refused', () => refused() >= refusals);
      await expectService();
      expect(refused()).to.equal(refusals);
      expect(
        (await router.tree()).children.map(({ name }) => name),
        'nobody is cut off',
      ).to.include('evil');
    });
  }

  it('that takes the ids of others is not heard, and changes nothing of theirs', async () => {
    await startEvil('identity');
    await logged(DONE);
    expect(said().filter((line) => line.includes('somebody else'))).to.deep.equal([]);
    await expectService();
    expect((await router.tree()).children.map(({ name }) => name)).to.deep.equal([
      'good',
      'evil',
      'fresh',
    ]);
  });

  it('that calls its sibling without end is refused, and delays it little', async () => {
    const growth = growthDuring(receivedBytes, logged(DONE));
    await startEvil('pester');
    for (let i = 0; i < 20; i++) expect(await good.call(hostname)).to.equal(hostname());
    expect(await growth).to.be.below(300e6);
    await expectService();
  });

  it('that answers twice is heard once', async () => {
    const context = await startEvil('twice');
    expect(await context.call(hostname)).to.equal('first');
    expect(await context.call(hostname)).to.equal('first');
    await expectService();
  });

  it('that never ends its answer fails that call, as soon as it breaks the rules', async () => {
    const context = await startEvil('endless');
    expect(await failure(context.call(hostname))).to.include({
      name: 'DeadLetterError',
      code: 'ERR_MESSAGE_LOST',
    });
    await expectService();
  });

  it('that answers the calls of others is heard for its own only', async () => {
    const context = await startEvil('others');
    const slow = good.callAsync(
      () => new Promise((resolve) => setTimeout(resolve, 200, 'in time')),
    );
    expect(await context.call(hostname)).to.equal('own');
    expect(await slow.get()).to.equal('in time');
    await expectService();
  });

  it('that floods the log is heard, and holds up nobody', async () => {
    await startEvil('flood');
    expect(await good.call(hostname)).to.equal(hostname());
    await logged(DONE);
    expect(records).to.have.lengthOf(20_001);
    await expectService();
  });

  for (const evil of ['garbled', 'deadWithoutReason', 'hugeArrays']) {
    it(`that answers calls with what makes no sense (${evil}) fails those calls`, async () => {
      const context = await startEvil(evil);
      expect(await failure(context.call(hostname))).to.be.instanceOf(Error);
      expect(await failure(context.call(hostname)), 'and the next').to.be.instanceOf(Error);
      await expectService();
    });
  }

  it('that answers with keys that name prototypes changes none', async () => {
    const context = await startEvil('prototypes');
    const answer = (await context.call(hostname)) as unknown as object;
    expect(Object.getPrototypeOf(answer)).to.equal(Object.prototype);
    expect(Object.keys(answer)).to.deep.equal(['__proto__', 'constructor']);
    expect('polluted' in {}).to.equal(false);
  });

  it('that reads nothing delays no shutdown beyond its time, and no other context', async () => {
    const context = await startEvil('deaf');
    await logged(DONE);
    const large = failure(context.call((bytes: Buffer) => bytes.length, Buffer.alloc(50_000_000)));
    await expectService();
    await router.shutdown();
    expect(await large).to.be.instanceOf(Error);
  });

  it('that talks and reads nothing is given up by its hop, which goes on', async () => {
    // Long enough for a slow machine to say something before each ping.
    const heartbeat = { intervalMs: 1000, countMax: 3, silenceMs: 600_000 };
    const context = await startEvil('deafAndTalkative', { via: good, heartbeat });
    await logged('still here');
    // More than a hop takes before it reads no further.
    const calls = Array.from({ length: 40 }, () =>
      failure(context.call((bytes: Buffer) => bytes.length, Buffer.alloc(60_000))),
    );
    for (const error of await Promise.all(calls)) {
      expect(error).to.include({ code: 'ERR_CONTEXT_LOST' });
      expect(error.message).to.match(/took nothing for 2 pings/);
    }
    await expectService();
  });

  it('that never comes to an end of its noise fails to connect, in time', async () => {
    const script = await program('while :; do echo noise || exit; done >&3');
    scripts.push(script);
    const error = await failure(router.local({ node: script.path, connectTimeout: 1000 }));
    expect(error).to.include({ code: 'ERR_CONNECT_TIMEOUT' });
    expect((error.output as string[]).length).to.be.at.most(100);
    await expectService();
  });
});
