/** Contexts that are started by code which runs in a context. */

import {
  ConnectError,
  Context,
  Router,
  type Sender,
  type TreeNode,
  thisContext,
} from '@kinetin/master';
import { expect } from 'chai';
import { double } from '../fixtures/double.js';
import { startSubprocess } from '../fixtures/subprocess.js';
import { failure } from '../support/failure.js';
import { isAlive, until } from '../support/processes.js';

const grow = (name?: string) => thisContext().router.local({ name });
const growMany = (names: string[]) => Promise.all(names.map((name) => grow(name)));
const pidOf = () => process.pid;
const who = () => ({ id: thisContext().id, name: thisContext().name, ppid: process.ppid });
const nameOf = (context: Context) => context.name;
const shout = (text: string) => text.toUpperCase();

/** The names of a tree, each below the one that started it. */
const outline = ({ name, children }: TreeNode): unknown[] => [name, ...children.map(outline)];

describe('a context that starts contexts', () => {
  let router: Router;
  beforeEach(() => {
    // What is refused, and a thread that ends, is complained of.
    router = new Router({ onLog: () => {} });
  });
  afterEach(() => router.shutdown());

  for (const workThread of ['eager', 'lazy', 'none'] as const) {
    it(`gets children of its own, whom all know (workThread: ${workThread})`, async () => {
      const hop = await router.local({ name: 'hop', workThread });
      const child = await hop.call(grow, 'child');
      expect(child).to.be.instanceOf(Context);
      expect(child).to.include({ name: 'hop.child', method: 'local', via: hop });
      expect(await child.call(who)).to.deep.equal({
        id: child.id,
        name: 'hop.child',
        ppid: hop.pid,
      });
      expect(await child.call(pidOf)).to.equal(child.pid);
      const [node] = (await router.tree()).children;
      const [below] = node?.children ?? [];
      expect(below).to.deep.include({
        name: 'hop.child',
        method: 'local',
        pid: child.pid,
        nodeVersion: process.version,
        children: [],
      });
      expect(below?.roundTripMs).to.be.above(0);
    });
  }

  it('calls them before they are connected, in order, and gets their results', async () => {
    const hop = await router.local({ name: 'hop' });
    const said = await hop.call(async () => {
      const child = thisContext().router.local({ name: 'child' });
      const answers = [child.call(who), child.call(double, 21), child.call(shout, 'quiet')];
      const { id, name, pid, nodeVersion, method } = await child;
      return { id, name, pid, nodeVersion, method, answers: await Promise.all(answers) };
    });
    const [node] = (await router.tree()).children[0]!.children;
    const { id, name, pid, nodeVersion } = said;
    expect(said.answers).to.deep.equal([{ id, name, ppid: hop.pid }, 42, 'QUIET']);
    expect(node).to.deep.include({ name, pid, nodeVersion, method: said.method });
  });

  it('names them by method and id where they have no name', async () => {
    const hop = await router.local({ name: 'hop' });
    const child = await hop.call(grow, undefined);
    expect(child.name).to.equal(`hop.local${child.id}`);
  });

  it('starts others by way of them, and they start theirs', async () => {
    const hop = await router.local({ name: 'hop' });
    const deepest = await hop.call(async () => {
      const child = thisContext().router.local({ name: 'child' });
      const grandchild = await thisContext().router.local({ name: 'grandchild', via: child });
      return grandchild.call(grow, 'last');
    });
    expect(deepest.name).to.equal('hop.child.grandchild.last');
    expect((await deepest.call(who)).ppid).to.equal(deepest.via?.pid);
    expect(outline(await router.tree())).to.deep.equal([
      'master',
      ['hop', ['hop.child', ['hop.child.grandchild', ['hop.child.grandchild.last']]]],
    ]);
    // The master can start more below them.
    const more = await router.local({ name: 'more', via: deepest });
    expect(more.name).to.equal('hop.child.grandchild.last.more');
    expect((await more.call(who)).ppid).to.equal(deepest.pid);
  });

  it('gives each an id that no other has, in the whole tree', async () => {
    const [one, two] = await Promise.all([router.local(), router.local()]);
    const [a, b] = await Promise.all([
      one.call(growMany, ['a', 'b', 'c']),
      two.call(growMany, ['a', 'b', 'c']),
    ]);
    const own = await router.local();
    const ids = [one, two, own, ...a, ...b].map(({ id }) => id);
    expect(new Set(ids).size).to.equal(9);
    await a[0]!.shutdown();
    const again = await one.call(grow, 'a');
    expect(ids).not.to.include(again.id);
  });

  it('passes them on, as arguments and results, once it has awaited them', async () => {
    const [one, two] = await Promise.all([router.local(), router.local({ name: 'two' })]);
    const child = await one.call(grow, 'child');
    const back = await two.call((context: Context) => ({ context, name: context.name }), child);
    expect(back.context).to.equal(child);
    expect(back.name).to.equal(child.name);
    const early = await one.call(async (other: Context) => {
      const pending = thisContext().router.local();
      const error = await other.call(nameOf, pending.context).catch((reason: Error) => reason);
      const { message } = error as Error;
      return [
        message,
        await other.call(nameOf, await pending),
        await pending.call(nameOf, pending.context),
      ];
    }, child);
    expect(early[0]).to.equal(
      'args[0] cannot travel: it throws that it has no id yet; await the context before you pass it on',
    );
    expect(early[1])
      .to.match(/local\d+$/)
      .and.equal(early[2]);
  });

  it('is refused the functions of contexts that are not below it', async () => {
    const [one, two] = await Promise.all([router.local(), router.local()]);
    const [a, b] = await Promise.all([one.call(grow, 'a'), two.call(grow, 'b')]);
    const call = (context: Context) => context.call(pidOf);
    const end = (context: Context) => context.shutdown();
    const ping = (context: Context) => context.ping();
    for (const fn of [call, end, ping]) {
      expect(await failure(a.call(fn, b))).to.include({ code: 'ERR_REFUSED' });
      expect(await failure(a.call(fn, two))).to.include({ code: 'ERR_REFUSED' });
      expect(await failure(a.call(fn, one))).to.include({ code: 'ERR_REFUSED' });
    }
    expect(await one.call(call, a)).to.equal(a.pid);
    expect(await one.call(ping, a)).to.be.above(0);
    expect(await b.call(pidOf)).to.equal(b.pid);
  });

  it('lets cousins talk by senders that were handed to them', async () => {
    const [one, two] = await Promise.all([router.local(), router.local()]);
    const [a, b] = await Promise.all([one.call(grow, 'a'), two.call(grow, 'b')]);
    const totals = router.receiver<number>();
    const numbers = await a.call(openSum, totals.toSender());
    // From its parent to the cousin, who gets it from there.
    await two.call(
      (child: Context, sender: Sender<number>) => child.call(send, sender),
      b,
      numbers,
    );
    expect(await totals.get()).to.equal(6);
  });

  it('ends them, and so does the master; everybody learns it', async () => {
    const hop = await router.local({ name: 'hop' });
    const [a, b] = (await hop.call(growMany, ['a', 'b'])) as [Context, Context];
    await hop.call((context: Context) => context.shutdown(), a);
    await until('a is gone', () => !isAlive(a.pid as number));
    expect(outline(await router.tree())).to.deep.equal(['master', ['hop', ['hop.b']]]);
    expect(await failure(a.call(pidOf))).to.include({ code: 'ERR_NO_ROUTE' });
    await b.shutdown();
    expect(outline(await router.tree())).to.deep.equal(['master', ['hop']]);
    const call = (context: Context) => context.call(pidOf);
    expect(await failure(hop.call(call, b))).to.include({ code: 'ERR_NO_ROUTE' });
    expect(await hop.call((context: Context) => context.shutdown(), b)).to.equal(undefined);
  });

  it('learns that one has ended while it waits for it', async () => {
    const hop = await router.local();
    const child = await hop.call(grow, 'child');
    const waiting = hop.call(
      (context: Context) => context.call(() => new Promise<void>(() => {})),
      child,
    );
    expect(await failure(waiting)).to.include({ code: 'ERR_NOT_CALLABLE' });
    const asked = failure(hop.call((context: Context) => context.call(forEver), child));
    await hop.call((context: Context) => context.call(pidOf), child);
    process.kill(child.pid as number, 'SIGKILL');
    expect(await asked).to.include({ code: 'ERR_CONTEXT_LOST' });
  });

  it('forgets those that others have ended, also where it has never called them', async () => {
    const known = () => thisContext().router.contexts.all().length;
    const hop = await router.local();
    const before = await hop.call(known);
    const [a, b] = (await hop.call(growMany, ['a', 'b'])) as [Context, Context];
    expect(await hop.call(known)).to.equal(before + 2);
    await Promise.all([a.shutdown(), b.shutdown()]);
    await until('it has', async () => (await hop.call(known)) === before);
  });

  it('keeps them when its work thread ends, and the next thread can start more', async () => {
    const hop = await router.local({ name: 'hop' });
    const child = await hop.call(grow, 'child');
    expect(await failure(hop.call(() => process.exit(3)))).to.include({ code: 'ERR_THREAD_ENDED' });
    expect(await child.call(pidOf)).to.equal(child.pid);
    expect(await hop.call((context: Context) => context.call(pidOf), child)).to.equal(child.pid);
    const other = await hop.call(grow, 'other');
    expect(other.id).not.to.equal(child.id);
    expect(outline(await router.tree())).to.deep.equal([
      'master',
      ['hop', ['hop.child'], ['hop.other']],
    ]);
  });

  describe('and cannot', () => {
    it('gets the reason, as a ConnectError, and nothing is left', async () => {
      const hop = await router.local({ name: 'hop' });
      const said = await hop.call(async () => {
        const child = thisContext().router.local({ node: '/nowhere/node' });
        const called = await child.call(pidOf).catch((error) => error.code);
        const error = await child.then(
          () => undefined,
          (reason) => reason,
        );
        const isConnectError = error instanceof ConnectError;
        await child.shutdown();
        const { code, stage, message } = error as ConnectError;
        return { isConnectError, code, stage, message, called };
      });
      expect(said).to.deep.include({ isConnectError: true, code: 'ERR_SPAWN', stage: 'shell' });
      expect(said.called).to.equal('ERR_SPAWN');
      expect(said.message).to.include('/nowhere/node');
      expect(outline(await router.tree())).to.deep.equal(['master', ['hop']]);
    });

    it('has no ids where the router gives none, as many as the program may start there', async () => {
      await using none = new Router({ maxIdBlocks: 0 });
      const hop = none.local({ name: 'hop' });
      const code = await hop.call(() =>
        thisContext()
          .router.local()
          .then(
            () => 'it was started',
            (error) => (error as NodeJS.ErrnoException).code,
          ),
      );
      expect(code).to.equal('ERR_TOO_MANY_CONTEXTS');
      expect(await none.local({ via: hop }).call(pidOf)).to.be.a('number');
    });

    it('gives up with the reason of its signal', async () => {
      const hop = await router.local({ name: 'hop' });
      const reasons = await hop.call(async () => {
        const { router } = thisContext();
        const abort = new AbortController();
        const before = router.local({ signal: AbortSignal.abort('early') });
        const after = router.local({ signal: abort.signal, node: '/bin/cat' });
        const running = after.call(pidOf);
        abort.abort('late');
        const why = (promise: PromiseLike<unknown>) =>
          promise.then(
            () => 'nothing',
            (reason) => reason,
          );
        return [await why(before), await why(after), await why(running)];
      });
      expect(reasons).to.deep.equal(['early', 'late', 'late']);
      expect(outline(await router.tree())).to.deep.equal(['master', ['hop']]);
    });

    it('is told what is wrong with its options', async () => {
      const hop = await router.local();
      const bad = () => void thisContext().router.local({ connectTimeout: -1 });
      expect(await failure(hop.call(bad))).to.include({ code: 'ERR_INVALID_ARG' });
    });
  });

  it('has mapped stacks in the master, of errors that crossed two calls', async () => {
    const hop = await router.local({ name: 'hop' });
    const outer = async () => {
      const child = await thisContext().router.local({ name: 'child' });
      await child.call(fail);
    };
    const error = await failure<Error & Record<string, string>>(hop.call(outer));
    expect(error).to.include({ name: 'CallError', code: 'ERR_DEEP', message: 'deep' });
    const places = String(error.remoteStack).match(/recursion\.test\.ts:\d+/g);
    expect(places).to.have.lengthOf.at.least(2);
    expect(error.remoteStack).to.include('in context hop.child, called from');
    expect(error.stack).to.include('in context hop, called from').and.to.not.include('kinetin:');
  });

  it('ends with all of them and their subprocesses, also by SIGKILL', async () => {
    const hop = await router.local({ name: 'hop' });
    const [a, b] = (await hop.call(growMany, ['a', 'b'])) as [Context, Context];
    const last = await a.call(grow, 'last');
    const pids = [a, b, last].map(({ pid }) => pid as number);
    for (const context of [a, b, last]) pids.push(await context.call(startSubprocess));
    expect(pids.every(isAlive)).to.equal(true);
    process.kill(hop.pid as number, 'SIGKILL');
    await until('all below are gone', () => !pids.some(isAlive));
    expect(outline(await router.tree())).to.deep.equal(['master']);
  });
});

/** Adds up what comes, and says the sum at the end. */
function openSum(total: Sender<number>): Sender<number> {
  const receiver = thisContext().router.receiver<number>();
  const read = async () => {
    let sum = 0;
    for await (const number of receiver) sum += number;
    await total.send(sum);
    await total.close();
  };
  void read();
  return receiver.toSender();
}

async function send(sender: Sender<number>): Promise<void> {
  await sender.sendAll([1, 2, 3]);
}

async function forEver(): Promise<void> {
  await new Promise(() => {});
}

function fail(): never {
  throw Object.assign(new Error('deep'), { code: 'ERR_DEEP' });
}
