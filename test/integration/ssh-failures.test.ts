import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { openSsh } from '../../packages/core/src/parent/methods/ssh.js';
import { dial } from '../../packages/core/src/parent/ssh/dial.js';
import { requirePart } from '../support/parts.js';
import {
  bareTarget,
  FakeAttempt,
  failure,
  keyTarget,
  run,
  type SshTarget,
} from '../support/ssh-attempt.js';
import { canRunSshd, type Sshd, startSshd } from '../support/sshd.js';

/** A TCP server that does with each connection what the test wants. */
async function serve(onConnection: (socket: Socket) => void): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => {
    onConnection(socket.on('error', () => undefined));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return Object.assign(server, { [Symbol.asyncDispose]: close });
}

describe('ssh method: failures', () => {
  let sshd: Sshd;
  const setUp = async () => {
    sshd = await startSshd({ extraConfig: ['MaxStartups 10:30:100', 'MaxSessions 0'] });
  };
  before(requirePart('sshd', canRunSshd(), setUp));
  after(() => sshd?.stop());

  async function targetOf(server: Server): Promise<SshTarget> {
    return bareTarget(sshd, { port: (server.address() as AddressInfo).port });
  }

  it('a name that does not exist fails at resolve, with ERR_DNS', async () => {
    const attempt = new FakeAttempt();
    const error = await failure(
      await bareTarget(sshd, { hostname: 'no-such-host.invalid' }),
      attempt,
    );
    expect(error).to.include({ code: 'ERR_DNS', stage: 'resolve', name: 'ConnectError' });
    expect(error.message).to.match(/^cannot resolve no-such-host\.invalid: E[A-Z_]+; /);
    expect(attempt.stages).to.deep.equal(['resolve']);
  });

  it('a port where nobody listens fails at tcp, with ERR_TCP and the address', async () => {
    const attempt = new FakeAttempt();
    const error = await failure(await bareTarget(sshd, { port: 1 }), attempt);
    expect(error).to.include({ code: 'ERR_TCP', stage: 'tcp' });
    expect(error.message).to.contain('127.0.0.1 port 1 (ECONNREFUSED)');
    expect(attempt.stages).to.deep.equal(['resolve', 'tcp']);
  });

  it('all addresses of a name are tried in order, and all are named', async () => {
    const addresses = ['127.0.0.2', '127.0.0.3'].map((address) => ({ address, family: 4 }));
    const here = { address: sshd.host, family: 4 };
    const socket = await dial('web1', sshd.port, [...addresses, here]).connected;
    expect(socket.remoteAddress).to.equal(sshd.host);
    socket.destroy();
    const error = await dial('web1', sshd.port, addresses).connected.catch((reason) => reason);
    expect(error.message).to.match(/^cannot connect to web1: .*127\.0\.0\.2.*127\.0\.0\.3/);
  });

  it('a server that closes at once fails at the host key, with ERR_SSH', async () => {
    await using server = await serve((socket) => socket.resume().end());
    const error = await failure(await targetOf(server));
    expect(error).to.include({ code: 'ERR_SSH', stage: 'host key' });
  });

  it('a server that is none of SSH fails at the host key, with ERR_SSH', async () => {
    await using server = await serve((socket) =>
      socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    expect(await failure(await targetOf(server))).to.include({ code: 'ERR_SSH' });
  });

  it('a server that says nothing can be left', async () => {
    const ended: Promise<unknown>[] = [];
    await using server = await serve((socket) => ended.push(once(socket.resume(), 'close')));
    const attempt = new FakeAttempt();
    const opening = failure(await targetOf(server), attempt);
    await attempt.until('host key');
    attempt.cancel();
    expect(await opening).to.include({ code: 'ERR_SSH' });
    await Promise.all(ended);
    expect(ended.length).to.equal(1);
  });

  it('an attempt that ended before it began opens nothing', async () => {
    const attempt = new FakeAttempt();
    attempt.onCancel = (callback) => callback();
    const error: unknown = await openSsh(await keyTarget(sshd), attempt).catch((reason) => reason);
    expect(error).to.be.instanceOf(Error);
    expect(attempt.stages).to.deep.equal([]);
  });

  it('a server that lets nobody start a command fails at the shell', async () => {
    const error = await failure(await keyTarget(sshd));
    expect(error).to.include({ code: 'ERR_SSH', stage: 'shell' });
    expect(error.message).to.match(/^cannot start a command on \[127\.0\.0\.1\]:\d+: /);
  });

  describe('many connections at once', () => {
    it('all come about, though the server drops each that is too many', async () => {
      // It goes on counting a login for a moment after its client has been told.
      await using small = await startSshd({ extraConfig: ['MaxStartups 16:100:16'] });
      const target = await keyTarget(small);
      const all = Array.from({ length: 30 }, async (_, index) => {
        const { stdout } = await run(target, `echo ${index}`);
        return stdout;
      });
      expect(await Promise.all(all)).to.deep.equal(Array.from(all, (_, index) => `${index}\n`));
    });

    it('wait before their first stage, in order, and can be cancelled there', async () => {
      const sockets: Socket[] = [];
      await using server = await serve((socket) => sockets.push(socket.resume()));
      const target = { ...(await targetOf(server)), maxConnecting: 2 };
      const attempts = Array.from({ length: 5 }, () => new FakeAttempt());
      const openings = attempts.map((attempt) =>
        openSsh(target, attempt).catch((error: Error) => error),
      );
      await Promise.all(attempts.slice(0, 2).map((attempt) => attempt.until('host key')));
      const started = () => attempts.map(({ stages }) => stages.length > 0);
      expect(started()).to.deep.equal([true, true, false, false, false]);
      attempts[2]!.cancel();
      expect(await openings[2]).to.be.instanceOf(Error);
      attempts[0]!.cancel();
      await attempts[3]!.until('host key');
      expect(started()).to.deep.equal([true, true, false, true, false]);
      for (const attempt of attempts) attempt.cancel();
      await Promise.all(openings);
    });
  });

  it('output that came before a loss is still read', async () => {
    await using other = await startSshd();
    const attempt = new FakeAttempt('echo before; echo said >&2; exec cat');
    const pipe = await openSsh(await keyTarget(other), attempt);
    await once(pipe.diagnostics[0]!, 'readable');
    await once(pipe.output, 'readable');
    await other.stop();
    expect(await text(pipe.output)).to.equal('before\n');
    expect(await text(pipe.diagnostics[0]!)).to.equal('said\n');
    expect(await pipe.exit).to.deep.equal({});
  });
});
