/** Contexts over SSH: a real OpenSSH server, real accounts, real login shells. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  ConnectError,
  type Router,
  Secret,
  type SshContextOptions,
  withRouter,
} from '@kinetin/master';
import { expect } from 'chai';
import { canMakeBareRoot, makeBareRoot } from '../support/bare-root.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { commandLineOf, descendantsWith, isAlive, until } from '../support/processes.js';
import { canRunSshd, loginOptions, type Sshd, startSshd } from '../support/sshd.js';
import { addUser, hasShell, type ShellName } from '../support/users.js';

const run = promisify(execFile);

function whoAmI(): string {
  return userInfo().username;
}

let sshd: Sshd;
const options = (): SshContextOptions => loginOptions(sshd);

describe('contexts over SSH', () => {
  before(
    requirePart('an OpenSSH server', canRunSshd(), async () => {
      // Drops each connection that is too many; it goes on counting a login for a moment after it.
      sshd = await startSshd({ extraConfig: ['MaxStartups 16:100:16'] });
    }),
  );
  after(() => sshd?.stop());

  it('start, answer, show their origin, and leave nothing', async () => {
    let pid = 0;
    await withRouter(async (router) => {
      const context = await router.ssh(options());
      pid = context.pid as number;
      expect(await context.call(hostname)).to.equal(hostname());
      const origin = `kinetin:${userInfo().username}@${hostname()}:${process.pid}`;
      expect(commandLineOf(pid)).to.equal(origin);
      expect(descendantsWith('brotliDecompressSync')).to.deep.equal([]);
    });
    await until('the child is gone', () => !isAlive(pid));
  });

  it('start behind another, which does the connecting, also before that one is connected', async () => {
    await withRouter(async (router) => {
      const bastion = router.ssh({ ...options(), name: 'bastion' });
      const web = router.ssh({ ...options(), name: 'web', via: bastion });
      const inner = router.local({ name: 'inner', via: web });
      expect(await inner.call(whoAmI)).to.equal(userInfo().username);
      expect((await inner).name).to.equal('bastion.web.inner');
    });
  });

  it('start in large numbers at once, through one hop, in spite of MaxStartups', async () => {
    await withRouter(async (router) => {
      const bastion = router.ssh({ ...options(), workThread: 'lazy' });
      const contexts = Array.from({ length: 24 }, () =>
        router.ssh({ ...options(), via: bastion, workThread: 'lazy' }),
      );
      const pids = await Promise.all(contexts.map((context) => context.call(() => process.pid)));
      expect(new Set(pids).size).to.equal(24);
    });
  });

  it('know a new host after its key was accepted, and refuse it when the key has changed', async () => {
    const knownHosts = join(sshd.folder, 'new_known_hosts');
    await withRouter(async (router) => {
      const strict = { ...options(), knownHosts };
      const stages = { ...strict, checkHostKey: 'accept-new' as const };
      expect(await failure<ConnectError>(router.ssh(strict))).to.include({ code: 'ERR_HOST_KEY' });
      for (const via of [undefined, router.ssh(options())]) {
        await writeFile(knownHosts, '');
        await router.ssh({ ...stages, via });
        expect(await readFile(knownHosts, 'utf8')).to.include(sshd.hostKey());
        await router.ssh({ ...strict, via });
        const other =
          'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdZ2bH0l2o4WQ3wNQwWlJ6n0bqvNf6HcTqM0wPyYkQX';
        await writeFile(knownHosts, `[${sshd.host}]:${sshd.port} ${other}\n`);
        const error = await failure<ConnectError>(router.ssh({ ...stages, via }));
        expect(error).to.include({ code: 'ERR_HOST_KEY', stage: 'host key' });
      }
    });
  });

  it('take a password as a Secret, here and behind a hop', async () => {
    await using user = await addUser({ password: 'right' });
    await withRouter(async (router) => {
      const password = new Secret('right');
      const login = { ...options(), username: user.name, identityFile: [], password };
      const hop = await router.ssh(options());
      for (const via of [undefined, hop]) {
        const context = await router.ssh({ ...login, via });
        expect(await context.call(whoAmI)).to.equal(user.name);
      }
    });
  });

  it('name the stage that failed, here and behind a hop', async () => {
    const cases: [Partial<SshContextOptions>, object][] = [
      [{ hostname: 'no-such-host.invalid' }, { code: 'ERR_DNS', stage: 'resolve' }],
      // Where nobody listens.
      [{ port: 1 }, { code: 'ERR_TCP', stage: 'tcp' }],
      [{ knownHosts: '/dev/null' }, { code: 'ERR_HOST_KEY', stage: 'host key' }],
      [{ username: 'no-such-user' }, { code: 'ERR_AUTH', stage: 'auth' }],
    ];
    await withRouter(async (router) => {
      const hop = await router.ssh(options());
      for (const via of [undefined, hop]) {
        for (const [change, expected] of cases) {
          const error = await failure<ConnectError>(router.ssh({ ...options(), ...change, via }));
          expect(error, JSON.stringify(change)).to.be.an.instanceOf(ConnectError);
          expect(error, JSON.stringify(change)).to.include(expected);
          if (change.knownHosts) expect(error.message).to.contain('is not in /dev/null;');
        }
      }
    });
  });

  it('are gone with all below them when the master is killed', async () => {
    const main = join(import.meta.dirname, '../fixtures/master-with-tree.ts');
    const args = ['--import', 'tsx', main, JSON.stringify(options())];
    const { stdout } = await run(process.execPath, args).catch((error) => error);
    const pids = JSON.parse(stdout) as number[];
    expect(pids).to.have.length(4);
    await until('all are gone', () => !pids.some(isAlive));
  });

  it('stop at the deadline of a stage that hangs, with what was printed until then', async () => {
    await using user = await addUser({ shell: 'bash', noise: 'please wait' });
    await writeFile(join(user.home, '.bashrc'), 'echo please wait\nsleep 1000\n');
    await withRouter(async (router) => {
      let error: ConnectError | undefined;
      // Until the machine is quick enough for the shell to have printed in that time.
      for (let shell = 1500; !error?.output.length && shell < 60_000; shell *= 4) {
        error = await failure<ConnectError>(
          router.ssh({ ...options(), username: user.name, stageTimeouts: { shell } }),
        );
      }
      expect(error).to.include({ code: 'ERR_CONNECT_TIMEOUT', stage: 'shell' });
      expect(error?.output).to.deep.equal(['please wait']);
    });
  });

  it('report an account whose shell refuses', async () => {
    await withRouter(async (router) => {
      await using user = await addUser({ shell: 'bash' });
      await writeFile(join(user.home, '.bashrc'), 'echo "this account is not available"; exit 7\n');
      const error = await failure<ConnectError>(router.ssh({ ...options(), username: user.name }));
      expect(error).to.include({ code: 'ERR_HANDSHAKE', stage: 'shell' });
      expect(error.exit).to.deep.equal({ code: 7 });
      expect(error.message).to.match(/status 7.*this account is not available/);
    });
  });
});

describe('login shells', () => {
  before(
    requirePart('an OpenSSH server', canRunSshd(), async () => {
      const motd = ['PrintMotd yes', 'PrintLastLog yes', 'Banner /etc/os-release'];
      sshd = await startSshd({ extraConfig: motd });
    }),
  );
  after(() => sshd?.stop());

  for (const shell of ['bash', 'dash', 'zsh', 'fish', 'tcsh'] as ShellName[]) {
    describe(shell, () => {
      before(requirePart(shell, hasShell(shell)));

      it('starts a context in spite of what its profile prints', async () => {
        const noise = `$HOME \`!\` kinetin- "news"\nno newline at the end:`;
        await using user = await addUser({ shell, noise });
        await withRouter(async (router) => {
          const context = router.ssh({ ...options(), username: user.name });
          expect(await context.call(whoAmI)).to.equal(user.name);
        });
      });

      it('finds the newest Node of a version manager in the home folder', async () => {
        await using user = await addUser({ shell });
        await installNewerNode(user.home);
        await withRouter(async (router) => {
          const context = await router.ssh({ ...options(), username: user.name });
          expect(await context.call(() => process.env.FOUND_BY)).to.equal('nvm');
        });
      });
    });
  }
});

describe('a host without a usable Node', () => {
  before(requirePart('busybox and an OpenSSH server as root', canMakeBareRoot() && canRunSshd()));

  async function connectToBareRoot(
    prepare: (root: Awaited<ReturnType<typeof makeBareRoot>>) => Promise<void>,
  ) {
    const root = await makeBareRoot();
    await prepare(root);
    sshd = await startSshd({ extraConfig: [`ChrootDirectory ${root.folder}`] });
    try {
      return await withRouter((router: Router) =>
        failure(router.ssh({ ...options(), runtime: 'never' })),
      );
    } finally {
      await sshd.stop();
      await root.remove();
    }
  }

  it('is reported as such where there is none', async () => {
    const error = await connectToBareRoot(async () => {});
    expect(error).to.include({ code: 'ERR_NO_NODE', stage: 'node' });
    expect(error.exit).to.deep.equal({ code: 127 });
  });

  it('is reported with what was found where all are too old or broken (stubs of old versions)', async () => {
    const error = await connectToBareRoot(async (root) => {
      await root.addScript('usr/bin/node', 'echo v10.24.1');
      await root.addScript('usr/bin/nodejs', 'exit 1');
    });
    expect(error).to.include({ code: 'ERR_NODE_TOO_OLD', stage: 'node' });
    expect(error.message).to.include('/usr/bin/node=v10.24.1, /usr/bin/nodejs=broken');
  });
});

/** A wrapper that says that it is newer than all others, as nvm would install it. */
async function installNewerNode(home: string): Promise<void> {
  const { mkdir, chmod } = await import('node:fs/promises');
  const folder = join(home, '.nvm/versions/node/v99.1.0/bin');
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'node'),
    `#!/bin/sh\n[ "$1" = -v ] && echo v99.1.0 && exit\nFOUND_BY=nvm exec ${process.execPath} "$@"\n`,
  );
  await chmod(join(folder, 'node'), 0o755);
}
