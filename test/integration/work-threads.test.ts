/** Contexts with several work threads: what runs at the same time, and what stays in one thread. */

import { execSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import {
  CallChain,
  type Context,
  type Exposed,
  type LocalContextOptions,
  type LogRecord,
  type PendingCallReport,
  Router,
  type Sender,
  Service,
  thisContext,
} from '@kinetin/master';
import { expect } from 'chai';
import { blockBetween, meet, threadOf } from '../fixtures/rendezvous.js';
import { Greeter } from '../fixtures/services.js';
import { failure } from '../support/failure.js';
import { holdTimers } from '../support/held-timers.js';
import { requirePart } from '../support/parts.js';
import { isAlive, until } from '../support/processes.js';
import { canFetchNode, fetchNode } from '../support/real-node.js';

const distinct = (threads: number[]): number => new Set(threads).size;

/** Notes its calls where functions of the same thread find them. */
const note = (name: string): string => {
  const place = globalThis as { noted?: string[] };
  place.noted = [...(place.noted ?? []), name];
  return `${threadId}: ${place.noted.join()}`;
};

async function* threads(count: number): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) yield threadId;
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const sizeThere = (bytes: Buffer, folder: string, name: string, count: number): string =>
  `${meet(folder, name, count)} ${digest(bytes)}`;

const spin = (begun: string): void => {
  writeFileSync(begun, '');
  for (;;);
};

const exit = (): void => process.exit(3);

/** Is over when the test says so. */
const CALL_TIMEOUT_MS = 123_457;

/** Starts a process that goes on, and writes its pid; ends when the file `until` is there. */
function runProcess(pidFile: string, until: string): number {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  writeFileSync(pidFile, String(child.pid));
  return blockBetween(`${pidFile}.begun`, until);
}

async function untilAborted(begun: string, signal: AbortSignal): Promise<string> {
  writeFileSync(begun, '');
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  writeFileSync(`${begun}.aborted`, '');
  return 'aborted';
}

const serveGreeter = (begun: string, until: string): number => {
  thisContext().router.serve(new Greeter());
  return blockBetween(begun, until);
};
/** Waits for a function that runs below, or ends its thread meanwhile. */
async function callBelow(below: Context, name: string, ends: boolean): Promise<string> {
  const answer = below.call(untilAborted, name, new AbortController().signal);
  await below.call(hostname);
  if (ends) process.exit(3);
  return await answer;
}

async function sendMeeting(sender: Sender<string>, folder: string, name: string): Promise<number> {
  await sender.send(`${name} sends`);
  const thread = meet(folder, name, 3);
  await sender.send(`${name} met`);
  return thread;
}

/** Gives up a call of its own context, once that has begun. */
async function giveUp(name: string): Promise<unknown> {
  const abort = new AbortController();
  const limited = thisContext().with({ signal: abort.signal, grace: 60_000 });
  const call = limited.call(untilAborted, name, new AbortController().signal);
  while (!existsSync(name)) await new Promise((resolve) => setTimeout(resolve, 5));
  abort.abort('enough');
  return call.catch((reason: unknown) => reason);
}

class Counter extends Service {
  static readonly serviceName = 'counter';
  static readonly exposed = { count: { policy: 'above' } } satisfies Exposed<Counter>;

  #count = 0;

  count(): number {
    return ++this.#count;
  }
}
const countThere = (): Promise<number> => thisContext().service<typeof Counter>('counter').count();
const stopGreeter = (): void => thisContext().router.unserve('greeter');

