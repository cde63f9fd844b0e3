import { execFile } from 'node:child_process';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ConnectError, type Context, type LogRecord, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { commandLineOf, isAlive, processesWith, until } from '../support/processes.js';
import { program } from '../support/program.js';

const run = promisify(execFile);

function pidAndParent(): [number, number] {
  return [process.pid, process.ppid];
}

describe('local contexts', () => {
  it('answer calls that were made before they were connected', async () => {
    await withRouter(async (router) => {
      const pending = router.local();
      expect(pending.context.pid).to.equal(undefined);
      const name = await pending.call(hostname);
      expect(name).to.equal(hostname());
      expect((await pending).pid).to.be.a('number');
    });
  });

  it('run in processes of their own, each a child of the one it was started by', async () => {
    await withRouter(async (router) => {
      const outer = router.local();
      const inner = router.local({ via: outer });
      const [outerPid, outerParent] = await outer.call(pidAndParent);
      const [, innerParent] = await inner.call(pidAndParent);
      expect(outerParent).to.equal(process.pid);
      expect(innerParent).to.equal(outerPid);
    });
  });

  it('chain to a depth of ten, with calls sent before any of them was connected', async () => {
    await withRouter(async (router) => {
      let last = router.local({ name: 'a' });
      for (let depth = 2; depth <= 10; depth++) last = router.local({ name: 'a', via: last });
      const [pid] = await last.call(pidAndParent);
      expect(pid).to.equal((await last).pid);
      expect((await last).name).to.equal(Array(10).fill('a').join('.'));
    });
  });

  it('start many children at once through one hop', async () => {
    await withRouter(async (router) => {
      const hop = router.local({ workThread: 'lazy' });
      const children = Array.from({ length: 12 }, () =>
        router.local({ via: hop, workThread: 'lazy' }),
      );
      const pids = await Promise.all(children.map((child) => child.call(pidAndParent)));
      expect(new Set(pids.map(([pid]) => pid)).size).to.equal(12);
      expect(new Set(pids.map(([, parent]) => parent)).size).to.equal(1);
    });
  });

  it('show their origin in the list of processes, and nothing of the bootstrap', async () => {
    await withRouter(async (router) => {
      const context = await router.local();
      const line = commandLineOf(context.pid as number);
      expect(line).to.equal(`kinetin:${userInfo().username}@${hostname()}:${process.pid}`);
    });
  });

  it('show a title of the user, with slashes replaced', async () => {
    await withRouter(async (router) => {
      const context = await router.local({ title: 'my/job', via: router.local() });
      expect(commandLineOf(context.pid as number)).to.equal('my_job');
    });
  });

  for (const workThread of ['eager', 'lazy', 'none'] as const) {
    it(`call functions with the work thread set to ${workThread}`, async () => {
      await withRouter(async (router) => {
        const context = router.local({ workThread });
        expect(await context.call((a: number, b: number) => a + b, 20, 22)).to.equal(42);
      });
    });
  }

  it('report an interpreter that does not exist', async () => {
    await withRouter(async (router) => {
      for (const via of [undefined, router.local()]) {
        const options = { node: '/nowhere/node', via, name: 'web1' };
        const error = await failure<ConnectError>(router.local(options));
        expect(error).to.be.an.instanceOf(ConnectError);
        expect(error.context).to.match(/\bweb1$/);
        expect(error).to.include({ code: 'ERR_SPAWN', stage: 'shell' });
        expect(error.message).to.match(/could not start \/nowhere\/node.*ENOENT/);
      }
    });
  });

  it('report what an interpreter printed that is none, and how it ended', async () => {
    const script = await program('echo "out of order"; echo "no licence" >&2; exit 3');
    await withRouter(async (router) => {
      for (const via of [undefined, router.local()]) {
        const error = await failure<ConnectError>(router.local({ node: script.path, via }));
        expect(error).to.include({ code: 'ERR_HANDSHAKE', stage: 'node' });
        expect(error.exit).to.deep.equal({ code: 3 });
        expect(error.output.sort()).to.deep.equal(['no licence', 'out of order']);
        expect(error.message).to.match(/ended with status 3.*(no licence|out of order)/);
      }
    });
    await script.remove();
  });

  it('fail the calls that waited for a context with the reason why it did not start', async () => {
    await withRouter(async (router) => {
      const broken = router.local({ node: '/nowhere/node' });
      const behind = router.local({ via: broken, name: 'behind' });
      expect(await failure<ConnectError>(broken.call(hostname))).to.include({ code: 'ERR_SPAWN' });
      const error = await failure<ConnectError>(behind.call(hostname));
      expect(error).to.include({ code: 'ERR_VIA' });
      expect(error.message).to.match(/could not be reached: could not start \/nowhere\/node/);
    });
  });

  it('give up at the overall deadline and at that of a stage, and leave no process', async () => {
    const script = await program('exec sleep 1000');
    await withRouter(async (router) => {
      const overall = await failure<ConnectError>(
        router.local({ node: script.path, connectTimeout: 200 }),
      );
      expect(overall).to.include({ code: 'ERR_CONNECT_TIMEOUT', stage: 'node' });
      expect(overall.message).to.match(/stage "node" was not finished after 200 ms/);
      const hop = router.local();
      const stage = await failure<ConnectError>(
        router.local({ node: script.path, stageTimeouts: { node: 150 }, via: hop }),
      );
      expect(stage.message).to.match(/stage "node" was not finished after 150 ms/);
    });
    await until('the interpreters are gone', () => processesWith(script.path).length === 0);
    await script.remove();
  });

  it('give up at the abort of a signal, with its reason', async () => {
    const script = await program('exec sleep 1000');
    await withRouter(async (router) => {
      const hop = await router.local();
      for (const via of [undefined, hop]) {
        const abort = new AbortController();
        const pending = router.local({ node: script.path, signal: abort.signal, via });
        const reason = new Error('changed my mind');
        abort.abort(reason);
        expect(await failure<ConnectError>(pending)).to.equal(reason);
      }
    });
    await script.remove();
  });

  it('send what they print as records with their name and level', async () => {
    const records: LogRecord[] = [];
    await withRouter(
      async (router) => {
        const context = router.local({ name: 'inner', via: router.local({ name: 'outer' }) });
        await context.call(() => {
          console.log('to %s', 'stdout');
          console.warn('careful');
          process.stderr.write('no newline');
        });
      },
      { onLog: (record) => records.push(record) },
    );
    expect(records).to.deep.equal([
      { context: 'outer.inner', level: 'info', text: 'to stdout' },
      { context: 'outer.inner', level: 'warn', text: 'careful' },
      { context: 'outer.inner', level: 'error', text: 'no newline' },
    ]);
  });

  it('send what their subprocesses print to the inherited output', async () => {
    const records: LogRecord[] = [];
    await withRouter(
      async (router) => {
        const context = router.local({ name: 'inner', via: router.local({ name: 'outer' }) });
        await context.call(printFromSubprocess);
        await until('the line has arrived', () => records.length > 0);
      },
      { onLog: (record) => records.push(record) },
    );
    expect(records[0]).to.deep.equal({ context: 'outer.inner', level: 'info', text: 'from below' });
  });

  it('end one by one, with all below them', async () => {
    await withRouter(async (router) => {
      const kept = await router.local();
      const outer = await router.local();
      const inner = await router.local({ via: outer });
      await outer.shutdown();
      await until('both are gone', () => ![outer, inner].some((one) => isAlive(one.pid as number)));
      expect((await router.tree()).children.map((child) => child.name)).to.deep.equal([kept.name]);
      expect(await failure<ConnectError>(inner.call(hostname))).to.include({
        name: 'DeadLetterError',
      });
      expect(await kept.call(hostname)).to.equal(hostname());
    });
  });

  it('fail the calls under way when they are lost, from any depth', async () => {
    await withRouter(async (router) => {
      const outer = await router.local();
      const inner = await router.local({ via: outer });
      const calls = [outer, inner].map((context: Context) =>
        failure(context.call(() => new Promise(() => {}))),
      );
      await inner.call(hostname);
      process.kill(outer.pid as number, 'SIGKILL');
      for (const error of await Promise.all(calls)) {
        expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
      }
      await until('the inner one is gone too', () => !isAlive(inner.pid as number));
    });
  });
});

