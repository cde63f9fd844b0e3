import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import ssh2 from 'ssh2';
import type { SshOptions } from '../../src/ssh-options/options.js';
import { resolveSshOptions } from '../../src/ssh-options/resolve.js';
import { Secret } from '../../src/wire/secret.js';

/** No file of the user who runs the tests is read. */
const ALONE = { agent: false, knownHosts: [] } as const;

async function refusal(options: SshOptions): Promise<TypeError & { code: string }> {
  const error = await resolveSshOptions(options).then(
    () => undefined,
    (reason: TypeError & { code: string }) => reason,
  );
  expect(error, 'the options are refused').to.be.instanceOf(TypeError);
  expect(error!.code).to.equal('ERR_INVALID_ARG');
  return error!;
}

describe('ssh-options/resolve', () => {
  let folder: string;
  const environment = { home: process.env.HOME, agent: process.env.SSH_AUTH_SOCK };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kinetin-options-'));
    process.env.HOME = join(folder, 'home');
    mkdirSync(join(folder, 'home', '.ssh'), { recursive: true });
  });
  after(() => {
    process.env.HOME = environment.home;
    if (environment.agent === undefined) delete process.env.SSH_AUTH_SOCK;
    else process.env.SSH_AUTH_SOCK = environment.agent;
    rmSync(folder, { recursive: true });
  });

  function keygen(name: string, ...args: string[]): string {
    const file = join(folder, name);
    execFileSync('ssh-keygen', ['-q', '-N', '', ...args, '-f', file]);
    return file;
  }

  describe('the address', () => {
    const cases: [SshOptions, hostname: string, port: number, username: string][] = [
      [{ hostname: 'web1' }, 'web1', 22, userInfo().username],
      [{ hostname: 'web1', port: 2222, username: 'me' }, 'web1', 2222, 'me'],
      [{ hostname: 'me@web1:2222' }, 'web1', 2222, 'me'],
      [{ hostname: 'me@realm@web1' }, 'web1', 22, 'me@realm'],
      [{ hostname: '[fe80::1%eth0]:2222' }, 'fe80::1%eth0', 2222, userInfo().username],
      [{ hostname: '[::1]' }, '::1', 22, userInfo().username],
      [{ hostname: '::1' }, '::1', 22, userInfo().username],
      [{ hostname: 'me@web1', username: 'me' }, 'web1', 22, 'me'],
    ];
    for (const [options, hostname, port, username] of cases) {
      it(`of ${JSON.stringify(options)} is ${username} at ${hostname} port ${port}`, async () => {
        const target = await resolveSshOptions({ ...ALONE, ...options });
        expect(target).to.include({ hostname, port, username });
      });
    }

    const mistakes: SshOptions[] = [
      { hostname: '' },
      { hostname: 'web1:22', port: 23 },
      { hostname: 'me@web1', username: 'you' },
      { hostname: 'web1', port: 0 },
      { hostname: 'web1', port: 65_536 },
      { hostname: 'web1:' },
      { hostname: '-oProxyCommand=evil' },
      { hostname: 'web1 web2' },
      { hostname: 'web1\nevil' },
      { hostname: 'web1', username: '-evil' },
      { hostname: '@web1' },
    ];
    for (const options of mistakes) {
      it(`refuses ${JSON.stringify(options)}`, () => refusal({ ...ALONE, ...options }));
    }
  });

  for (const [name, options] of Object.entries({
    checkHostKey: { checkHostKey: 'no' as 'off' },
    maxConnecting: { maxConnecting: 0 },
    'keepalive.countMax': { keepalive: { countMax: 0.5 } },
    password: { password: '' },
    passphrase: { passphrase: new Secret('') },
    agent: { agent: '' },
    identityFile: { identityFile: '/nonexistent/key' },
    privateKey: { privateKey: 'hello' },
  })) {
    it(`names ${name} where it is mistaken`, async () => {
      const error = await refusal({ hostname: 'web1', ...ALONE, ...options });
      expect(error.message).to.contain(name);
    });
  }

  it('keeps a password and a passphrase secret, given as text or as a Secret', async () => {
    const file = keygen('hushed', '-t', 'ed25519', '-N', 'hush-hush');
    for (const wrap of [(text: string) => text, (text: string) => new Secret(text)]) {
      const target = await resolveSshOptions({
        hostname: 'web1',
        ...ALONE,
        password: wrap('hunter2'),
        passphrase: wrap('hush-hush'),
        identityFile: file,
      });
      expect(target.password?.reveal()).to.equal('hunter2');
      expect(target.identities[0]?.passphrase?.reveal()).to.equal('hush-hush');
      for (const text of [JSON.stringify(target), inspect(target, { depth: 9 })]) {
        expect(text)
          .to.include('[secret]')
          .and.to.not.match(/hunter2|hush-hush/);
      }
    }
  });

  it('fills in the defaults', async () => {
    const target = await resolveSshOptions({ hostname: 'web1', ...ALONE });
    expect(target).to.deep.equal({
      hostname: 'web1',
      port: 22,
      username: userInfo().username,
      identitiesOnly: false,
      identities: [],
      hostKeys: { check: 'strict', known: [], revoked: [], authorities: [], files: '' },
      keepalive: { intervalMs: 15_000, countMax: 3 },
      maxConnecting: 8,
    });
  });

  it('keeps default keys and the default agent at home if another context connects', async () => {
    const file = join(folder, 'home', '.ssh', 'id_ed25519');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    process.env.SSH_AUTH_SOCK = '/tmp/agent.1';
    const options = { hostname: 'web1', knownHosts: [] };
    const here = await resolveSshOptions(options);
    expect(here.agent).to.equal('/tmp/agent.1');
    expect(here.identities.map(({ name }) => name)).to.deep.equal([file]);
    const elsewhere = await resolveSshOptions(options, { isElsewhere: true });
    expect(elsewhere.agent).to.equal(undefined);
    expect(elsewhere.identities).to.deep.equal([]);
    rmSync(file);
  });

  it('reads what known_hosts says about this host only', async () => {
    const file = join(folder, 'known_hosts');
    const key = readFileSync(`${keygen('host', '-t', 'ed25519')}.pub`, 'utf8').split(' ')[1]!;
    writeFileSync(file, `web1 ssh-ed25519 ${key}\nweb2 ssh-ed25519 ${key}\n`);
    const { hostKeys } = await resolveSshOptions({
      hostname: 'web2',
      agent: false,
      knownHosts: file,
    });
    expect(hostKeys.known).to.deep.equal([{ type: 'ssh-ed25519', key, at: `${file}:2` }]);
    expect(hostKeys.files).to.equal(file);
  });

  describe('a private key', () => {
    const resolveKey = async (options: Omit<SshOptions, 'hostname'>) =>
      (await resolveSshOptions({ hostname: 'web1', ...ALONE, ...options })).identities[0]!;

    for (const type of ['ed25519', 'rsa', 'ecdsa']) {
      it(`of type ${type}, encrypted, comes with its public half`, async () => {
        const file = join(folder, `encrypted_${type}`);
        execFileSync('ssh-keygen', ['-q', '-t', type, '-N', 'secret', '-f', file]);
        const expected = readFileSync(`${file}.pub`, 'utf8').split(' ')[1];
        rmSync(`${file}.pub`);
        const identity = await resolveKey({ identityFile: file });
        expect(identity.publicKey).to.equal(expected);
      });
    }

    it('of an encrypted PEM file takes its public half from the file beside it', async () => {
      const file = keygen('pem', '-t', 'rsa', '-b', '2048', '-m', 'PEM');
      const identity = await resolveKey({ identityFile: file });
      expect(identity.publicKey).to.equal(readFileSync(`${file}.pub`, 'utf8').split(' ')[1]);
    });

    it('may be a public key, for the agent', async () => {
      const file = keygen('public', '-t', 'ed25519');
      const identity = await resolveKey({ identityFile: `${file}.pub` });
      expect(Object.keys(identity)).to.deep.equal(['name', 'publicKey']);
    });

    const pairs = {
      rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
      'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
      'P-521': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
      ed25519: () => generateKeyPairSync('ed25519').privateKey,
    };
    for (const [name, makePair] of Object.entries(pairs)) {
      it(`in PKCS#8 (${name}), which ssh2 cannot read, becomes one that it reads`, async () => {
        const key = makePair();
        const pem = key.export({ type: 'pkcs8', format: 'pem' });
        expect(ssh2.utils.parseKey(pem)).to.be.instanceOf(Error);
        const identity = await resolveKey({ privateKey: pem });
        const parsed = ssh2.utils.parseKey(identity.privateKey!);
        if (parsed instanceof Error) throw parsed;
        const read = createPrivateKey(parsed.getPrivatePEM());
        expect(read.export({ format: 'jwk' })).to.deep.equal(key.export({ format: 'jwk' }));
      });
    }

    it('in encrypted PKCS#8 is decrypted, or says why not', async () => {
      const key = generateKeyPairSync('ed25519').privateKey;
      const pem = key.export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 'secret',
      });
      const opened = await resolveKey({ privateKey: pem, passphrase: 'secret' });
      expect(opened.privateKey).to.contain('OPENSSH');
      const wrong = await resolveKey({ privateKey: pem, passphrase: 'guess' });
      expect(wrong).to.deep.equal({ name: 'privateKey', problem: 'wrong passphrase' });
      const none = await resolveKey({ privateKey: pem });
      expect(none.problem).to.equal('encrypted, and no passphrase was given');
    });

    it('that is in fact a public one, or of PuTTY 3, is refused with advice', async () => {
      const text = readFileSync(`${keygen('advice', '-t', 'ed25519')}.pub`, 'utf8');
      const error = await refusal({ hostname: 'web1', ...ALONE, privateKey: text });
      expect(error.message).to.contain('a public key');
      const putty = 'PuTTY-User-Key-File-3: ssh-ed25519\n';
      const advice = await refusal({ hostname: 'web1', ...ALONE, privateKey: putty });
      expect(advice.message).to.contain('puttygen');
    });
  });
});
