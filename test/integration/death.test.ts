/** The ends of contexts, wanted or not, while user code hangs: no process may be left. */

import { execSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Context, Router } from '@kinetin/master';
import { expect } from 'chai';
import { startSubprocess } from '../fixtures/subprocess.js';
import { failure } from '../support/failure.js';
import { holdTimers } from '../support/held-timers.js';
import { isAlive, processesWith, uniqueSeconds, until } from '../support/processes.js';

/** Ways to never come back, once it was said. The seconds name the subprocess, and outlast any test. */
const HANGS: Record<string, (seconds: string) => Promise<void>> = {
  spins: async () => {
    await sayThatItHangs();
    for (;;);
  },
  'sits in execSync': async (seconds) => {
    await sayThatItHangs();
    execSync(`sleep ${seconds}`);
  },
};

async function sayThatItHangs(): Promise<void> {
  console.log('hangs');
  // What is printed leaves with the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
}

/** After so long the router ends its contexts by force: docs/limits.md. */
const FORCE_MS = 5000;

/** A chain of three contexts, a sibling of the last, and a subprocess of each. */
async function growTree(router: Router) {
  const top = await router.local({ name: 'top' });
  const middle = await router.local({ name: 'middle', via: top });
  const leaf = await router.local({ name: 'leaf', via: middle });
  const sibling = await router.local({ name: 'sibling', via: top });
  const pidsOf = async (context: Context) => [
    context.pid as number,
    await context.call(startSubprocess),
  ];
  return {
    top,
    middle,
    leaf,
    sibling,
    kept: [...(await pidsOf(top)), ...(await pidsOf(sibling))],
    doomed: [...(await pidsOf(middle)), ...(await pidsOf(leaf))],
  };
}