describe('local contexts on a read-only root', () => {
  before(requirePart('unshare as root', process.getuid?.() === 0));

  it('start and answer where not one file can be written', async () => {
    const script = await program(
      `exec unshare --mount sh -c 'mount -o remount,ro,bind / && mount -t tmpfs -o ro none /tmp && exec ${process.execPath} "$@"' sh "$@"`,
    );
    await withRouter(async (router) => {
      const context = router.local({ node: script.path });
      const refused = await context.call(whyNotWritable, ['/x', '/tmp/x', '/var/tmp/x']);
      expect(refused).to.deep.equal(['EROFS', 'EROFS', 'EROFS']);
      const inner = router.local({ via: context, node: process.execPath });
      expect(await inner.call(whyNotWritable, ['/x'])).to.deep.equal(['EROFS']);
    });
    await script.remove();
  });
});

describe('the death of the master', () => {
  it('takes every descendant with it, also those whose user code hangs', async () => {
    const main = join(import.meta.dirname, '../fixtures/master-with-tree.ts');
    const { stdout } = await run(process.execPath, ['--import', 'tsx', main]).catch(
      (error) => error,
    );
    const pids = JSON.parse(stdout) as number[];
    expect(pids).to.have.length(4);
    await until('all are gone', () => !pids.some(isAlive));
  });
});

async function printFromSubprocess(): Promise<void> {
  const { spawnSync } = await import('node:child_process');
  spawnSync('echo', ['from below'], { stdio: 'inherit' });
}

async function whyNotWritable(paths: string[]): Promise<string[]> {
  const { writeFileSync } = await import('node:fs');
  return paths.map((path) => {
    try {
      writeFileSync(path, 'x');
      return 'written';
    } catch (error) {
      return (error as { code: string }).code;
    }
  });
}
