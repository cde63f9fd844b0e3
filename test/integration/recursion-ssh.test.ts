/** Contexts over SSH that are started by code which runs in a context: a real OpenSSH server. */

import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import {
  ConnectError,
  Context,
  type LogRecord,
  Router,
  Secret,
  type Sender,
  type SshContextOptions,
  thisContext,
} from '@kinetin/master';
import { expect } from 'chai';
import { parseIdentity } from '../../packages/core/src/ssh-options/identities.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { until } from '../support/processes.js';
import { canFetchNode, fetchNode } from '../support/real-node.js';
import { startSshAgent } from '../support/ssh-agent.js';
import { canRunSshd, loginOptions, makeKey, type Sshd, startSshd } from '../support/sshd.js';
import { addUser, type TestUser } from '../support/users.js';

/** The options that the tests hand to functions. */
type Login = Pick<
  SshContextOptions,
  | 'agent'
  | 'checkHostKey'
  | 'hostname'
  | 'identityFile'
  | 'knownHosts'
  | 'name'
  | 'passphrase'
  | 'password'
  | 'port'
  | 'privateKey'
  | 'username'
>;

const reach = (login: Login) => thisContext().router.ssh(login);
const whoAmI = () => userInfo().username;
const pidOf = () => process.pid;

/** What becomes of an attempt, in words that travel. */
async function refusal(login: Login, isBehind = false) {
  const { router } = thisContext();
  const via = isBehind ? router.local({ name: 'between' }) : undefined;
  const error = await router.ssh({ ...login, via }).then(
    () => undefined,
    (reason) => reason,
  );
  await via?.shutdown();
  const { name, code, stage, message } = error as ConnectError;
  return { isConnectError: error instanceof ConnectError, name, code, stage, message };
}