describe('the end', () => {
  let router: Router;
  let hanging: Set<string>;
  const start = () => {
    hanging = new Set();
    router = new Router({
      onLog: ({ context, text }) => {
        if (text === 'hangs') hanging.add(context);
      },
    });
  };
  beforeEach(start);
  afterEach(() => router.shutdown());

  /** Calls a function that hangs in each context. Resolves with the errors to come when all hang. */
  async function hangIn(
    contexts: Context[],
    hang: (seconds: string) => Promise<void>,
    seconds: string,
  ): Promise<Promise<Error>[]> {
    const pending = contexts.map((context) => failure(context.call(hang, seconds)));
    await until('all hang', () => contexts.every(({ name }) => hanging.has(name)));
    return pending;
  }

  for (const [how, hang] of Object.entries(HANGS)) {
    describe(`while user code ${how},`, () => {
      it('of a hop by SIGKILL takes all below it, and nothing beside or above it', async () => {
        const seconds = uniqueSeconds();
        const { top, middle, leaf, sibling, kept, doomed } = await growTree(router);
        const pending = await hangIn([middle, leaf], hang, seconds);
        const others = [top, sibling].map((context) =>
          context.call(() => new Promise<string>((resolve) => setTimeout(resolve, 500, 'done'))),
        );
        process.kill(middle.pid as number, 'SIGKILL');
        const errors = await Promise.all(pending);
        for (const [i, { name: context }] of [middle, leaf].entries()) {
          const expected = { name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST', context };
          expect(errors[i]).to.include(expected);
        }
        await until('what was below is gone', () => !doomed.some(isAlive));
        await until(
          'so are the subprocesses',
          () => processesWith(`sleep ${seconds}`).length === 0,
        );
        expect(kept.every(isAlive)).to.equal(true);
        expect(await Promise.all(others)).to.deep.equal(['done', 'done']);
        // A new one can take its place.
        const again = router.local({ via: router.local({ via: top }) });
        expect(await again.call(hostname)).to.equal(hostname());
      });

      it('of a context by shutdown takes all below it', async () => {
        const seconds = uniqueSeconds();
        const { middle, leaf, top, sibling, kept, doomed } = await growTree(router);
        const pending = await hangIn([middle, leaf], hang, seconds);
        await middle.shutdown();
        for (const error of await Promise.all(pending)) {
          expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
        }
        await until('what was below is gone', () => !doomed.some(isAlive));
        await until(
          'so are the subprocesses',
          () => processesWith(`sleep ${seconds}`).length === 0,
        );
        expect(kept.every(isAlive)).to.equal(true);
        for (const context of [top, sibling]) {
          expect(await context.call(hostname)).to.equal(hostname());
        }
      });

      it('of the router takes everything, without force', async () => {
        const seconds = uniqueSeconds();
        const { top, middle, leaf, sibling, kept, doomed } = await growTree(router);
        const pending = await hangIn([top, middle, leaf, sibling], hang, seconds);
        using force = holdTimers(FORCE_MS);
        await router.shutdown();
        expect(force.waiting).to.equal(0);
        for (const error of await Promise.all(pending)) {
          expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
        }
        await until('all are gone', () => ![...kept, ...doomed].some(isAlive));
        await until(
          'so are the subprocesses',
          () => processesWith(`sleep ${seconds}`).length === 0,
        );
      });
    });
  }

  it('of the router takes by force what hangs on its main thread', async () => {
    const hop = await router.local({ name: 'hop' });
    const contexts = await Promise.all([
      router.local({ name: 'one', workThread: 'none' }),
      router.local({ name: 'two', workThread: 'none', via: hop }),
    ]);
    const subprocesses = await Promise.all(
      contexts.map((context) => context.call(startSubprocess)),
    );
    const pending = await hangIn(contexts, HANGS['spins']!, '');
    using force = holdTimers(FORCE_MS);
    expect(await failure(router.shutdown({ timeout: 50 }))).to.include({ code: 'ERR_TIMEOUT' });
    const [, behindHop] = contexts;
    await until('the hop has ended what is below it', () => !isAlive(behindHop.pid as number));
    expect(force.waiting).to.equal(1);
    force.fire();
    await router.shutdown();
    for (const error of await Promise.all(pending)) {
      expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
    }
    const pids = [...contexts.map(({ pid }) => pid as number), ...subprocesses];
    await until('all are gone', () => !pids.some(isAlive));
  });

  it('of the router comes by force when `grace` is over: at once, or not at all', async () => {
    const hanging = async () => {
      const context = await router.local({ name: 'hangs', workThread: 'none' });
      return { pid: context.pid as number, pending: await hangIn([context], HANGS['spins']!, '') };
    };
    const quick = await hanging();
    using usual = holdTimers(FORCE_MS);
    const ended = router.shutdown({ grace: 0 });
    const { waiting: usualDeadlines } = usual;
    // Were there one, it would be over now, and not keep what follows.
    usual.fire();
    await ended;
    expect(usualDeadlines).to.equal(0);
    await Promise.all(quick.pending);
    await until('it is gone', () => !isAlive(quick.pid));
    start();
    const patient = await hanging();
    using force = holdTimers(2 ** 31 - 1);
    const both = [router.shutdown({ grace: 2 ** 31 - 1 })];
    const deadlines = [force.waiting];
    {
      using atOnce = holdTimers(0);
      both.push(router.shutdown({ grace: 0 }));
      deadlines.push(atOnce.waiting);
    }
    process.kill(patient.pid, 'SIGKILL');
    await Promise.all([...both, ...patient.pending]);
    expect(deadlines, 'the first one counts').to.deep.equal([1, 0]);
    expect(force.waiting, 'which is over with the last context').to.equal(0);
  });

  it('of the master by SIGKILL takes everything, while user code hangs in all ways', async () => {
    const seconds = uniqueSeconds();
    const main = fileURLToPath(new URL('../fixtures/doomed-master.ts', import.meta.url));
    const master = spawn(process.execPath, ['--import', 'tsx', main, seconds], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface(master.stdout), 'line');
    const pids = JSON.parse(line) as number[];
    expect(pids).to.have.length(8);
    expect(pids.every(isAlive)).to.equal(true);
    await until('it blocks', () => processesWith(`sleep ${seconds}`).length > 0);
    master.kill('SIGKILL');
    await until('all are gone', () => !pids.some(isAlive));
    await until('so are the subprocesses', () => processesWith(`sleep ${seconds}`).length === 0);
  });
});
