/** A network that is cut without a word: nobody is told, and everybody notices. */

import { execSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { isAlive, processesWith, uniqueSeconds, until } from '../support/processes.js';
import { type SilentProxy, startSilentProxy } from '../support/silent-proxy.js';
import { canRunSshd, type Sshd, startSshd } from '../support/sshd.js';

describe('a connection that falls silent', () => {
  let sshd: Sshd;
  let proxy: SilentProxy;
  before(
    requirePart('an OpenSSH server', canRunSshd(), async () => {
      sshd = await startSshd();
      proxy = await startSilentProxy(sshd.port);
    }),
  );
  after(async () => {
    proxy?.close();
    await sshd?.stop();
  });

  it('fails what waits for it, and takes the contexts behind it with their subprocesses', async () => {
    const knownHosts = join(sshd.folder, 'proxy_known_hosts');
    await writeFile(knownHosts, `[127.0.0.1]:${proxy.port} ${sshd.hostKey()}\n`);
    // Long enough for a slow machine to answer while all is well.
    const heartbeat = { intervalMs: 1500, countMax: 3, silenceMs: 6000 };
    await withRouter(
      async (router) => {
        const host = await router.ssh({
          hostname: '127.0.0.1',
          port: proxy.port,
          username: sshd.username,
          identityFile: sshd.identityFile,
          knownHosts,
          agent: false,
          heartbeat,
        });
        const inner = await router.local({ via: host, heartbeat });
        const sleeper = await host.call(async () => {
          const { spawn } = await import('node:child_process');
          return spawn('sleep', ['1000'], { stdio: 'ignore' }).pid as number;
        });
        const seconds = uniqueSeconds();
        const blocked = failure(inner.call((time: string) => execSync(`sleep ${time}`), seconds));
        const pids = [host.pid, inner.pid, sleeper] as number[];
        expect(pids.every(isAlive)).to.equal(true);
        await until('it blocks', () => processesWith(seconds).length > 0);
        proxy.fallSilent();
        const error = await blocked;
        expect(error).to.include({ code: 'ERR_CONTEXT_LOST' });
        expect(error.message).to.match(/did not answer 3 pings/);
        await until('all are gone', () => !pids.some(isAlive));
        await until('so is what user code waits for', () => processesWith(seconds).length === 0);
        expect((await router.tree()).children).to.deep.equal([]);
      },
      { onLog: () => {} },
    );
  });

  it('is not what a busy context does: a function that spins keeps its context', async () => {
    await withRouter(async (router) => {
      // It spins for longer than either end would wait.
      const heartbeat = { intervalMs: 200, countMax: 10, silenceMs: 2000 };
      const context = await router.local({ heartbeat });
      const spun = await context.call(() => {
        const end = Date.now() + 3500;
        while (Date.now() < end);
        return 'done';
      });
      expect(spun).to.equal('done');
    });
  });
});