describe('a context with several work threads', () => {
  let router: Router;
  let folder: string;
  let records: LogRecord[];
  beforeEach(() => {
    records = [];
    router = new Router({ onLog: (record) => void records.push(record) });
    folder = mkdtempSync(join(tmpdir(), 'kinetin-threads-'));
  });
  afterEach(async () => {
    await router.shutdown();
    rmSync(folder, { recursive: true });
  });

  const file = (name: string): string => join(folder, name);
  const open = (options: LocalContextOptions = {}) =>
    router.local({ name: 'leaf', workThreads: 4, ...options });
  const begun = (name: string) => until(`${name} begins`, () => existsSync(file(name)));

  /** Lets a function block in a thread of its own for each name, until `release`. */
  async function occupy(
    context: Context,
    names: string[],
  ): Promise<{ threads: Promise<number[]>; release: () => void }> {
    const calls = names.map((name) => context.call(blockBetween, file(name), file('release')));
    const settled = Promise.all(calls);
    settled.catch(() => {});
    await Promise.all(names.map(begun));
    return { threads: settled, release: () => writeFileSync(file('release'), '') };
  }

  describe('runs functions at the same time', () => {
    for (const workThread of ['eager', 'lazy'] as const) {
      it(`as its first calls, in as many threads (workThread: ${workThread})`, async () => {
        const context = open({ workThread });
        const calls = ['a', 'b', 'c', 'd'].map((name) => context.call(meet, folder, name, 4));
        expect(distinct(await Promise.all(calls))).to.equal(4);
      });
    }

    it('through a hop that has one thread', async () => {
      const context = await open({ via: router.local() });
      const calls = ['a', 'b', 'c', 'd'].map((name) => context.call(meet, folder, name, 4));
      expect(distinct(await Promise.all(calls))).to.equal(4);
    });

    it('where code in a context has started it', async () => {
      const hop = await router.local();
      const context = await hop.call(() => thisContext().router.local({ workThreads: 3 }));
      const calls = ['a', 'b', 'c'].map((name) => context.call(meet, folder, name, 3));
      expect(distinct(await Promise.all(calls))).to.equal(3);
    });

    it('that a function of the context itself calls', async () => {
      const context = await open({ workThreads: 3 });
      const enough = await context.call(async (folder: string) => {
        const own = thisContext();
        const command = (name: string) =>
          `touch ${folder}/${name}; i=0; while [ $i -lt 2000 ] && ` +
          `[ "$(ls ${folder} | wc -l)" -lt 2 ]; do sleep 0.05; i=$((i+1)); done; ls ${folder}`;
        const calls = ['a', 'b'].map((name) => own.call(execSync, command(name)));
        return (await Promise.all(calls)).map(String);
      }, folder);
      expect(enough).to.deep.equal(['a\nb\n', 'a\nb\n']);
    });

    it('in the thread that has the fewest unanswered calls, then in the one that has rested longest', async () => {
      const context = await open();
      const { threads, release } = await occupy(context, ['a', 'b']);
      const free: number[] = [];
      for (let i = 0; i < 6; i++) free.push(await context.call(threadOf));
      release();
      expect(distinct(free)).to.equal(2);
      expect(free.slice(0, 4)).to.deep.equal(free.slice(2));
      expect(distinct([...free, ...(await threads)])).to.equal(4);
    });

    it('in no more threads than are needed, where they start with the calls', async () => {
      const context = await open({ workThread: 'lazy' });
      const alone: number[] = [];
      for (let i = 0; i < 5; i++) alone.push(await context.call(threadOf));
      expect(distinct(alone)).to.equal(1);
      const tasks = () => Number(execSync(`ls /proc/${context.pid}/task | wc -l`));
      const before = tasks();
      const { threads, release } = await occupy(context, ['a', 'b']);
      release();
      expect(distinct(await threads)).to.equal(2);
      expect(tasks() - before).to.equal(1);
    });

    it('with a child of the oldest Node', async function () {
      this.timeout(300_000);
      await requirePart('Linux on x64', canFetchNode, async () => {
        const context = await open({ node: await fetchNode('12.22.12') });
        const calls = ['a', 'b', 'c', 'd'].map((name) => context.call(meet, folder, name, 4));
        expect(distinct(await Promise.all(calls))).to.equal(4);
        const generator = await context.call(threads, 3);
        const found: number[] = [];
        for await (const thread of generator) found.push(thread);
        expect(distinct(found)).to.equal(1);
        await context.call(serveGreeter, file('served'), folder);
        expect(await context.service<typeof Greeter>('greeter').greet('you')).to.equal('hello you');
        const abort = new AbortController();
        const given = failure(
          context.with({ signal: abort.signal, grace: 1 }).call(spin, file('spins')),
        );
        await begun('spins');
        abort.abort('enough');
        expect(await given).to.equal('enough');
        expect(await context.call(hostname)).to.equal(hostname());
      }).call(this);
    });
  });

  describe('keeps in one thread', () => {
    it('the calls of a chain, in their order, while others have theirs', async () => {
      const context = await open();
      const chains = Array.from({ length: 4 }, () => new CallChain(context));
      const said = chains.map((chain, i) => {
        const met = chain.call(meet, folder, `${i}`, 4);
        const notes = ['a', 'b', 'c'].map((name) => chain.call(note, name));
        return Promise.all([met, ...notes]);
      });
      const results = await Promise.all(said);
      expect(distinct(results.map(([thread]) => thread as number))).to.equal(4);
      for (const [thread, ...notes] of results) {
        expect(notes).to.deep.equal([`${thread}: a`, `${thread}: a,b`, `${thread}: a,b,c`]);
      }
      await Promise.all(chains.map((chain) => chain[Symbol.asyncDispose]()));
    });

    it('a generator that it has returned', async () => {
      const context = await open();
      const generators = await Promise.all(
        Array.from({ length: 8 }, () => context.call(threads, 4)),
      );
      const rows = await Promise.all(
        generators.map(async (generator) => {
          const row: number[] = [];
          for await (const thread of generator) row.push(thread);
          return row;
        }),
      );
      expect(rows.map(distinct)).to.deep.equal(new Array(8).fill(1));
      expect(distinct(rows.flat())).to.equal(4);
    });

    it('a generator of a thread that has taken the place of another', async () => {
      const context = await open({ workThreads: 2 });
      const lost = await context.call(threads, 4);
      for (let i = 0; i < 2; i++) await failure(context.call(exit));
      expect(await failure(lost.next())).to.include({ code: 'ERR_NO_FUNCTION' });
      const found = await context.call(threads, 2);
      const thread = (await found.next()).value;
      expect(await found.next()).to.deep.equal({ value: thread, done: false });
      expect(await found.next()).to.include({ done: true });
    });

    it('all frames of one call', async () => {
      const context = await open();
      const bytes = [1, 2, 3, 4].map((fill) => Buffer.alloc(3_000_000, fill));
      const calls = bytes.map((one, i) => context.call(sizeThere, one, folder, `${i}`, 4));
      const said = (await Promise.all(calls)).map((text) => text.split(' '));
      expect(said.map(([, hash]) => hash)).to.deep.equal(bytes.map(digest));
      expect(distinct(said.map(([thread]) => Number(thread)))).to.equal(4);
    });
  });

  describe('ends one thread and no other', () => {
    it('for a call that was given up and goes on', async () => {
      const context = await open({ workThreads: 3 });
      using deadline = holdTimers(CALL_TIMEOUT_MS);
      const given = context.with({ timeout: CALL_TIMEOUT_MS, grace: 200 });
      const error = failure(given.call(spin, file('spins')));
      await begun('spins');
      const { threads, release } = await occupy(context, ['a']);
      const own = context.call(note, 'kept');
      const [id] = (await own).split(':');
      deadline.fire();
      expect(await error).to.include({ code: 'ERR_TIMEOUT' });
      await until('the thread is ended', () =>
        records.some(({ text }) => text.includes('was given up did not stop')),
      );
      const answers = [0, 1].map((i) => context.call(note, `${i}`));
      expect((await Promise.all(answers)).some((text) => text.startsWith(`${id}: kept,`))).to.equal(
        true,
      );
      release();
      expect(await threads).to.have.length(1);
    });

    it('and lets others take what comes while it is open whether it ends', async () => {
      const context = await open({ workThreads: 2 });
      using deadline = holdTimers(CALL_TIMEOUT_MS);
      const given = context.with({ timeout: CALL_TIMEOUT_MS, grace: 1e6 });
      const error = failure(given.call(spin, file('spins')));
      await begun('spins');
      deadline.fire();
      expect(await error).to.include({ code: 'ERR_TIMEOUT' });
      const found: number[] = [];
      for (let i = 0; i < 5; i++) found.push(await context.call(threadOf));
      expect(distinct(found)).to.equal(1);
    });

    it('for process.exit, with the calls of that thread alone', async () => {
      const context = await open({ workThreads: 3 });
      const { threads, release } = await occupy(context, ['a', 'b']);
      expect(await failure(context.call(exit))).to.include({ code: 'ERR_THREAD_ENDED' });
      expect(await context.call(hostname)).to.equal(hostname());
      release();
      expect(distinct(await threads)).to.equal(2);
    });

    it('with the subprocesses of that thread alone', async () => {
      const context = await open({ workThreads: 2 });
      const kept = context.call(runProcess, file('pid'), file('release'));
      await begun('pid.begun');
      const pid = Number(readFileSync(file('pid'), 'utf8'));
      const command = `echo $$ > ${file('stuck')}; sleep 1000`;
      using deadline = holdTimers(CALL_TIMEOUT_MS);
      const given = context.with({ timeout: CALL_TIMEOUT_MS, grace: 100 });
      const error = failure(given.call(execSync, command));
      await begun('stuck');
      const said = () => readFileSync(file('stuck'), 'utf8');
      await until('it has said which process it is', () => said().endsWith('\n'));
      const stuck = Number(said());
      deadline.fire();
      expect(await error).to.include({ code: 'ERR_TIMEOUT' });
      await until('the subprocess of the thread is ended', () => !isAlive(stuck));
      expect(isAlive(pid)).to.equal(true);
      writeFileSync(file('release'), '');
      expect(await kept).to.be.above(0);
      expect(await context.call(hostname)).to.equal(hostname());
    });

    it('and gives up what that thread has called, and no more', async () => {
      const hop = await open({ name: 'hop', workThreads: 2 });
      const below = await router.local({ name: 'below', via: hop });
      const stays = hop.call(callBelow, below, file('stays'), false);
      stays.catch(() => {});
      await begun('stays');
      const ends = hop.call(callBelow, below, file('ends'), true);
      expect(await failure(ends)).to.include({ code: 'ERR_THREAD_ENDED' });
      await begun('ends.aborted');
      // Behind what could have aborted the other one.
      await below.call(hostname);
      expect(existsSync(file('stays.aborted'))).to.equal(false);
    });
  });

  it('never starts a call that was given up before its arguments had come', async () => {
    const context = await open({ workThreads: 2 });
    const late = (_: Buffer, name: string) => writeFileSync(name, '');
    await context.call(late, Buffer.alloc(0), file('early'));
    const controller = new AbortController();
    const given = context.with({ signal: controller.signal, grace: 60_000 });
    const calls = Array.from({ length: 4 }, () =>
      failure(given.call(late, Buffer.alloc(8_000_000), file('late'))),
    );
    controller.abort('not any more');
    for (const error of await Promise.all(calls)) expect(error).to.equal('not any more');
    // Behind the arguments of each.
    for (let i = 0; i < 4; i++) await context.call(late, Buffer.alloc(100_000), file('next'));
    expect(existsSync(file('late'))).to.equal(false);
  });

  describe('has a service in one thread', () => {
    const greeter = (context: Context) => context.service<typeof Greeter>('greeter');

    it('which is that of the function that serves it, whoever calls', async () => {
      const context = await open({ workThreads: 3 });
      const serves = ['a', 'b', 'c'].map((name) => {
        const thread = context.call(serveGreeter, file(name), file('release'));
        return thread.catch((error) => error.code as string);
      });
      // One of the three serves and blocks; the others are told so.
      await until('two are refused', async () => {
        const done = await Promise.all(serves.map((one) => Promise.race([one, undefined])));
        return done.filter((code) => code === 'ERR_SERVICE_EXISTS').length === 2;
      });
      const call = greeter(context).greet('you');
      const own = context.call(async () => {
        return await thisContext().service<typeof Greeter>('greeter').greet('me');
      });
      writeFileSync(file('release'), '');
      expect(await Promise.all([call, own])).to.deep.equal(['hello you', 'hello me']);
      expect((await Promise.all(serves)).filter((one) => typeof one === 'number')).to.have.length(
        1,
      );
    });

    it('and says that it was stopped, until another thread serves one', async () => {
      const context = await open({ workThreads: 2 });
      const [first, second] = [new CallChain(context), new CallChain(context)];
      writeFileSync(file('release'), '');
      const served = await first.call(serveGreeter, file('a'), file('release'));
      const other = second.call(serveGreeter, file('b'), file('release'));
      expect(await failure(other)).to.include({ code: 'ERR_SERVICE_EXISTS' });
      second.reset();
      await second.call(stopGreeter);
      expect(await greeter(context).greet('you')).to.equal('hello you');
      await first.call(stopGreeter);
      expect(await failure(greeter(context).greet('you'))).to.include({
        code: 'ERR_SERVICE_STOPPED',
      });
      expect(await second.call(serveGreeter, file('c'), file('release'))).not.to.equal(served);
      expect(await greeter(context).greet('you')).to.equal('hello you');
    });

    it('which ends with it', async () => {
      const context = await open({ workThreads: 2 });
      const chain = new CallChain(context);
      writeFileSync(file('release'), '');
      await chain.call(serveGreeter, file('a'), file('release'));
      await failure(chain.call(exit));
      expect(await failure(greeter(context).greet('you'))).to.include({ code: 'ERR_NO_SERVICE' });
    });

    it('where it is started by its first calls', async () => {
      const context = open();
      const counters = Array.from({ length: 20 }, () => context.service(Counter).count());
      const counts = (await Promise.all(counters)).sort((a, b) => a - b);
      expect(counts).to.deep.equal(Array.from({ length: 20 }, (_, i) => i + 1));
      const more = Array.from({ length: 4 }, () => context.call(countThere));
      expect((await Promise.all(more)).sort((a, b) => a - b)).to.deep.equal([21, 22, 23, 24]);
    });
  });

  it('sends from each thread that has a sender', async () => {
    const context = await open({ workThreads: 3 });
    const receiver = router.receiver<string>();
    const sender = receiver.toSender();
    const sends = ['a', 'b', 'c'].map((name) => context.call(sendMeeting, sender, folder, name));
    const said: string[] = [];
    while (said.length < 6) said.push(await receiver.get());
    expect(said.sort()).to.deep.equal(['a met', 'a sends', 'b met', 'b sends', 'c met', 'c sends']);
    expect(distinct(await Promise.all(sends))).to.equal(3);
    await sender.close();
  });

  for (const workThreads of [1, 2]) {
    it(`tells a call of itself that was given up (workThreads: ${workThreads})`, async () => {
      const context = await open({ workThreads });
      expect(await context.call(giveUp, file('own'))).to.equal('enough');
      await begun('own.aborted');
    });
  }

  for (const workThreads of [1, 2]) {
    for (const isAnswered of [true, false]) {
      const what = isAnswered ? 'a call' : 'a call without reply';
      it(`goes on behind an argument of ${what} for a thread that has ended (workThreads: ${workThreads})`, async () => {
        const context = await open({ workThreads });
        // What it needs has left before.
        await context.call(digest, Buffer.alloc(0));
        const controller = new AbortController();
        const given = context.with({ signal: controller.signal, grace: 1 });
        const stuck = Array.from({ length: workThreads }, (_, i) =>
          failure(given.call(spin, file(`spins${i}`))),
        );
        await Promise.all(stuck.map((_, i) => begun(`spins${i}`)));
        // More than may be sent of it before the thread has taken some.
        const large = Buffer.alloc(3_000_000);
        const lost = isAnswered
          ? failure(context.call(digest, large))
          : context.callNoReply(digest, large);
        const next = context.call(hostname);
        // What could be sent has arrived.
        await context.ping();
        controller.abort('ended');
        expect(await Promise.all(stuck)).to.deep.equal(stuck.map(() => 'ended'));
        expect(await next).to.equal(hostname());
        if (isAnswered) expect(await lost).to.include({ code: 'ERR_THREAD_ENDED' });
      });
    }
  }

  it('says where each call is that has no answer', async () => {
    const context = await open({ workThreads: 2 });
    const given = [
      context.with({ signal: new AbortController().signal }).call(spin, file('spins')),
    ];
    for (const call of given) call.catch(() => {});
    await begun('spins');
    const waits = context.call(untilAborted, file('waits'), new AbortController().signal);
    waits.catch(() => {});
    await begun('waits');
    // What a thread does is seen in samples, and its stack only if it stops in time.
    let reports: PendingCallReport[] = [];
    await until('one is blocked in spin, and one waits', async () => {
      reports = await router.pendingCalls();
      const isSpin = /at spin \(\S*work-threads\.test\.ts/.test(reports[0]?.stack ?? '');
      return isSpin && reports.map(({ state }) => state).join() === 'blocked,waiting';
    });
    expect(reports[1]!.stack).to.equal(undefined);
  });

  it('answers thousands of calls, spread over its threads', async () => {
    const context = await open();
    const found = new Map<number, number>();
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 250 }, () => context.call(threadOf));
      for (const thread of await Promise.all(calls))
        found.set(thread, (found.get(thread) ?? 0) + 1);
    }
    expect(found.size).to.equal(4);
    for (const count of found.values()) expect(count).to.be.above(20);
    expect(await router.pendingCalls()).to.deep.equal([]);
  });

  it('ends with its parent although all its threads are blocked', async () => {
    const context = await open();
    const { threads } = await occupy(context, ['a', 'b', 'c', 'd']);
    await router.shutdown();
    expect(await failure(threads)).to.include({ code: 'ERR_CONTEXT_LOST' });
    await until('the process ends', () => !isAlive(context.pid as number));
  });

  it('is refused with a number that makes no sense', () => {
    for (const workThreads of [0, 16, 1.5, -1, Number.NaN, '2' as never, null as never]) {
      expect(() => router.local({ workThreads }))
        .to.throw(TypeError, 'workThreads')
        .with.property('code', 'ERR_INVALID_ARG');
    }
    expect(() => router.local({ workThreads: 2, workThread: 'none' }))
      .to.throw(TypeError, 'none')
      .with.property('code', 'ERR_INVALID_ARG');
  });
});
