import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import ssh2 from 'ssh2';
import type { SshIdentity } from '../../packages/core/src/parent/methods/ssh.js';
import { parseIdentity, readIdentityFile } from '../../packages/core/src/ssh-options/identities.js';
import { Secret } from '../../packages/core/src/wire/secret.js';
import { requirePart } from '../support/parts.js';
import { until } from '../support/processes.js';
import { startSshAgent } from '../support/ssh-agent.js';
import { bareTarget, FakeAttempt, failure, open, run } from '../support/ssh-attempt.js';
import {
  addUser,
  canRunSshd,
  type KeyType,
  makeKey,
  type Sshd,
  startSshd,
  type TestUser,
} from '../support/sshd.js';

describe('ssh method: logging in', () => {
  let sshd: Sshd;
  let user: TestUser;
  const setUp = async () => {
    sshd = await startSshd({ extraConfig: ['LogLevel VERBOSE'] });
    user = await addUser({ password: 'right' });
  };
  before(requirePart('sshd', canRunSshd(), setUp));
  after(async () => {
    await user?.remove();
    await sshd?.stop();
  });

  /** Makes a key that may log in. */
  async function authorizedKey(name: string, type: KeyType, settings = {}): Promise<string> {
    const file = await makeKey(join(sshd.folder, name), type, settings);
    sshd.authorize(readFileSync(`${file}.pub`, 'utf8'));
    return file;
  }

  async function expectLogin(more: object): Promise<void> {
    const { stdout } = await run(await bareTarget(sshd, more), 'echo in');
    expect(stdout).to.equal('in\n');
  }

  async function refusal(more: object): Promise<string> {
    const error = await failure(await bareTarget(sshd, more));
    expect(error).to.include({ code: 'ERR_AUTH', stage: 'auth' });
    return error.message;
  }

  describe('with a key', () => {
    for (const type of ['ed25519', 'rsa', 'ecdsa'] as const) {
      it(`of type ${type} works, in the clear and encrypted`, async () => {
        const clear = await authorizedKey(`clear_${type}`, type);
        await expectLogin({ identities: [await readIdentityFile(clear)] });
        const encrypted = await authorizedKey(`bcrypt_${type}`, type, { passphrase: 'secret' });
        await expectLogin({
          identities: [await readIdentityFile(encrypted, new Secret('secret'))],
        });
      });
    }

    for (const passphrase of ['', 'secret']) {
      it(`in PEM ${passphrase ? 'with' : 'without'} a passphrase works`, async () => {
        const extra = ['-m', 'PEM'];
        const file = await authorizedKey(`pem_${passphrase}`, 'rsa', { passphrase, extra });
        const secret = passphrase ? new Secret(passphrase) : undefined;
        await expectLogin({ identities: [await readIdentityFile(file, secret)] });
      });
    }

    it('in PKCS#8 works, as the master converts it', async () => {
      for (const type of ['rsa', 'ecdsa'] as const) {
        const extra = ['-m', 'PEM'];
        const file = await authorizedKey(`pkcs8_${type}`, type, { extra });
        const key = createPrivateKey(readFileSync(file));
        const text = key.export({ type: 'pkcs8', format: 'pem' }).toString();
        await expectLogin({ identities: [parseIdentity('key', text)] });
      }
      const file = join(sshd.folder, 'pkcs8_ed25519');
      execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', file]);
      const identity = await readIdentityFile(file);
      sshd.authorize(`ssh-ed25519 ${identity.publicKey}`);
      await expectLogin({ identities: [identity] });
    });

    it('that is encrypted is left out without its passphrase, and named', async () => {
      const extra = { passphrase: 'secret' };
      const file = await authorizedKey('locked', 'ed25519', extra);
      const none = await refusal({ identities: [await readIdentityFile(file)] });
      expect(none).to.contain(`left out key ${file} (`).and.to.contain('no passphrase');
      const wrong = await refusal({
        identities: [await readIdentityFile(file, new Secret('guess'))],
      });
      expect(wrong).to.contain(`left out key ${file} (`).and.to.contain('bad passphrase');
      expect(wrong).not.to.contain('guess');
      const other = await authorizedKey('unlocked', 'ed25519');
      await expectLogin({
        identities: [await readIdentityFile(file), await readIdentityFile(other)],
      });
    });

    it('that the server refuses is named with its fingerprint', async () => {
      const file = await makeKey(join(sshd.folder, 'stranger'), 'ecdsa');
      const [, fingerprint] = execFileSync('ssh-keygen', ['-l', '-f', file]).toString().split(' ');
      const message = await refusal({ identities: [await readIdentityFile(file)] });
      expect(message).to.contain(`tried key ${file} (ecdsa-sha2-nistp256 ${fingerprint})`);
      expect(message).to.contain('the server takes publickey, password');
    });
  });

  describe('with an agent', () => {
    it('works', async () => {
      await using agent = await startSshAgent(sshd.folder);
      for (const type of ['ed25519', 'rsa', 'ecdsa'] as const) {
        await agent.add(await authorizedKey(`held_${type}`, type));
        await expectLogin({ agent: agent.path });
      }
    });

    it('tries its keys among the identities first, and no others with identitiesOnly', async () => {
      await using agent = await startSshAgent(sshd.folder);
      for (let count = 0; count < 8; count++) {
        await agent.add(await makeKey(join(sshd.folder, `many_${count}`), 'ed25519'));
      }
      const file = await authorizedKey('last_held', 'ed25519');
      await agent.add(file);
      const publicOnly = await readIdentityFile(`${file}.pub`);
      await using strict = await startSshd({ extraConfig: ['MaxAuthTries 2'] });
      strict.authorize(readFileSync(`${file}.pub`, 'utf8'));
      const target = await bareTarget(strict, { agent: agent.path, identities: [publicOnly] });
      expect((await run(target, 'echo in')).stdout).to.equal('in\n');
      const tooMany = await failure({ ...target, identities: [] });
      expect(tooMany.code).to.equal('ERR_AUTH');
      expect(tooMany.message).to.contain('set identitiesOnly');
      const stranger = await readIdentityFile(await makeKey(join(strict.folder, 'x'), 'ed25519'));
      const only = await failure({ ...target, identitiesOnly: true, identities: [stranger] });
      expect(only.message).to.contain('tried key ').and.not.to.contain('agent key');
    });

    it('that is gone, or will not sign, is left out and named', async () => {
      const file = await authorizedKey('besides', 'ed25519');
      const identities = [await readIdentityFile(file)];
      await expectLogin({ agent: '/nonexistent/agent', identities });
      expect(await refusal({ agent: '/nonexistent/agent' })).to.contain(
        'left out the agent /nonexistent/agent (',
      );
      await using agent = await startSshAgent(sshd.folder);
      // `-c`: it asks before it signs; where there is nobody to ask, it refuses.
      const held = await authorizedKey('confirmed', 'ed25519');
      const env = { ...process.env, SSH_AUTH_SOCK: agent.path };
      execFileSync('ssh-add', ['-q', '-c', held], { env });
      await expectLogin({ agent: agent.path, identities });
      expect(await refusal({ agent: agent.path })).to.contain('left out a signature (');
    });

    it('that never answers can be left', async () => {
      const path = join(sshd.folder, 'silent');
      const server = createServer((socket) => socket.resume().on('error', () => undefined));
      const asked = new Promise((resolve) => server.once('connection', resolve));
      server.listen(path);
      const attempt = new FakeAttempt();
      const opening = failure(await bareTarget(sshd, { agent: path }), attempt);
      await asked;
      await attempt.until('auth');
      attempt.cancel();
      expect((await opening).code).to.equal('ERR_AUTH');
      await new Promise((resolve) => server.close(resolve)); // Ends with its last connection.
    });
  });

  describe('with a password', () => {
    it('works', () => expectLogin({ username: user.name, password: new Secret('right') }));

    it('that is wrong is refused after one try, and not told', async () => {
      const lines = (said: string) => sshd.log().split(said).length - 1;
      const [failed, ended] = ['Failed password', ` authenticating user ${user.name} `];
      const before = [lines(failed), lines(ended)] as const;
      const message = await refusal({ username: user.name, password: new Secret('wrong-one') });
      expect(message).to.contain(`cannot log in as ${user.name} at [127.0.0.1]:${sshd.port}`);
      expect(message).to.contain('tried none, keyboard-interactive, password');
      expect(message).not.to.contain('wrong-one');
      // The server tells its client first, and its log after that.
      await until('the connection has ended', () => lines(ended) > before[1]);
      expect(lines(failed) - before[0]).to.equal(1);
    });

    it('comes after the keys', async () => {
      const identities: SshIdentity[] = [
        await readIdentityFile(await makeKey(join(sshd.folder, 'first'), 'ed25519')),
      ];
      await expectLogin({ username: user.name, password: new Secret('right'), identities });
    });

    it('and a key both, where the server asks for both', async () => {
      await using both = await startSshd({
        extraConfig: ['AuthenticationMethods publickey,password password,publickey'],
      });
      const identities = [await readIdentityFile(both.identityFile)];
      const target = await bareTarget(both, { username: user.name, identities });
      expect((await failure(target)).message).to.contain('the server takes password');
      const { stdout } = await run({ ...target, password: new Secret('right') }, 'echo in');
      expect(stdout).to.equal('in\n');
    });
  });

  describe('with keyboard-interactive, from ssh2 as the server, since sshd needs PAM for it', () => {
    const { Server, utils } = ssh2;

    /** Serves one login, and records which methods were used and what was answered. */
    async function logIn(prompts: object[]) {
      // Not ed25519: of ssh2's own keys of that type about one in 200 cannot be read again.
      const host = utils.generateKeyPairSync('ecdsa', { bits: 256 });
      const used: string[] = [];
      const answers: string[][] = [];
      const server = new Server({ hostKeys: [host.private] }, (client) => {
        client.on('error', () => undefined);
        client.on('authentication', (context) => {
          used.push(context.method);
          if (context.method !== 'keyboard-interactive') {
            context.reject(['keyboard-interactive', 'password']);
            return;
          }
          context.prompt(prompts as never, (given) => {
            answers.push(given);
            if (given[0] === 'right') context.accept();
            else context.reject(['keyboard-interactive', 'password']);
          });
        });
        client.on('session', (accept) => {
          accept().on('exec', (acceptExec) => {
            const channel = acceptExec();
            channel.write('in\n');
            channel.exit(0);
            channel.end();
          });
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      const hostKeys = { check: 'off', known: [], revoked: [], authorities: [], files: '' };
      const target = await bareTarget(sshd, { port, hostKeys: hostKeys as never });
      const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
      return { target, used, answers, [Symbol.asyncDispose]: close };
    }

    it('a single hidden question gets the password', async () => {
      await using stub = await logIn([{ prompt: 'Password: ', echo: false }]);
      const pipe = await open({ ...stub.target, password: new Secret('right') }, new FakeAttempt());
      pipe.output.resume();
      pipe.input.end();
      await pipe.exit;
      expect(stub.used).to.deep.equal(['none', 'keyboard-interactive']);
    });

    it('a wrong password is not typed again as method `password`', async () => {
      await using stub = await logIn([{ prompt: 'Password: ', echo: false }]);
      const error = await failure({ ...stub.target, password: new Secret('wrong') });
      expect(error.code).to.equal('ERR_AUTH');
      expect(stub.used).not.to.include('password');
      expect(stub.answers).to.deep.equal([['wrong']]);
    });

    for (const [what, prompts] of Object.entries({
      'a question that is echoed': [{ prompt: 'Token:\u001b[31m', echo: true }],
      'more than one question': [
        { prompt: 'Password:', echo: false },
        { prompt: 'Token:', echo: false },
      ],
    })) {
      it(`${what} gets no answer, and is named`, async () => {
        await using stub = await logIn(prompts);
        const error = await failure({ ...stub.target, password: new Secret('right') });
        expect(stub.answers).to.deep.equal([[]]);
        expect(error.message).to.contain('left out an answer to').and.not.to.contain('\u001b');
      });
    }
  });

  it('without anything to log in with fails with what there could be', async () => {
    const message = await refusal({});
    expect(message).to.contain('tried none;').and.to.contain('publickey');
  });
});
