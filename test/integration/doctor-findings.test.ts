/** What the doctor finds: real OpenSSH servers and accounts with something wrong with each. */

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { doctor, formatDoctorReport } from '@kinetin/master';
import { expect } from 'chai';
import { canMakeBareRoot, makeBareRoot } from '../support/bare-root.js';
import {
  fingerprint,
  type Options,
  optionsOf,
  reasonAt,
  serve,
  slowClock,
  stageOf,
} from '../support/doctor.js';
import { requirePart } from '../support/parts.js';
import { startSshAgent } from '../support/ssh-agent.js';
import { canRunSshd, makeKey, type Sshd, startSshd } from '../support/sshd.js';
import { addUser } from '../support/users.js';

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

  describe('tells of a host that cannot be reached', () => {
    it('a name that does not exist', async () => {
      const report = await doctor({ ...options(), hostname: 'no-such-host.invalid' });
      const reason = reasonAt(report, 'resolve');
      expect(reason.problem).to.match(/^cannot resolve no-such-host\.invalid: E[A-Z_]+$/);
      expect(reason.remedy).to.contain('the name servers of this machine are ');
    });

    it('a port where nobody listens', async () => {
      const reason = reasonAt(await doctor(options({ port: 1 })), 'tcp');
      expect(reason.problem).to.contain('127.0.0.1 port 1 (ECONNREFUSED)');
      expect(reason.remedy).to.contain('nothing listens on port 1: start its SSH server');
    });

    it('a server that says nothing', async () => {
      await using server = await serve((socket) => socket.resume());
      const stageTimeouts = { 'host key': 100 };
      const reason = reasonAt(
        await doctor(options({ port: server.port, stageTimeouts })),
        'key exchange',
      );
      // The text of ERR_CONNECT_TIMEOUT.
      expect(reason.problem).to.contain('"key exchange" was not finished after 100 ms');
      expect(reason.remedy).to.contain('accepts the connection and says nothing');
      await server.empty();
    });

    it('a server that is none of SSH, and one that closes at once', async () => {
      for (const words of ['HTTP/1.1 400 Bad Request\r\n\r\n', '']) {
        await using server = await serve((socket) => socket.resume().end(words));
        const reason = reasonAt(await doctor(options({ port: server.port })), 'key exchange');
        expect(reason.problem).to.match(/^no SSH session with /);
        expect(reason.remedy).to.contain('has not said that it is an SSH server');
      }
    });

    it('a server with which nothing can be agreed on: what both have', async () => {
      const only = 'sntrup761x25519-sha512@openssh.com';
      await using other = await startSshd({ extraConfig: [`KexAlgorithms ${only}`] });
      const reason = reasonAt(await doctor(options({ port: other.port })), 'key exchange');
      expect(reason.problem).to.contain('no matching key exchange algorithm');
      expect(reason.remedy)
        .to.contain('set KexAlgorithms in the server')
        .and.contain(`the server offers ${only}`)
        .and.match(/here there are .*curve25519-sha256/);
    });
  });

  describe('tells of a host key', () => {
    const strange =
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdZ2bH0l2o4WQ3wNQwWlJ6n0bqvNf6HcTqM0wPyYkQX';

    async function refusal(lines: string) {
      const knownHosts = join(sshd.folder, 'doctor_known_hosts');
      await writeFile(knownHosts, lines);
      const report = await doctor(options({ knownHosts }));
      const reason = reasonAt(report, 'host key');
      const key = await fingerprint(join(sshd.folder, 'host_ed25519'));
      expect(stageOf(report, 'host key').facts.key).to.equal(`ssh-ed25519 ${key}`);
      expect(reason.problem).to.contain(key);
      return { ...reason, knownHosts };
    }

    it('that is not known: the file, and the line to compare', async () => {
      const { problem, remedy, knownHosts } = await refusal('');
      expect(problem).to.contain(`is not in ${knownHosts}`);
      expect(remedy).to.contain(`ssh-keyscan -t ed25519 -p ${sshd.port} ${sshd.host}`);
    });

    it('that has changed: the line of the old one', async () => {
      const { problem, remedy, knownHosts } = await refusal(
        `[${sshd.host}]:${sshd.port} ${strange}\n`,
      );
      expect(problem).to.contain('is not the known one').and.contain('intercepting');
      expect(remedy).to.contain(`only then remove ${knownHosts}:1`);
    });

    it('that is revoked', async () => {
      const { problem, remedy } = await refusal(`@revoked * ${sshd.hostKey()}\n`);
      expect(problem).to.contain('is marked as revoked');
      expect(remedy).to.equal('ask its administrator');
    });

    it('that is accepted whatever it is, as a warning', async () => {
      const report = await doctor(options({ checkHostKey: 'off', knownHosts: '/dev/null' }));
      expect(report.outcome).to.equal('warning');
      expect(report.verdict).to.equal('works, with 1 finding');
      const [finding] = stageOf(report, 'host key').findings;
      expect(finding?.problem).to.contain('every host key is accepted');
    });
  });

  describe('tells of each way to log in', () => {
    it('a wrong key and then the right one, in order', async () => {
      const wrong = await makeKey(join(sshd.folder, 'wrong'), 'ecdsa');
      const report = await doctor(options({ identityFile: [wrong, sshd.identityFile] }));
      const logins = stageOf(report, 'auth').logins ?? [];
      expect(
        logins.map(({ keySource, keyType, result }) => [keySource, keyType, result]),
      ).to.deep.equal([
        [wrong, 'ecdsa-sha2-nistp256', 'rejected'],
        [sshd.identityFile, 'ssh-ed25519', 'accepted'],
      ]);
      expect(logins[0]).to.include({ fingerprint: await fingerprint(wrong) });
      expect(report.outcome).to.equal('ok');
    });

    it('keys that are all refused, of an agent and of files: what to do on the server', async () => {
      await using agent = await startSshAgent(sshd.folder);
      const held = await makeKey(join(sshd.folder, 'held'), 'ed25519');
      await agent.add(held);
      const file = await makeKey(join(sshd.folder, 'stranger'), 'ed25519');
      const report = await doctor(options({ agent: agent.path, identityFile: file }));
      const { remedy } = reasonAt(report, 'auth');
      const { logins = [], facts } = stageOf(report, 'auth');
      expect(logins.map(({ keySource, result }) => [keySource, result])).to.deep.equal([
        ['agent', 'rejected'],
        [file, 'rejected'],
        [undefined, 'rejected'],
      ]);
      expect(logins[0]).to.include({ fingerprint: await fingerprint(held) });
      expect(facts).to.include({ agent: '1 key' });
      expect(facts['server takes']).to.contain('publickey');
      expect(remedy).to.contain(`ssh-copy-id -i ${file} -p ${sshd.port} ${sshd.username}@`);
    });

    it('more keys than the server has patience for', async () => {
      await using strict = await startSshd({ extraConfig: ['MaxAuthTries 2'] });
      const names = ['one', 'two', 'three'].map((name) => join(strict.folder, name));
      const identityFile = await Promise.all(names.map((name) => makeKey(name, 'ed25519')));
      const { remedy } = reasonAt(await doctor(optionsOf(strict, { identityFile })), 'auth');
      expect(remedy).to.contain('name one key in identityFile and set identitiesOnly');
    });

    it('a key that is encrypted, without its passphrase', async () => {
      const file = await makeKey(join(sshd.folder, 'locked'), 'ed25519', { passphrase: 'hush' });
      const report = await doctor(options({ identityFile: file }));
      const { remedy } = reasonAt(report, 'auth');
      const [login] = stageOf(report, 'auth').logins ?? [];
      expect(login).to.include({ keySource: file, result: 'left out' });
      expect(login?.reason).to.contain('no passphrase');
      expect(remedy).to.contain(`give passphrase for ${file}, or add the key to an agent`);
    });

    it('no key at all, and a password that the server does not take', async () => {
      await using keysOnly = await startSshd({
        extraConfig: ['PasswordAuthentication no', 'KbdInteractiveAuthentication no'],
      });
      const report = await doctor(optionsOf(keysOnly, { identityFile: [], password: 'hush-hush' }));
      const { remedy } = reasonAt(report, 'auth');
      expect(remedy).to.contain('no key was found, and there is no agent');
      expect(remedy).to.contain('the server takes no password: use a key');
      const { logins = [] } = stageOf(report, 'auth');
      expect(logins.map(({ method, result }) => `${method} ${result}`)).to.deep.equal([
        'none rejected',
        'keyboard-interactive not offered',
        'password not offered',
      ]);
      expect(JSON.stringify(report)).not.to.contain('hush-hush');
    });

    it('a key that is not enough alone', async () => {
      await using both = await startSshd({
        extraConfig: ['AuthenticationMethods publickey,password'],
      });
      const report = await doctor(optionsOf(both));
      const { remedy } = reasonAt(report, 'auth');
      expect(stageOf(report, 'auth').logins?.[0]).to.include({ result: 'partial success' });
      expect(remedy).to.contain('the server wants one more method, of password');
    });
  });

  describe('tells of an account', () => {
    it('without a login shell', async () => {
      await using user = await addUser();
      await run('usermod', ['-s', '/usr/sbin/nologin', user.name]);
      const reason = reasonAt(await doctor(options({ username: user.name })), 'shell');
      expect(reason.problem).to.match(/^the login shell did not run the command: .*not available/);
      expect(reason.problem).to.contain('status 1');
      expect(reason.remedy).to.contain('the account has no login shell');
    });

    it('that may run one command only', async () => {
      await using forced = await startSshd({ extraConfig: ['ForceCommand echo backups only'] });
      const report = await doctor(optionsOf(forced));
      const reason = reasonAt(report, 'shell');
      expect(reason.problem).to.contain('it printed "backups only" and ended with status 0');
      expect(reason.remedy).to.contain('ForceCommand in sshd_config');
    });

    it('that may run none', async () => {
      await using none = await startSshd({ extraConfig: ['MaxSessions 0'] });
      const report = await doctor(optionsOf(none));
      const reason = reasonAt(report, 'shell');
      expect(reason.problem).to.match(/^cannot start a command on /);
      expect(reason.remedy).to.contain('look at MaxSessions');
    });

    it('whose profile prints, harmlessly, and harmless to a terminal', async () => {
      await using user = await addUser({ noise: 'hello \u001b[31mthere \u00e9' });
      const report = await doctor(options({ username: user.name }));
      expect(report.outcome, formatDoctorReport(report)).to.equal('warning');
      const [finding] = stageOf(report, 'shell').findings;
      expect(finding?.problem).to.match(
        /^the login prints \d+ bytes before a command runs, beginning with "hello \\u001b\[31mthere/,
      );
      expect(finding?.remedy).to.contain('only in interactive shells');
      expect(formatDoctorReport(report)).to.match(/^[\n\x20-\x7e]+$/);
      expect(stageOf(report, 'first call').outcome).to.equal('ok');
    });

    it('whose profile waits for input, or never stops printing', async () => {
      await using user = await addUser();
      const rc = join(user.home, '.bashrc');
      await writeFile(rc, 'echo waiting; read -r line\n');
      const username = user.name;
      const examine = async (shell: number) =>
        reasonAt(await doctor(options({ username, stageTimeouts: { shell } })), 'shell');
      let waits = await examine(1000);
      // Until the machine is quick enough to come to the profile's first line in that time.
      for (let shell = 4000; !waits.problem.includes('"waiting"') && shell < 100_000; shell *= 4) {
        waits = await examine(shell);
      }
      expect(waits.problem).to.contain('"shell" was not finished').and.contain('"waiting"');
      expect(waits.remedy).to.contain('may wait for input');
      await writeFile(rc, 'yes\n');
      const floods = reasonAt(await doctor(options({ username })), 'shell');
      expect(floods.problem).to.contain('it printed "y | y | y"');
    });
  });

  describe('tells of a host without a usable Node (a stub of an old version)', () => {
    before(requirePart('busybox, as root', canMakeBareRoot()));

    const old = 'no usable Node was found, 12.22 or later is needed: /usr/bin/node (v10.0.0)';

    async function inBareRoot(system: boolean, look: (bare: Sshd) => Promise<void>) {
      const root = await makeBareRoot({ system });
      await root.addScript('usr/bin/node', 'echo v10.0.0');
      const bare = await startSshd({ extraConfig: [`ChrootDirectory ${root.folder}`] });
      try {
        await look(bare);
      } finally {
        await bare.stop();
        await root.remove();
      }
    }

    it('what was found, what was sent there and where it is, and nothing the next time', () =>
      inBareRoot(true, async (bare) => {
        const never = await doctor(optionsOf(bare, { runtime: 'never' }));
        expect(reasonAt(never, 'node')).to.deep.equal({
          problem: old,
          remedy: 'install Node 12.22 or later there, or give the path of one in node',
        });
        const stub = { path: '/usr/bin/node', version: 'v10.0.0', isUsable: false };
        expect(stageOf(never, 'node').nodes).to.deep.equal([stub]);
        const tmp = stageOf(never, 'shell').folders?.find(({ path }) => path === '/tmp');
        expect(tmp).to.include({ state: 'usable' });

        const sent = await doctor(optionsOf(bare));
        expect(sent.outcome, formatDoctorReport(sent)).to.equal('warning');
        const [finding] = stageOf(sent, 'node').findings;
        const there = /^(.*); (v\S+), which Kinetin has sent there, runs from (\/\S+) \(\d+ MiB\)$/;
        const [, before, version, path] = there.exec(finding?.problem ?? '') ?? [];
        expect(before).to.equal(old);
        expect(finding?.remedy).to.contain('it stays there for the next time');

        const again = await doctor(optionsOf(bare));
        expect(again.outcome, formatDoctorReport(again)).to.equal('ok');
        expect(stageOf(again, 'node').nodes).to.deep.equal([
          stub,
          { path, version, isUsable: true },
        ]);
      }));

    it('whose tools run only by way of busybox, and sends one all the same', () =>
      // A busybox without links and without /proc: it says that it has gzip, and cannot run it.
      inBareRoot(false, async (bare) => {
        const report = await doctor(optionsOf(bare));
        expect(stageOf(report, 'shell').facts).to.include({ missing: 'gzip' });
        const { outcome, findings } = stageOf(report, 'node');
        expect(findings).to.have.length(1);
        // One was sent all the same: busybox is asked for each by name.
        expect(outcome).to.equal('warning');
        expect(findings[0]?.problem).to.contain('which Kinetin has sent there');
      }));
  });
});
