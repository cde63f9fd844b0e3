/**
 * Where a host without Node keeps the one that it is sent: roots with busybox only, reached through
 * OpenSSH (ChrootDirectory), with folders that cannot be written to, have no room, or run no programs.
 */

import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Router, type SshContextOptions, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { type BareRoot, canMakeBareRoot, makeBareRoot } from '../support/bare-root.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { canFetchNode, fetchNode } from '../support/real-node.js';
import { canRunSshd, type Sshd, startSshd } from '../support/sshd.js';

const execPath = () => process.execPath;

describe('a host without a usable Node', () => {
  let root: BareRoot;
  let sshd: Sshd | undefined;
  before(requirePart('busybox and an OpenSSH server as root', canMakeBareRoot() && canRunSshd()));
  beforeEach(async () => {
    root = await makeBareRoot({ system: true });
    sshd = await startSshd({ extraConfig: [`ChrootDirectory ${root.folder}`] });
  });
  afterEach(async () => {
    await sshd?.stop();
    sshd = undefined;
    await root?.remove();
  });

  const options = (): SshContextOptions => ({
    hostname: sshd!.host,
    port: sshd!.port,
    username: sshd!.username,
    identityFile: sshd!.identityFile,
    knownHosts: sshd!.knownHostsFile,
    agent: false,
  });
  const connect = (router: Router) => router.ssh(options());

  it('keeps it in memory where nothing but that can be written to, and finds it there again', async () => {
    await root.mount('dev/shm', 'size=260m,mode=1777');
    await root.makeReadOnly();
    const paths = await withRouter(async (router) => {
      const both = [connect(router), router.ssh({ ...options(), name: 'too' })];
      return Promise.all(both.map((context) => context.call(execPath)));
    });
    expect(paths[0]).to.match(/^\/dev\/shm\/kinetin-0\/\w+\/node$/);
    expect(paths[1]).to.equal(paths[0]);
    expect(await root.sh('ls -A /dev/shm/kinetin-0')).to.match(/^[0-9a-f]{32}\n$/);
    const before = await root.sh('ls -lid /dev/shm/kinetin-0/*/node');
    await withRouter(async (router) => {
      const context = connect(router);
      expect(await context.call(execPath)).to.equal(paths[0]);
      expect(await root.sh('ls -lid /dev/shm/kinetin-0/*/node')).to.equal(before);
      const { paths: forgotten } = await (await context).forgetRuntime();
      expect(forgotten).to.deep.equal(['/dev/shm/kinetin-0']);
    });
  });

  it('is an error that says of each folder why it is of no use', async () => {
    await root.mount('proc', 'ro', 'proc');
    await root.mount('tmp', 'size=20m,mode=1777');
    await root.mount('dev/shm', 'size=200m,mode=1777,noexec');
    await root.makeReadOnly();
    const error = await withRouter((router) => failure(connect(router)));
    expect(error).to.include({ code: 'ERR_NO_SPACE', stage: 'runtime' });
    expect(error.message).to.match(/\/root\/\.cache\/kinetin: .*Read-only file system/);
    expect(error.message).to.contain('/dev/shm/kinetin-0: programs there cannot be run (noexec)');
    expect(error.message).to.match(/\/tmp\/kinetin-0: \d+ MB free of 10\d MB needed/);
    expect(await root.sh('ls -A /tmp /dev/shm')).to.equal('/dev/shm:\n\n/tmp:\n');
  });

  it('goes on elsewhere where a disk is full in the middle', async () => {
    await root.mount('root', 'size=40m,mode=700');
    // There is no /proc, so nothing says beforehand how much room there is.
    await withRouter(async (router) => {
      expect(await connect(router).call(execPath)).to.match(/^\/tmp\/kinetin-0\/\w+\/node$/);
    });
    expect(await root.sh('find /root -type f')).to.equal('');
  });

  it('is sent one where there is only Node 10', async function () {
    this.timeout(300_000);
    await requirePart('Linux on x64', canFetchNode).call(this);
    const old = join(root.folder, 'usr/bin/node');
    await copyFile(await fetchNode('10.24.1'), old);
    await chmod(old, 0o755);
    await root.addLibraries('usr/bin/node');
    expect(await root.sh('/usr/bin/node -v')).to.equal('v10.24.1\n');
    await withRouter(async (router) => {
      const error = await failure(router.ssh({ ...options(), runtime: 'never' }));
      expect(error.code).to.equal('ERR_NODE_TOO_OLD');
      expect(error.message).to.contain('/usr/bin/node=v10.24.1');
      expect(await connect(router).call(() => process.version)).to.equal(process.version);
    });
  });
});
