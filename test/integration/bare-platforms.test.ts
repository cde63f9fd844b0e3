/**
 * Hosts of another platform behind a hop, which has no Node for them: the master fetches it, and the hop
 * passes it on. There is no such machine here. So the host says that it is one (a stub of `uname`), and
 * what the registry has for that (a stub, too) is the Node that runs these tests; all else is real.
 */

import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Context, Router, thisContext } from '@kinetin/master';
import { expect } from 'chai';
import { type BareRoot, canMakeBareRoot, makeBareRoot } from '../support/bare-root.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { until } from '../support/processes.js';
import { canRunSshd, loginOptions, type Sshd, startSshd } from '../support/sshd.js';
import { type StubRegistry, startStubRegistry } from '../support/stub-registry.js';

const execPath = () => process.execPath;

/** Starts a context behind the one that it runs in. */
async function startBehind(options: Record<string, unknown>): Promise<void> {
  await thisContext().router.ssh(options as never);
}

describe('a host without Node, of another platform than the hop before it,', () => {
  let root: BareRoot;
  let sshd: Sshd;
  let registry: StubRegistry;
  let caches: string;
  let router: Router;
  const cacheHome = process.env['XDG_CACHE_HOME'];
  before(
    requirePart(
      'busybox and an OpenSSH server as root',
      canMakeBareRoot() && canRunSshd(),
      async () => {
        registry = await startStubRegistry(await readFile(process.execPath));
        root = await makeBareRoot({ system: true, without: ['uname'] });
        // The shell of busybox would take its own.
        await rm(join(root.folder, 'bin/sh'));
        await copyFile('/bin/dash', join(root.folder, 'bin/sh'));
        const uname = 'case $1 in -m) echo aarch64;; *) busybox uname "$@";; esac';
        await root.addScript('bin/uname', uname);
        // A package of npm uses the libc of its host.
        await copyFile(process.execPath, join(root.folder, 'tmp/node'));
        for (const path of ['bin/sh', 'tmp/node']) await root.addLibraries(path);
        await rm(join(root.folder, 'tmp/node'));
        sshd = await startSshd({ extraConfig: [`ChrootDirectory ${root.folder}`] });
      },
    ),
  );
  after(async () => {
    await sshd?.stop();
    await root?.remove();
    registry?.stop();
  });
  beforeEach(async () => {
    caches = await mkdtemp(join(tmpdir(), 'kinetin-caches-'));
    process.env['XDG_CACHE_HOME'] = caches;
    router = new Router({ npmRegistry: registry.url, onLog: () => {} });
  });
  afterEach(async () => {
    registry.onArchive = undefined;
    registry.asked.length = 0;
    await router.shutdown();
    if (cacheHome === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = cacheHome;
    await rm(caches, { recursive: true });
    await rm(join(root.folder, 'root/.cache'), { recursive: true, force: true });
  });

  const behind = (via: Context) =>
    router.ssh({ ...loginOptions(sshd), via, agent: false, identityFile: sshd.identityFile });

  it('gets one that the master fetches, once for all of them', async () => {
    const hop = await router.local({ via: router.local() });
    const hosts = [behind(hop), behind(hop)];
    const paths = await Promise.all(hosts.map((host) => host.call(execPath)));
    expect(paths[0]).to.match(/^\/root\/\.cache\/kinetin\/\w+\/node$/);
    expect(paths[1]).to.equal(paths[0]);
    expect(await hosts[0]!.call(() => process.version)).to.equal(process.version);
    expect(registry.asked.filter((url) => url.endsWith('.tgz'))).to.have.length(1);
    expect(await readdir(join(caches, 'kinetin-packages'))).to.have.length(1);
  });

  it('gets none where there is none, and says why', async () => {
    registry.tarball = Buffer.from('no archive');
    const hop = await router.local();
    const error = await failure(behind(hop));
    expect(error).to.include({ code: 'ERR_NO_RUNTIME', stage: 'runtime' });
    expect(error.message).to.match(/\(Linux aarch64 .*\), and none was sent: .*header/);
  });

  it('lets the master stop fetching when the attempt is given up', async () => {
    const asked = new Promise<void>((resolve) => {
      registry.onArchive = resolve;
    });
    const abort = new AbortController();
    const hop = await router.local();
    const { via, ...options } = { ...loginOptions(sshd), via: hop };
    const connecting = failure(router.ssh({ ...options, via, agent: false, signal: abort.signal }));
    await asked;
    abort.abort(new Error('enough'));
    expect((await connecting).message).to.equal('enough');
    const packages = join(caches, 'kinetin-packages');
    await until('what was fetched is gone', async () => (await readdir(packages)).length === 0);
  });

  it('gets none where code in the hop has started it, and says so', async () => {
    const hop = await router.local();
    const error = await failure(
      hop.call(startBehind, { ...loginOptions(sshd), agent: false, checkHostKey: 'off' }),
    );
    expect(error).to.include({ code: 'ERR_NO_RUNTIME' });
    expect(error.message).to.contain('only for a context that the program itself has started');
    expect(registry.asked).to.deep.equal([]);
  });
});
