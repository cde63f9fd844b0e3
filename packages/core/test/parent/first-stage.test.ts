import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { brotliCompressSync } from 'node:zlib';
import { expect } from 'chai';
import { Random } from '../../../../test/support/random.js';
import { nodeArgs } from '../../src/parent/command.js';

/** Stands for the core: says what it was started with. */
const CORE = `
const [input, output, marker, text, packed, leftover, startWorker] = boot;
const said = {
  marker,
  hasText: text.includes('Stands for the core'),
  packed: packed.length,
  leftover: leftover.toString('hex'),
  title: process.title,
};
output.write(JSON.stringify(said) + '\\n');
if (process.argv[6]) {
  const core = 'require("worker_threads").parentPort.postMessage(boot.greeting + boot.sum)';
  let running = 2;
  for (const worker of [startWorker(), startWorker()]) {
    worker.on('message', (said) => output.write(said));
    worker.on('exit', () => --running || output.end(() => process.exit()));
    worker.postMessage({ core, greeting: 'from a thread: ', sum: 42 });
  }
}
input.on('data', (chunk) => output.write(chunk));
input.on('end', () => output.end());
// Stands for the core
`;
const PACKED = brotliCompressSync(CORE);
const CONFIG = Buffer.from([0, 10, 255, 1]);

describe('parent/first-stage', () => {
  let child: ChildProcess;

  const options = (workThread = false) => ({
    marker: 'kinetin-q3x9zk',
    title: 'a-title',
    coreBytes: PACKED.length,
    preambleBytes: PACKED.length + CONFIG.length,
    workThread,
  });

  function start(
    workThread = false,
    args = nodeArgs(options(workThread)),
  ): {
    socket: Duplex;
    said: () => string;
    diagnostics: () => string;
  } {
    child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const socket = child.stdio[3] as Duplex;
    const collect = (stream: Readable) => {
      let text = '';
      stream.on('data', (chunk) => {
        text += chunk;
      });
      return () => text;
    };
    return { socket, said: collect(socket), diagnostics: collect(child.stderr as Readable) };
  }

  it('says that it runs before it has read anything', async () => {
    const { socket, said } = start();
    await once(socket, 'data');
    expect(said()).to.match(/^kinetin-q3x9zk node v[\d.]+\S* \d+\n$/);
    expect(said()).to.contain(` ${process.version} ${child.pid}\n`);
    socket.end();
    await once(child, 'close');
  });

  for (const pieces of ['one piece', 'pieces of up to 50 bytes', 'single bytes']) {
    it(`starts the core, with all that came after it, from ${pieces}`, async () => {
      const { socket, said, diagnostics } = start();
      const bytes = Buffer.concat([PACKED, CONFIG, Buffer.from('frames')]);
      const longest = { 'one piece': bytes.length * 2, 'single bytes': 1 }[pieces] ?? 50;
      for (const piece of new Random(1).cut(bytes, longest)) {
        socket.write(piece);
        await nextTurn();
      }
      socket.end();
      await once(child, 'close');
      const [, json, echo] = said().split('\n') as [string, string, string];
      const { leftover, ...rest } = JSON.parse(json);
      expect(rest).to.deep.equal({
        marker: 'kinetin-q3x9zk',
        hasText: true,
        packed: PACKED.length,
        title: 'a-title',
      });
      const tail = Buffer.concat([CONFIG, Buffer.from('frames')]);
      expect(
        Buffer.concat([Buffer.from(leftover, 'hex'), Buffer.from(echo)]).equals(tail),
      ).to.equal(true);
      expect(diagnostics()).to.equal('');
    });
  }

  it('starts a work thread before it has read anything, and others later', async () => {
    const { socket, said, diagnostics } = start(true);
    socket.write(Buffer.concat([PACKED, CONFIG]));
    await once(child, 'close');
    expect(said().match(/from a thread: 42/g)).to.have.length(2);
    expect(diagnostics()).to.equal('');
  });

  it('ends, and says how far it came, where its parent is lost before', async () => {
    const { socket, diagnostics } = start();
    await once(socket, 'data');
    socket.end(PACKED.subarray(0, 20));
    const [status] = await once(child, 'close');
    expect(diagnostics()).to.equal('core cut short at byte 20\n');
    expect(status).to.equal(1);
  });

  it('ends where the core does not come in time', async () => {
    // A minute, which is not waited for.
    const patient = nodeArgs(options());
    const hasty = patient.map((text) => text.replace('setTimeout(x,60e3)', 'setTimeout(x,1)'));
    expect(hasty).not.to.deep.equal(patient);
    const { diagnostics } = start(false, hasty);
    const [status] = await once(child, 'close');
    expect(diagnostics()).to.equal('core cut short at byte 0\n');
    expect(status).to.equal(1);
  });

  it('ends where the core is damaged', async () => {
    const { socket, diagnostics } = start();
    socket.end(Buffer.alloc(PACKED.length + CONFIG.length, 1));
    const [status] = await once(child, 'close');
    expect(status).not.to.equal(0);
    expect(diagnostics()).not.to.equal('');
  });
});
