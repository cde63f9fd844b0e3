/** The doctor: hosts that are well, hops, being given up, and misuse. */

import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type DoctorTarget, doctor, formatDoctorReport, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import {
  fingerprint,
  type Options,
  optionsOf,
  reasonAt,
  STAGES,
  serve,
  slowClock,
  stageOf,
} from '../support/doctor.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { descendantsWith, processesWith, uniqueSeconds, until } from '../support/processes.js';
import { canRunSshd, type Sshd, startSshd } from '../support/sshd.js';
import { addUser, hasShell, type ShellName } from '../support/users.js';

const run = promisify(execFile);

let sshd: Sshd;
const options = (change: Partial<Options> = {}) => optionsOf(sshd, change);

describe('the doctor', () => {
  before(
    requirePart('an OpenSSH server', canRunSshd(), async () => {
      sshd = await startSshd({ extraConfig: ['MaxStartups 10:30:100'] });
    }),
  );
  after(() => sshd?.stop());

  let clock: Disposable;
  beforeEach(() => {
    clock = slowClock();
  });
  afterEach(() => clock[Symbol.dispose]());

  describe('of a host that is well', () => {
    it('goes through all stages with their times, and says what it found', async () => {
      const report = await doctor(options());
      expect(
        report.stages.map(({ stage }) => stage),
        formatDoctorReport(report),
      ).to.deep.equal(STAGES);
      for (const { stage, outcome, ms } of report.stages) {
        expect(outcome, stage).to.equal('ok');
        expect(ms, stage).to.be.a('number').and.at.least(0);
      }
      expect(report).to.include({ outcome: 'ok', verdict: 'all is well', method: 'ssh' });
      expect(stageOf(report, 'tcp').facts).to.deep.equal({ port: sshd.port, address: sshd.host });
      expect(stageOf(report, 'key exchange').facts.server).to.match(/^SSH-2\.0-OpenSSH_/);
      expect(stageOf(report, 'host key').facts.known).to.include(`${sshd.knownHostsFile}:1`);
      const [login] = stageOf(report, 'auth').logins ?? [];
      expect(login).to.include({
        method: 'publickey',
        keySource: sshd.identityFile,
        keyType: 'ssh-ed25519',
        fingerprint: await fingerprint(sshd.identityFile),
        result: 'accepted',
      });
      expect(stageOf(report, 'shell').facts).to.include({ user: sshd.username });
      expect(stageOf(report, 'shell').folders?.map(({ path }) => path)).to.include('/tmp');
      expect(stageOf(report, 'node').nodes?.some(({ isUsable }) => isUsable)).to.equal(true);
      const { facts } = stageOf(report, 'bootstrap');
      expect(facts['bytes before ready']).to.be.a('number').and.above(5000);
      expect(stageOf(report, 'first call').facts['host name']).to.equal(hostname());
      expect(formatDoctorReport(report)).to.match(/ok +\d+\.\d ms$/m);
      expect(formatDoctorReport(report, { times: false })).not.to.match(/\d ms|round trip/);
      await until('nothing is left', () => descendantsWith('kinetin-doctor').length === 0);
    });

    for (const shell of ['bash', 'dash', 'zsh', 'fish', 'tcsh'] as ShellName[]) {
      it(`is understood by ${shell}`, async function () {
        await requirePart(shell, hasShell(shell)).call(this);
        await using user = await addUser({ shell });
        const report = await doctor(options({ username: user.name }));
        expect(report.outcome, formatDoctorReport(report)).to.equal('ok');
        expect(stageOf(report, 'shell').facts).to.include({ login: user.shell, home: user.home });
        const tmp = stageOf(report, 'shell').folders?.find(({ path }) => path === '/tmp');
        expect(tmp).to.include({ state: 'usable' });
      });
    }

    it('works for this host, by name and by options', async () => {
      for (const target of ['local', {}] as DoctorTarget[]) {
        const report = await doctor(target);
        expect(report).to.include({ outcome: 'ok', target: 'this host', method: 'local' });
        expect(stageOf(report, 'node').nodes).to.deep.equal([
          { path: process.execPath, version: process.version, isUsable: true },
        ]);
      }
      const reason = reasonAt(await doctor({ node: '/nowhere/node' }), 'shell');
      expect(reason.problem).to.match(/^could not start \/nowhere\/node: .*ENOENT/);
      expect(reason.remedy).to.contain('check that this program is on this host');
    });

    it('works for containers (a stub in place of the docker client)', async () => {
      await using client = await program('while [ "$1" != /bin/sh ]; do shift; done; exec "$@"');
      const report = await doctor({ container: 'app', docker: client.path });
      expect(report, formatDoctorReport(report)).to.include({ outcome: 'ok', method: 'docker' });
      await using none = await program('echo "Error: No such container: app" >&2; exit 1');
      const reason = reasonAt(await doctor({ container: 'app', docker: none.path }), 'shell');
      expect(reason.problem).to.contain('No such container: app').and.contain('status 1');
      expect(reason.remedy).to.contain('docker ps');
      const sleep = `sleep ${uniqueSeconds()}`;
      await using hangs = await program(`exec ${sleep}`);
      const stageTimeouts = { shell: 100 };
      const late = await doctor({ container: 'app', docker: hangs.path, stageTimeouts });
      expect(reasonAt(late, 'shell').problem).to.contain('"shell" was not finished');
      await until('the client is gone', () => processesWith(sleep).length === 0);
    });
  });

  describe('behind a hop', () => {
    it('looks at the hop first, then at the host, as far as the hop tells', async () => {
      const report = await doctor({ ...options(), via: options() });
      expect(report.outcome, formatDoctorReport(report)).to.equal('ok');
      expect(report.via?.stages.map(({ stage }) => stage)).to.deep.equal(STAGES);
      expect(report.stages.map(({ outcome }) => outcome)).to.deep.equal(STAGES.map(() => 'ok'));
      expect(stageOf(report, 'auth').ms).to.equal(undefined);
      expect(stageOf(report, 'bootstrap').ms).to.be.a('number');
      expect(stageOf(report, 'node').nodes?.some(({ isUsable }) => isUsable)).to.equal(true);
      expect(stageOf(report, 'shell').facts).to.include({ user: sshd.username });
    });

    it('names the stage at which the host fails, or the hop', async () => {
      const behind = await doctor({ ...options({ port: 1 }), via: options() });
      expect(reasonAt(behind, 'tcp').remedy).to.contain('nothing listens on port 1');
      const unknown = await doctor({ ...options({ knownHosts: '/dev/null' }), via: options() });
      expect(reasonAt(unknown, 'host key').problem).to.contain('is not in /dev/null');
      const report = await doctor({ ...options(), via: options({ port: 1 }) });
      expect(reasonAt(report.via!, 'tcp')).to.be.an('object');
      expect(report.verdict).to.equal(`the hop root@127.0.0.1:1 cannot be reached`);
      expect(report.stages.every(({ outcome }) => outcome === 'not reached')).to.equal(true);
    });
  });

  describe('leaves nothing behind when it is given up', () => {
    it('before the server has said anything, by signal and by timeout', async () => {
      await using server = await serve((socket) => socket.resume());
      const target = options({ port: server.port });
      const abort = new AbortController();
      const aborted = failure(doctor(target, { signal: abort.signal }));
      await server.connected();
      abort.abort(new Error('enough'));
      expect(await aborted).to.include({ message: 'enough' });
      const late = await failure(doctor(target, { timeout: 100 }));
      expect(late).to.include({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
      expect(late.message).to.match(/^the examination of .* was not over after 100 ms$/);
      await server.empty();
      const early = doctor(target, { signal: AbortSignal.abort(new Error('before')) });
      expect(await failure(early)).to.include({ message: 'before' });
    });

    it('while the shell runs, and while the context does', async () => {
      await using user = await addUser();
      const counter = join(user.home, 'logins');
      const title = 'kinetin-doctor-given-up';
      for (const blockedLogin of [1, 2]) {
        await rm(counter, { force: true });
        // The first connection asks, the second starts a context: the login that counts waits.
        const text = `echo >>${counter}; [ $(wc -l <${counter}) = ${blockedLogin} ] && read -r line\n`;
        await writeFile(join(user.home, '.bashrc'), text);
        const abort = new AbortController();
        const aborted = failure(
          doctor(options({ username: user.name, title }), { signal: abort.signal }),
        );
        const logins = () =>
          readFile(counter, 'utf8').then(
            (lines) => lines.length,
            () => 0,
          );
        await until('it waits', async () => (await logins()) === blockedLogin);
        abort.abort(new Error(`enough of ${blockedLogin}`));
        expect(await aborted).to.include({ message: `enough of ${blockedLogin}` });
        await until('nothing runs there', async () => {
          const { stdout } = await run('ps', ['-u', user.name, '-o', 'pid=']).catch(() => ({
            stdout: '',
          }));
          return stdout.trim() === '';
        });
      }
    });
  });

  it('refuses what makes no sense, with ERR_INVALID_ARG', async () => {
    const wrong: [unknown, unknown, RegExp][] = [
      [undefined, {}, /doctor takes a host name or options/],
      ['', {}, /hostname is missing/],
      [{ hostname: 'web1', prot: 22 }, {}, /has no option prot/],
      [{ host: 'web1' }, {}, /has no option host; did you mean hostname/],
      [{ hostname: 'web1', signal: AbortSignal.abort() }, {}, /signal belongs into the second/],
      ['web1', { timeOut: 5 }, /has no option timeOut; did you mean timeout/],
      ['web1', { timeout: -1 }, /timeout must be a number of ms/],
      [options({ identityFile: '/nowhere/key' }), {}, /cannot read identityFile \/nowhere\/key/],
      [{ ...options({ identityFile: '/nowhere/key' }), via: {} }, {}, /cannot read identityFile/],
    ];
    for (const [target, given, message] of wrong) {
      const error = await failure(doctor(target as DoctorTarget, given as object));
      expect(error).to.include({ name: 'TypeError', code: 'ERR_INVALID_ARG' });
      expect(error.message).to.match(message);
    }
    await withRouter(async (router) => {
      const via = await router.local();
      const error = await failure(doctor({ hostname: 'web1', via: via as never }));
      expect(error.message).to.match(/^via must be a target/);
    });
  });
});

/** A program of `sh`, in a folder of its own. */
async function program(text: string): Promise<AsyncDisposable & { path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'kinetin-doctor-'));
  const path = join(folder, 'client');
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
