import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import ssh2 from 'ssh2';
import {
  appendKnownHost,
  lookupHost,
  parseKnownHosts,
  readKnownHosts,
} from '../../packages/core/src/ssh-options/known-hosts.js';
import { Secret } from '../../packages/core/src/wire/secret.js';
import { requirePart } from '../support/parts.js';
import {
  FakeAttempt,
  failure,
  keyTarget,
  open,
  run,
  type SshTarget,
} from '../support/ssh-attempt.js';
import {
  addUser,
  canRunSshd,
  makeKey,
  type Sshd,
  startSshd,
  type TestUser,
} from '../support/sshd.js';

type Check = SshTarget['hostKeys']['check'];

describe('ssh method: host keys', () => {
  let sshd: Sshd;
  let user: TestUser;
  /** `type base64` of a key that the server does not have. */
  let strange: string;

  const setUp = async () => {
    sshd = await startSshd({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
    user = await addUser({ password: 'right' });
    strange = readFileSync(
      `${await makeKey(join(sshd.folder, 'strange'), 'ed25519')}.pub`,
      'utf8',
    ).trim();
  };
  before(requirePart('sshd', canRunSshd(), setUp));
  after(async () => {
    await user?.remove();
    await sshd?.stop();
  });

  /** A target that could log in, with these lines of known_hosts; `%h` is the server's name. */
  function known(lines: string, check: Check = 'strict', more = {}): Promise<SshTarget> {
    const text = lines.replaceAll('%h', `[127.0.0.1]:${sshd.port}`);
    const found = lookupHost(parseKnownHosts(text, 'kh').lines, sshd.host, sshd.port);
    return keyTarget(sshd, { hostKeys: { check, ...found, files: 'kh' }, ...more });
  }

  async function refusal(target: SshTarget): Promise<string> {
    const attempt = new FakeAttempt();
    const error = await failure(target, attempt);
    expect(error).to.include({ code: 'ERR_HOST_KEY', stage: 'host key' });
    expect(attempt.stages, 'nothing was sent to log in').not.to.include('auth');
    return error.message;
  }

  async function expectOpen(target: SshTarget): Promise<void> {
    expect((await run(target, 'echo in')).stdout).to.equal('in\n');
  }

  for (const type of ['ed25519', 'ecdsa', 'rsa'] as const) {
    it(`is accepted where only the ${type} key of several is known`, async () => {
      await expectOpen(await known(`%h ${sshd.hostKey(type)}`));
    });
  }

  it('is refused where it is unknown, with the fingerprint and what to do', async () => {
    const message = await refusal(await known(''));
    const fingerprint = execFileSync('ssh-keygen', ['-l', '-f', '-'], { input: sshd.hostKey() })
      .toString()
      .split(' ')[1]!;
    expect(message).to.contain(fingerprint);
    expect(message).to.contain('not in kh');
    expect(message).to.contain(`ssh-keyscan -t ed25519 -p ${sshd.port} 127.0.0.1`);
  });

  for (const check of ['strict', 'accept-new'] as const) {
    it(`is refused where it has changed, with ${check}`, async () => {
      const message = await refusal(await known(`# first line\n%h ${strange}`, check));
      expect(message).to.contain('kh:2').and.to.contain('intercepting');
    });

    it(`is refused where only a key of another type is known, with ${check}`, async () => {
      await using single = await startSshd({ hostKeys: ['ecdsa'] });
      const line = `[127.0.0.1]:${single.port} ${strange}`;
      const found = lookupHost(parseKnownHosts(line, 'kh').lines, single.host, single.port);
      const hostKeys = { check, ...found, files: 'kh' };
      expect(await refusal(await keyTarget(single, { hostKeys }))).to.contain('kh:1');
    });

    it(`is refused where it is revoked, though also known, with ${check}`, async () => {
      const key = sshd.hostKey();
      const message = await refusal(await known(`%h ${key}\n@revoked * ${key}`, check));
      expect(message).to.contain('revoked in kh:2');
    });
  }

  it('is refused where only a certificate authority is known, which ssh2 lacks', async () => {
    const message = await refusal(await known(`@cert-authority * ${sshd.hostKey()}`));
    expect(message).to.contain('kh:1 trusts a certificate authority');
  });

  it('is accepted with `off` where it is unknown, and not reported as new', async () => {
    const { pipe } = await run(await known('', 'off'), 'echo in');
    expect(pipe.facts).to.equal(undefined);
  });

  for (const [state, lines] of [
    ['changed', () => `%h ${strange}`],
    ['revoked', () => `@revoked %h ${sshd.hostKey()}`],
  ] as const) {
    it(`is accepted with \`off\` where it is ${state}, but gets no password`, async () => {
      await expectOpen(await known(lines(), 'off'));
      const login = { username: user.name, password: new Secret('right'), identities: [] };
      const error = await failure(await known(lines(), 'off', login));
      expect(error.code).to.equal('ERR_AUTH');
      expect(error.message).to.contain('left out the password (the host key is not the known one)');
      await expectOpen(await known(`%h ${sshd.hostKey()}`, 'off', login));
    });
  }

  it('is accepted and reported where the host is new, with accept-new', async () => {
    const { pipe } = await run(await known('', 'accept-new'), 'true');
    const [type, key] = sshd.hostKey().split(' ');
    expect(pipe.facts?.newHostKey).to.include({ type, key });
    const file = join(sshd.folder, 'accepted');
    appendKnownHost(file, sshd.host, sshd.port, key!);
    const { lines } = await readKnownHosts([file]);
    const found = lookupHost(lines, sshd.host, sshd.port);
    const again = await keyTarget(sshd, { hostKeys: { check: 'strict', ...found, files: file } });
    expect((await run(again, 'true')).pipe.facts).to.equal(undefined);
  });

  it('is found in a known_hosts file that ssh-keygen has hashed', async () => {
    const file = join(sshd.folder, 'hashed');
    appendFileSync(file, `[127.0.0.1]:${sshd.port} ${sshd.hostKey()}\n`);
    execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' });
    await expectOpen(await known(readFileSync(file, 'utf8')));
    expect(await refusal(await known(readFileSync(file, 'utf8').replaceAll('|1|', '#')))).to.be.a(
      'string',
    );
  });

  it('that is known for the name without the port is accepted, and no other is suspect', async () => {
    await expectOpen(await known(`127.0.0.1 ${sshd.hostKey()}`));
    const { pipe } = await run(await known(`127.0.0.1 ${strange}`, 'accept-new'), 'true');
    expect(pipe.facts).to.have.property('newHostKey');
    await refusal(await known(`127.0.0.1 ${strange}`));
  });

  it('that changes at a re-key ends the connection, with every check', async () => {
    const { Server, utils } = ssh2;
    const [first, second] = [1, 2].map(
      () => utils.generateKeyPairSync('ecdsa', { bits: 256 }).private,
    );
    const server = new Server({ hostKeys: [first!] }, (client) => {
      client.on('error', () => undefined);
      client.on('authentication', (context) => context.accept());
      client.on('session', (accept) => {
        accept().on('exec', (acceptExec) => {
          acceptExec().on('data', () => {
            // ssh2 offers no way to do this, other than to go behind its back.
            const { _protocol } = client as never as { _protocol: { _hostKeys: object } };
            Object.assign(_protocol._hostKeys, { 'ecdsa-sha2-nistp256': utils.parseKey(second!) });
            (client as never as { rekey(): void }).rekey();
          });
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const attempt = new FakeAttempt();
    const pipe = await open({ ...(await known('', 'off')), port }, attempt);
    pipe.output.resume();
    pipe.input.write('change it');
    expect(await pipe.exit).to.deep.equal({});
    expect(attempt.notes).to.contain('Host denied (verification failed)');
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
});