describe('a context that starts contexts over SSH', () => {
  let sshd: Sshd;
  let user: TestUser;
  let router: Router;
  const records: LogRecord[] = [];

  before(
    requirePart('an OpenSSH server', canRunSshd(), async () => {
      sshd = await startSshd({ extraConfig: ['MaxStartups 10:30:100'] });
      user = await addUser({ password: 'right' });
    }),
  );
  after(async () => {
    await user?.remove();
    await sshd?.stop();
  });
  beforeEach(() => {
    records.length = 0;
    router = new Router({ logLevel: 'debug', onLog: (record) => records.push(record) });
  });
  afterEach(() => router?.shutdown());

  const login = (): Login => loginOptions(sshd);

  for (const workThread of ['eager', 'lazy', 'none'] as const) {
    it(`gets one below it, whom all know (workThread: ${workThread})`, async () => {
      const hop = await router.local({ name: 'hop', workThread });
      const far = await hop.call(reach, { ...login(), name: 'far' });
      expect(far).to.be.instanceOf(Context);
      expect(far).to.include({ name: 'hop.far', method: 'ssh', via: hop });
      expect(await far.call(hostname)).to.equal(hostname());
      expect(await far.call(pidOf)).to.equal(far.pid);
      const [node] = (await router.tree()).children;
      expect(node?.children[0]).to.deep.include({
        name: 'hop.far',
        method: 'ssh',
        pid: far.pid,
        nodeVersion: far.nodeVersion,
      });
      await hop.call((context: Context) => context.shutdown(), far);
      expect((await router.tree()).children[0]?.children).to.deep.equal([]);
    });
  }

  it('calls it before it is connected, and names it by its host where it has no name', async () => {
    const hop = await router.local({ name: 'hop' });
    const said = await hop.call(async (options: Login) => {
      const far = thisContext().router.ssh(options);
      const answers = [far.call(hostname), far.call(whoAmI)];
      return { answers: await Promise.all(answers), name: (await far).name };
    }, login());
    expect(said).to.deep.equal({
      answers: [hostname(), userInfo().username],
      name: 'hop.127.0.0.1',
    });
  });

  it('passes it on: a sibling has no right to call it, but gets what it hands out', async () => {
    const [hop, sibling] = await Promise.all([router.local(), router.local()]);
    const far = await hop.call(reach, login());
    expect(await sibling.call((other: Context) => other.name, far)).to.equal(far.name);
    const refused = failure(sibling.call((other: Context) => other.call(pidOf), far));
    expect(await refused).to.include({ code: 'ERR_REFUSED' });
    const texts = router.receiver<string>();
    const sender = await far.call(openEcho, texts.toSender());
    await sibling.call((to: Sender<string>) => to.send('from a sibling'), sender);
    expect(await texts.get()).to.equal(`from a sibling, in ${far.name}`);
  });

  it('lets a context below it connect, which starts more', async () => {
    const hop = await router.local({ name: 'hop' });
    const [far, further] = await hop.call(async (options: Login) => {
      const via = thisContext().router.local({ name: 'between' });
      const first = thisContext().router.ssh({ ...options, name: 'far', via });
      return Promise.all([first, first.call(reach, { ...options, name: 'further' })]);
    }, login());
    expect([far.name, further.name]).to.deep.equal(['hop.between.far', 'hop.between.far.further']);
    expect(far.via?.via).to.equal(hop);
    expect(await further.call(pidOf)).to.equal(further.pid);
  });

  for (const isBehind of [false, true]) {
    it(`gets a ConnectError with stage and code${isBehind ? ', by way of a hop' : ''}`, async () => {
      const cases: [Partial<Login>, object][] = [
        [{ hostname: 'no-such-host.invalid' }, { code: 'ERR_DNS', stage: 'resolve' }],
        // Where nobody listens.
        [{ port: 1 }, { code: 'ERR_TCP', stage: 'tcp' }],
        [{ knownHosts: '/dev/null' }, { code: 'ERR_HOST_KEY', stage: 'host key' }],
        [{ username: 'no-such-user' }, { code: 'ERR_AUTH', stage: 'auth' }],
      ];
      const hop = await router.local({ name: 'hop' });
      for (const [mistake, expected] of cases) {
        const error = await hop.call(refusal, { ...login(), ...mistake }, isBehind);
        expect(error).to.include({ isConnectError: true, name: 'ConnectError', ...expected });
      }
      expect((await router.tree()).children[0]?.children).to.deep.equal([]);
    });
  }

  it('refuses a host key that its known_hosts file has not, and names that', async () => {
    const hop = await router.local();
    const knownHosts = join(sshd.folder, 'no_hosts');
    const { message } = await hop.call(refusal, { ...login(), knownHosts });
    expect(message).to.contain(`is not in ${knownHosts};`);
  });

  it('says what is wrong with its options, before it connects', async () => {
    const hop = await router.local();
    const cases: [object, RegExp][] = [
      [{ hostname: undefined }, /hostname is missing/],
      [{ hostname: 'web1:22', port: 23 }, /port is given twice/],
      [{ identityFile: '/nowhere/key' }, /cannot read identityFile \/nowhere\/key: ENOENT/],
      [{ passphrase: '' }, /passphrase must be a string that is not empty/],
      [{ knownhosts: 'none' }, /router\.ssh has no option knownhosts; did you mean knownHosts\?/],
      [{ maxConnecting: 0 }, /maxConnecting must be a whole number/],
    ];
    for (const [mistake, expected] of cases) {
      const error = await hop.call(refusal, { ...login(), ...mistake } as Login);
      expect(error).to.include({ name: 'TypeError', code: 'ERR_INVALID_ARG' });
      expect(error.message).to.match(expected);
    }
    for (const mistake of [undefined, { ...login(), connectTimeout: '1 s' }]) {
      const thrown = hop.call((options: never) => {
        thisContext().router.ssh(options);
      }, mistake as never);
      expect(await failure(thrown)).to.include({ code: 'ERR_INVALID_ARG' });
    }
  });

  it('refuses functions in the place of a password or of the check of host keys', async () => {
    const hop = await router.local();
    const ask = async (options: Login) => {
      const wrong = [
        { password: () => 'right' },
        { checkHostKey: () => true },
        { hostVerifier() {} },
      ];
      const attempts = wrong.map((one) =>
        thisContext().router.ssh({ ...options, ...(one as object) }),
      );
      const errors = await Promise.all(attempts.map((one) => one.then(String, (error) => error)));
      return errors.map(
        (error) => `${(error as ConnectError).code} ${(error as ConnectError).message}`,
      );
    };
    const said = await hop.call(ask, login());
    expect(said[0]).to.equal('ERR_INVALID_ARG password must be a string that is not empty');
    expect(said[1]).to.match(
      /^ERR_INVALID_ARG checkHostKey must be 'strict', 'accept-new' or 'off'/,
    );
    expect(said[2]).to.match(/^ERR_INVALID_ARG router\.ssh has no option hostVerifier/);
  });

  it('starts nothing where a signal ends it before or while it reads its options', async () => {
    const hop = await router.local();
    const { reasons, ids } = await hop.call(async (options: Login) => {
      const before = await thisContext().router.local();
      const abort = new AbortController();
      const early = thisContext().router.ssh({ ...options, signal: AbortSignal.abort('early') });
      const late = thisContext().router.ssh({ ...options, signal: abort.signal });
      abort.abort('late');
      const why = (promise: PromiseLike<unknown>) => promise.then(String, (reason) => reason);
      const reasons = [await why(early), await why(late)];
      const after = await thisContext().router.local();
      return { reasons, ids: after.id - before.id };
    }, login());
    expect(reasons).to.deep.equal(['early', 'late']);
    expect(ids, 'ids between the two').to.equal(1);
  });

  it('logs in with a password and a passphrase that it was given as secrets', async () => {
    const hop = await router.local();
    const { identityFile: _, ...rest } = login();
    const typed = await hop.call(
      (options: Login, password: Secret) => reach({ ...options, identityFile: [], password }),
      { ...rest, username: user.name },
      new Secret('right'),
    );
    expect(await typed.call(whoAmI)).to.equal(user.name);
    const file = await makeKey(join(sshd.folder, 'locked'), 'ed25519', { passphrase: 'hush-hush' });
    sshd.authorize(await readFile(`${file}.pub`, 'utf8'));
    const unlocked = await hop.call(
      (options: Login, passphrase: Secret) => reach({ ...options, passphrase }),
      { ...rest, identityFile: file },
      new Secret('hush-hush'),
    );
    expect(await unlocked.call(whoAmI)).to.equal(sshd.username);
  });

  it('uses the agent that its host has, and none for others who connect', async () => {
    await using agent = await startSshAgent(sshd.folder);
    await agent.add(sshd.identityFile);
    const before = process.env.SSH_AUTH_SOCK;
    process.env.SSH_AUTH_SOCK = agent.path;
    try {
      const hop = await router.local();
      const { agent: _, ...rest } = login();
      const far = await hop.call(reach, { ...rest, identityFile: [] });
      expect(await far.call(whoAmI)).to.equal(sshd.username);
      const behind = await hop.call(refusal, { ...rest, identityFile: [] }, true);
      expect(behind).to.include({ code: 'ERR_AUTH', stage: 'auth' });
    } finally {
      if (before === undefined) delete process.env.SSH_AUTH_SOCK;
      else process.env.SSH_AUTH_SOCK = before;
    }
  });

  describe('of another account', () => {
    let home: string;
    let hop: Context;
    beforeEach(async () => {
      home = join(user.home, '.ssh');
      hop = await router.ssh({ ...login(), username: user.name, name: 'account' });
      expect(await hop.call(whoAmI)).to.equal(user.name);
    });

    /** Gives a file to the account, which nobody else can read. */
    async function give(name: string, content: string): Promise<string> {
      const { uid, gid } = await stat(user.home);
      await mkdir(home, { recursive: true, mode: 0o700 });
      await chown(home, uid, gid);
      const file = join(home, name);
      await writeFile(file, content);
      await chmod(file, 0o600);
      await chown(file, uid, gid);
      return file;
    }

    it('uses the keys, the known hosts and the name of that account', async () => {
      await give('id_ed25519', await readFile(sshd.identityFile, 'utf8'));
      await give('known_hosts', await readFile(sshd.knownHostsFile, 'utf8'));
      const place = { hostname: sshd.host, port: sshd.port };
      const far = await hop.call(reach, place);
      expect(await far.call(whoAmI)).to.equal(user.name);
      expect(far.name).to.equal('account.127.0.0.1');
      // `~/` is its home, too. Other contexts connect with keys that are named, and no others.
      const identityFile = '~/.ssh/id_ed25519';
      const named = await hop.call(
        (options: Login) => {
          const via = thisContext().router.local({ name: 'between' });
          return thisContext().router.ssh({ ...options, via });
        },
        { ...place, identityFile },
      );
      expect(await named.call(whoAmI)).to.equal(user.name);
      const unnamed = await hop.call(refusal, place, true);
      expect(unnamed).to.include({ code: 'ERR_AUTH', stage: 'auth' });
      expect(unnamed.message).to.contain('tried none;');
    });

    it('cannot read what that account must not', async () => {
      const identityFile = join(sshd.folder, 'id_of_root');
      await copyFile(sshd.identityFile, identityFile);
      await chmod(identityFile, 0o600);
      const error = await hop.call(refusal, { ...login(), identityFile });
      expect(error).to.include({ code: 'ERR_INVALID_ARG' });
      expect(error.message).to.contain(`cannot read identityFile ${identityFile}: EACCES`);
    });

    it('adds new host keys to the file of that account, and knows them then', async () => {
      await give('id_ed25519', await readFile(sshd.identityFile, 'utf8'));
      const file = await give('known_hosts', '# mine\n');
      const place = { hostname: sshd.host, port: sshd.port };
      expect(await hop.call(refusal, place)).to.include({ code: 'ERR_HOST_KEY' });
      await hop.call(reach, { ...place, checkHostKey: 'accept-new' });
      const text = await readFile(file, 'utf8');
      expect(text).to.equal(`# mine\n[127.0.0.1]:${sshd.port} ${sshd.hostKey()}\n`);
      expect((await stat(file)).uid).to.equal((await stat(user.home)).uid);
      const far = await hop.call(reach, place);
      expect(await far.call(whoAmI)).to.equal(user.name);
      const { message } = await hop.call(refusal, { ...place, knownHosts: '~/.ssh/none' });
      expect(message).to.contain(`${home}/none;`);
      await until('it is told', () =>
        records.some(
          ({ level, context, text: line }) =>
            level === 'debug' && context === 'account' && line.startsWith('adding SHA256:'),
        ),
      );
    });

    it('connects all the same where a new host key cannot be added, and warns', async () => {
      await give('id_ed25519', await readFile(sshd.identityFile, 'utf8'));
      const knownHosts = '/etc/ssh/nowhere/known_hosts';
      const far = await hop.call(reach, {
        hostname: sshd.host,
        port: sshd.port,
        checkHostKey: 'accept-new',
        knownHosts,
      });
      expect(await far.call(whoAmI)).to.equal(user.name);
      expect(existsSync(knownHosts)).to.equal(false);
      await until('it is told', () =>
        records.some(({ level, context }) => level === 'warn' && context === 'account'),
      );
    });
  });

  describe('on Node 12', () => {
    before(requirePart('Node 12', canFetchNode));

    for (const passphrase of [undefined, 'hush-hush']) {
      it(`has all of that, with a key in PKCS#8 ${passphrase ? 'with' : 'without'} a passphrase`, async () => {
        const old = await router.local({ name: 'old', node: await fetchNode('12.22.12') });
        const { privateKey } = generateKeyPairSync('ed25519');
        const text = privateKey
          .export({
            type: 'pkcs8',
            format: 'pem',
            ...(passphrase ? { cipher: 'aes-256-cbc', passphrase } : {}),
          })
          .toString();
        const { publicKey } = parseIdentity(
          'key',
          privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        );
        sshd.authorize(`ssh-ed25519 ${publicKey}`);
        const knownHosts = join(sshd.folder, `known_of_old_${passphrase}`);
        const { identityFile: _, ...rest } = login();
        const far = await old.call(reach, {
          ...rest,
          privateKey: text,
          passphrase,
          knownHosts,
          checkHostKey: 'accept-new',
          name: 'far',
        });
        expect(far.name).to.equal('old.far');
        expect(await far.call(hostname)).to.equal(hostname());
        expect(await readFile(knownHosts, 'utf8')).to.contain(sshd.hostKey());
        const error = await old.call(refusal, { ...login(), username: 'no-such-user' });
        expect(error).to.include({ isConnectError: true, code: 'ERR_AUTH', stage: 'auth' });
      });
    }
  });
});

/** Says what comes, and where. */
function openEcho(to: Sender<string>): Sender<string> {
  const receiver = thisContext().router.receiver<string>();
  const { name } = thisContext();
  const read = async () => {
    await to.send(`${await receiver.get()}, in ${name}`);
    await to.close();
  };
  void read();
  return receiver.toSender();
}
