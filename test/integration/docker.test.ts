/** Contexts in containers, by a real Docker daemon. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import {
  ConnectError,
  type Context,
  type LogRecord,
  type Router,
  thisContext,
  withRouter,
} from '@kinetin/master';
import { expect } from 'chai';
import { canRunDocker, type DockerDaemon, startDocker } from '../support/docker.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { processesWith, until } from '../support/processes.js';
import { program } from '../support/program.js';

const DAEMON_TIMEOUT_MS = 600_000;

describe('contexts in containers', () => {
  let daemon: DockerDaemon;
  let container: string;
  let host: string;
  before(async function () {
    this.timeout(DAEMON_TIMEOUT_MS);
    await requirePart('dockerd as root, with a static busybox', canRunDocker(), async () => {
      daemon = await startDocker();
      host = daemon.host;
      container = await daemon.start({ node: process.execPath });
    }).call(this);
  });
  after(async function () {
    this.timeout(DAEMON_TIMEOUT_MS);
    await daemon?.stop();
  });

  /** A title that only this test uses, by which its processes are found, on either side. */
  let title: string;
  beforeEach(() => {
    title = `kinetin-test:${Math.random().toString(36).slice(2)}`;
  });
  /** Also those in containers, which this machine sees. */
  const left = () => processesWith(title);

  describe('run what they are given', () => {
    const places: Record<string, (router: Router) => Context | undefined | PromiseLike<Context>> = {
      'from the program': () => undefined,
      'by way of a hop': (router) => router.local(),
    };
    for (const [place, viaOf] of Object.entries(places)) {
      it(`when started ${place}`, async () => {
        await withRouter(async (router) => {
          const via = await viaOf(router);
          const context = router.docker({ container, host, via, title });
          expect(await context.call(hostname)).to.equal(container);
          expect((await context).name).to.equal(via ? `${via.name}.${container}` : container);
          const [child] = (await router.tree()).children.flatMap((one) =>
            via ? one.children : [one],
          );
          expect(child).to.include({ method: 'docker', nodeVersion: process.version });
          expect(await daemon.docker('top', container)).to.match(new RegExp(` ${title}$`, 'm'));
        });
        await until('nothing is left', () => left().length === 0);
      });
    }

    it('when started by code in a context', async () => {
      await withRouter(async (router) => {
        const start = (container: string, host: string) =>
          thisContext().router.docker({ container, host });
        const child = await router.local({ name: 'here' }).call(start, container, host);
        expect(child.name).to.equal(`here.${container}`);
        expect(await child.call(hostname)).to.equal(container);
      });
    });

    it('and start others of their own there, as a user without a name', async () => {
      await withRouter(async (router) => {
        const context = await router.docker({ container, host, user: '1000:1001', title });
        const ids = () => [process.getuid?.(), process.getgid?.()];
        expect(await context.call(ids)).to.deep.equal([1000, 1001]);
        const child = await context.call(() => thisContext().router.local({ name: 'child' }));
        expect(await child.call(ids)).to.deep.equal([1000, 1001]);
        expect(await child.call(hostname)).to.equal(container);
        expect(await router.local({ via: context }).call(hostname)).to.equal(container);
      });
    });

    it('which arrives as it was sent, and so do the answers', async () => {
      await withRouter(async (router) => {
        const context = router.docker({ container, host });
        const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
        const bytes = Buffer.alloc(8 * 2 ** 20, every);
        const back = await context.call((same: Buffer) => same, bytes);
        expect(bytes.equals(back)).to.equal(true);
      });
    });

    it('and what they print', async () => {
      const records: LogRecord[] = [];
      const print = () => {
        console.log('by the function');
        // Past all that Kinetin has put around functions.
        require('node:fs').writeSync(2, 'by the process\n');
      };
      await withRouter(
        async (router) => {
          const context = await router.docker({ container, host });
          await context.call(print);
          await until('both lines', () => records.length === 2);
        },
        { onLog: (record) => records.push(record) },
      );
      expect(records.map(({ text }) => text).sort()).to.deep.equal([
        'by the function',
        'by the process',
      ]);
      for (const { context } of records) expect(context).to.equal(container);
    });

    it('with a client that is a list of words, and with an interpreter that is named', async () => {
      await withRouter(async (router) => {
        const docker = ['env', `DOCKER_HOST=${host}`, 'docker'];
        const context = router.docker({ container, docker, node: '/usr/bin/node' });
        expect(await context.call(hostname)).to.equal(container);
      });
    });
  });

  describe('leave no process in the container', () => {
    it('when the client is killed', async () => {
      let spins: () => void = () => {};
      const spinning = new Promise<void>((resolve) => {
        spins = resolve;
      });
      await withRouter(
        async (router) => {
          const context = router.docker({ container, host, title });
          const lost = failure(
            context.call(() => {
              console.log('spinning');
              for (;;);
            }),
          );
          await spinning;
          const clients = processesWith(`--host=${host} exec -i ${container}`);
          expect(clients).to.have.length(1);
          expect(left().filter((pid) => pid !== clients[0])).to.have.length(1);
          for (const pid of clients) process.kill(pid, 'SIGKILL');
          expect(await lost).to.include({ code: 'ERR_CONTEXT_LOST' });
          await until('nothing is left', () => left().length === 0);
        },
        { onLog: () => spins() },
      );
    });

    it('when the client is killed before the first byte of the core', async () => {
      // The command of a connect, with the promise of bytes that never come.
      const { commandLine } = await import('@kinetin/core/parent');
      const line = commandLine({
        marker: 'mark',
        title,
        coreBytes: 1000,
        preambleBytes: 2000,
        workThread: true,
      });
      const args = ['--host', host, 'exec', '-i', container, '/bin/sh', '-c', line];
      const client = spawn('docker', args, { stdio: ['pipe', 'pipe', 'inherit'] });
      await until('the Node stage runs', () => left().some((pid) => pid !== client.pid));
      client.kill('SIGKILL');
      await once(client, 'close');
      await until('nothing is left', () => left().length === 0);
    });

    it('when an attempt is given up while a Node is sent', async () => {
      const bare = await daemon.start();
      await withRouter(async (router) => {
        const abort = new AbortController();
        const { signal } = abort;
        const given = failure(router.docker({ container: bare, host, title, signal }));
        await until('a process is in the container', () => left().length > 1);
        abort.abort(new Error('enough'));
        expect(await given).to.include({ message: 'enough' });
        await until('nothing is left', () => left().length === 0);
      });
    });

    it('when an attempt is given up', async () => {
      await withRouter(async (router) => {
        const abort = new AbortController();
        const { signal } = abort;
        const context = router.docker({ container, host, title, signal });
        await until('it has begun', () => left().length > 0);
        abort.abort(new Error('enough'));
        // It may have been quicker.
        const one = await context.catch((reason: unknown) => {
          expect((reason as Error).message).to.equal('enough');
        });
        await one?.shutdown();
        await until('nothing is left', () => left().length === 0);
      });
    });
  });

  it('are lost with their container', async () => {
    const doomed = await daemon.start({ node: process.execPath });
    await withRouter(async (router) => {
      const context = await router.docker({ container: doomed, host });
      const waiting = context.call(() => new Promise(() => {}));
      await context.call(hostname);
      await daemon.docker('kill', doomed);
      expect(await failure(waiting)).to.include({ code: 'ERR_CONTEXT_LOST' });
    });
  });

  describe('that cannot be started say why:', () => {
    async function refusal(options: Partial<Parameters<Router['docker']>[0]>) {
      return withRouter(async (router) => {
        const error = await failure<ConnectError>(router.docker({ container, host, ...options }));
        expect(error).to.be.an.instanceOf(ConnectError);
        expect(error.stage).to.equal('shell');
        return error;
      });
    }
    async function ended(options: Parameters<typeof refusal>[0], code: number, said: RegExp) {
      const error = await refusal(options);
      expect(error).to.include({ code: 'ERR_HANDSHAKE' });
      expect(error.exit).to.deep.equal({ code });
      expect(error.output.join('\n')).to.match(said);
      expect(error.message).to.match(new RegExp(`ended with status ${code};.*${said.source}`));
    }

    it('no client', async () => {
      const error = await refusal({ docker: '/nowhere/docker' });
      expect(error).to.include({ code: 'ERR_SPAWN' });
      expect(error.message).to.match(/^could not start \/nowhere\/docker: .*ENOENT/);
    });

    it('no daemon', () =>
      ended({ host: 'unix:///nowhere/socket' }, 1, /Cannot connect to the Docker daemon/));

    it('no such container', () => ended({ container: 'nobody' }, 1, /No such container: nobody/));

    it('a container that was stopped', async () => {
      const stopped = await daemon.start();
      await daemon.docker('kill', stopped);
      await ended({ container: stopped }, 1, /is not running/);
    });

    it('a container without a shell', async () => {
      const shellless = await daemon.start();
      await daemon.docker('exec', shellless, '/bin/busybox', 'rm', '/bin/sh');
      await ended({ container: shellless }, 126, /\/bin\/sh.*no such file/);
    });

    it('no such user', () => ended({ user: 'nobody' }, 126, /unable to find user nobody/));

    it('the same by way of a hop', async () => {
      await withRouter(async (router) => {
        const hop = router.local();
        const context = router.docker({ container: 'nobody', host, via: hop });
        const error = await failure<ConnectError>(context);
        expect(error).to.include({ code: 'ERR_HANDSHAKE', stage: 'shell' });
        expect(error.message).to.match(/No such container: nobody/);
      });
    });

    it('what could be an option of the client is not sent to it', async () => {
      const client = await program(`for word in "$@"; do echo "<$word>"; done >&2; exit 4`);
      await withRouter(async (router) => {
        for (const container of ['-x', '', undefined] as string[]) {
          expect(() => router.docker({ container })).to.throw(
            TypeError,
            /^container must be a name/,
          );
        }
        const options = { container: 'web', docker: client.path, user: '-u', host: '-H' };
        const error = await failure<ConnectError>(router.docker(options));
        const words = [
          '<--host=-H>',
          '<exec>',
          '<-i>',
          '<--user=-u>',
          '<web>',
          '</bin/sh>',
          '<-c>',
        ];
        expect(error.output.slice(0, 7)).to.deep.equal(words);
      });
      await client.remove();
    });
  });
});
