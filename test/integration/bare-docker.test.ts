/** A container with a static busybox and nothing else: it is sent a Node through `docker exec`. */

import { hostname } from 'node:os';
import { withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { canRunDocker, type DockerDaemon, startDocker } from '../support/docker.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';

const DAEMON_TIMEOUT_MS = 600_000;

const execPath = () => process.execPath;

describe('a container without Node', () => {
  let daemon: DockerDaemon;
  before(async function () {
    this.timeout(DAEMON_TIMEOUT_MS);
    await requirePart('dockerd as root, with a static busybox', canRunDocker(), async () => {
      daemon = await startDocker();
    }).call(this);
  });
  after(async function () {
    this.timeout(DAEMON_TIMEOUT_MS);
    await daemon?.stop();
  });

  it('runs functions with the Node that it was sent, and keeps it', async () => {
    const container = await daemon.start();
    const options = { container, host: daemon.host };
    const first = await withRouter(async (router) => {
      const refused = await failure(router.docker({ ...options, runtime: 'never' }));
      expect(refused).to.include({ code: 'ERR_NO_NODE' });
      const context = router.docker(options);
      expect(await context.call(hostname)).to.equal(container);
      expect(await router.local({ via: await context }).call(hostname)).to.equal(container);
      return context.call(execPath);
    });
    expect(first).to.match(/\/kinetin\/\w+\/node$/);
    const stored = () => daemon.docker('exec', container, '/bin/busybox', 'ls', '-lid', first);
    const before = await stored();
    await withRouter(async (router) => {
      const context = await router.docker(options);
      expect(await context.call(execPath)).to.equal(first);
      expect(await stored()).to.equal(before);
      expect((await context.forgetRuntime()).bytes).to.be.above(50_000_000);
    });
  });
});
