import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import ssh2 from 'ssh2';
import type { SshLibrary } from '../../packages/core/src/parent/ssh/library.js';
import { requirePart } from '../support/parts.js';
import { until } from '../support/processes.js';
import { FakeAttempt, keyTarget, open, run } from '../support/ssh-attempt.js';
import { canRunSshd, type Sshd, startSshd } from '../support/sshd.js';

// Compiles only as long as ssh2 has what the pushed code takes from it.
const _library: Pick<SshLibrary, 'Client' | 'BaseAgent'> = ssh2 as unknown as SshLibrary;

/** Ends without a sound, however much is written to it. */
async function drain(readable: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of readable) bytes += chunk.length;
  return bytes;
}

describe('ssh method: a process on a host', () => {
  let sshd: Sshd;
  const setUp = async () => {
    sshd = await startSshd();
  };
  before(requirePart('sshd', canRunSshd(), setUp));
  after(() => sshd?.stop());

  it('has its output, its diagnostics and its exit code', async () => {
    const { stdout, stderr, exit } = await run(
      await keyTarget(sshd),
      'echo out; echo err >&2; exit 7',
    );
    expect({ stdout, stderr, exit }).to.deep.equal({
      stdout: 'out\n',
      stderr: 'err\n',
      exit: { code: 7 },
    });
  });

  it('has its exit signal', async () => {
    const { exit } = await run(await keyTarget(sshd), 'kill -KILL $$');
    expect(exit).to.deep.equal({ signal: 'SIGKILL' });
  });

  it('is opened stage by stage', async () => {
    const attempt = new FakeAttempt();
    const pipe = await open(await keyTarget(sshd), attempt);
    expect(attempt.stages).to.deep.equal(['resolve', 'tcp', 'host key', 'auth', 'shell']);
    pipe.destroy();
    expect(await pipe.exit).to.deep.equal({});
  });

  it('survives re-keys, the host key being checked at each', async () => {
    await using rekeying = await startSshd({
      extraConfig: ['RekeyLimit 1M', 'LogLevel DEBUG1'],
    });
    const pipe = await open(await keyTarget(rekeying), new FakeAttempt('cat'));
    const chunk = Buffer.alloc(1 << 20, 'x');
    const echoed = drain(pipe.output);
    for (let count = 0; count < 8; count++) {
      if (!pipe.input.write(chunk)) await once(pipe.input, 'drain');
    }
    pipe.input.end();
    expect(await echoed).to.equal(8 << 20);
    expect(await pipe.exit).to.deep.equal({ code: 0 });
    const rekeys = () => rekeying.log().match(/rekey (in|out) after/g) ?? [];
    await until('keys were exchanged anew', () => rekeys().length > 3);
  });

  it('does not send more than the reader takes', async () => {
    const attempt = new FakeAttempt('head -c 16777216 /dev/zero; echo done >&2');
    const pipe = await open(await keyTarget(sshd), attempt);
    const said = once(pipe.diagnostics[0]!, 'data').then(() => 'all was sent');
    // A round trip on a connection of its own: time for the rest, were it on its way.
    const other = run(await keyTarget(sshd), 'echo other').then(() => 'not all was sent');
    expect(await Promise.race([said, other])).to.equal('not all was sent');
    expect(await drain(pipe.output)).to.equal(16_777_216);
    expect(await said).to.equal('all was sent');
    expect(await pipe.exit).to.deep.equal({ code: 0 });
  });

  it('ends with the connection that destroy closes', async () => {
    const pidFile = join(sshd.folder, 'destroyed');
    const fifo = join(sshd.folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    // Its end of the fifo is closed when it ends, which ends the reader below.
    const command = `exec 9>${fifo}; echo $$ > ${pidFile}; echo up; exec cat`;
    const reading = drain((await import('node:fs')).createReadStream(fifo));
    const pipe = await open(await keyTarget(sshd), new FakeAttempt(command));
    await once(pipe.output, 'data');
    pipe.destroy();
    pipe.destroy();
    await reading;
    expect(await pipe.exit).to.deep.equal({});
    expect(Number(readFileSync(pidFile, 'utf8'))).to.be.greaterThan(1);
  });

  it('ends without an unhandled error when the connection is lost', async () => {
    // The parent of the shell is the sshd process of this connection.
    const attempt = new FakeAttempt('echo up; read line; kill -KILL $PPID; exec cat');
    const pipe = await open(await keyTarget(sshd), attempt);
    await once(pipe.output, 'data');
    pipe.input.write('go on\n');
    expect(await pipe.exit).to.deep.equal({});
    expect(attempt.notes).to.match(/^connection to \[127\.0\.0\.1\]:\d+ lost: .+\n$/);
    pipe.input.write('too late');
    pipe.destroy();
  });

  it('ends when the host no longer answers keepalives', async () => {
    // Long enough for a slow machine to answer while all is well.
    const keepalive = { intervalMs: 1500, countMax: 2 };
    const gone = join(sshd.folder, 'client-is-gone');
    // Stops its connection's sshd, and lets it go on after the client is gone.
    const wait = `until [ -e ${gone} ]; do sleep 0.1; done`;
    const command = `echo up; (kill -STOP $PPID; ${wait}; kill -CONT $PPID) >/dev/null 2>&1 &`;
    const attempt = new FakeAttempt(`p=$PPID; ${command.replaceAll('$PPID', '$p')} exec cat`);
    const pipe = await open(await keyTarget(sshd, { keepalive }), attempt);
    pipe.output.resume();
    expect(await pipe.exit).to.deep.equal({});
    writeFileSync(gone, '');
    expect(attempt.notes).to.contain('Keepalive timeout');
  });

  it('notes the banner, which is not part of the output', async () => {
    const banner = join(sshd.folder, 'banner');
    execFileSync('sh', ['-c', `echo 'authorised use only' > ${banner}`]);
    const noisy = await startSshd({ extraConfig: [`Banner ${banner}`] });
    try {
      const attempt = new FakeAttempt('echo out');
      const pipe = await open(await keyTarget(noisy), attempt);
      expect(await drain(pipe.output)).to.equal(4);
      expect(attempt.notes).to.equal('authorised use only\n');
      await pipe.exit;
    } finally {
      await noisy.stop();
    }
  });
});
