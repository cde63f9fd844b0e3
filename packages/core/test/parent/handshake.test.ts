import { expect } from 'chai';
import { Random } from '../../../../test/support/random.js';
import { Handshake } from '../../src/parent/handshake.js';

const MARKER = 'kinetin-q3x9zk';

/** What a handshake says of chunks: all events in order, `rest` being all bytes after `ready`. */
function run(...chunks: (string | Buffer)[]): { events: string[]; noise: string; rest?: Buffer } {
  const events: string[] = [];
  const noise: string[] = [];
  let rest: Buffer | undefined;
  const handshake = new Handshake(MARKER, {
    onShell: () => events.push('shell'),
    onNoNode: (found) => events.push(`none: ${found.join(' ')}`),
    onRuntime: (words) => events.push(`runtime: ${words.join(' ')}`),
    onNode: (version, pid) => events.push(`node: ${version} ${pid}`),
    onReady: (bytes) => {
      events.push('ready');
      rest = bytes;
    },
    onNoise: (line) => noise.push(line),
  });
  for (const chunk of chunks) {
    // As the connection does: what follows `ready` is for the stream.
    if (rest) rest = Buffer.concat([rest, Buffer.from(chunk)]);
    else handshake.push(Buffer.from(chunk));
  }
  if (!rest) handshake.flush();
  return { events, noise: noise.join('\n'), ...(rest ? { rest } : {}) };
}

const LINES = `${MARKER} shell\n${MARKER} node v20.1.0 1234\n${MARKER} ready\n`;
const ALL = ['shell', 'node: v20.1.0 1234', 'ready'];
const BINARY = Buffer.from([
  1,
  0,
  10,
  255,
  13,
  10,
  0xc3,
  0x28,
  ...Buffer.from(`\n${MARKER} shell\n`),
]);

describe('parent/handshake', () => {
  it('hands on what the shell answers in words', () => {
    const { events } = run(`${MARKER} none\n${MARKER} runtime no 1 /tmp: full\n`);
    expect(events).to.deep.equal(['none: ', 'runtime: no 1 /tmp: full']);
  });

  it('reports the stages, and the bytes that follow exactly', () => {
    const { events, noise, rest } = run(Buffer.concat([Buffer.from(LINES), BINARY]));
    expect(events).to.deep.equal(ALL);
    expect(noise).to.equal('');
    expect(rest).to.deep.equal(BINARY);
  });

  it('is the same wherever the bytes are cut in two', () => {
    const text = `Welcome\r\n${LINES.replace(/\n/g, '\r\n')}`;
    const bytes = Buffer.concat([Buffer.from(text), BINARY]);
    for (let at = 0; at <= bytes.length; at++) {
      const { events, noise, rest } = run(bytes.subarray(0, at), bytes.subarray(at));
      expect(events, `cut at ${at}`).to.deep.equal(ALL);
      expect(noise.trim(), `cut at ${at}`).to.equal('Welcome');
      expect(rest, `cut at ${at}`).to.deep.equal(BINARY);
    }
  });

  it('is the same byte by byte', () => {
    const bytes = Buffer.concat([Buffer.from(LINES), BINARY]);
    const { events, rest } = run(...[...bytes].map((byte) => Buffer.from([byte])));
    expect(events).to.deep.equal(ALL);
    expect(rest).to.deep.equal(BINARY);
  });

  it('finds its lines among noise, and hands the noise on', () => {
    const { events, noise } = run(
      'Last login: today\n\n*** banner ***\n',
      `prompt$ ${MARKER} shell\nstdin: is not a tty\n${MARKER} node v20.1.0 1234\nwarning\n`,
      `no newline before ${MARKER} ready\n`,
    );
    expect(events).to.deep.equal(ALL);
    expect(noise).to.equal(
      'Last login: today\n\n*** banner ***\nprompt$ \nstdin: is not a tty\nwarning\nno newline before ',
    );
  });

  it('takes the echo of the command line for noise', () => {
    const { events } = run(
      `+ exec /bin/sh -c 'echo "$1 shell"' kinetin ${MARKER} 'var a=process.argv' title 100 200\n`,
      `set -x: echo '${MARKER} shell'\n`,
      LINES,
    );
    expect(events).to.deep.equal(ALL);
  });

  it('takes other words after the marker for noise', () => {
    const { events, noise } = run(`${MARKER}\n${MARKER} \n${MARKER} readyish\n${MARKER}ready\n`);
    expect(events).to.satisfy((got: string[]) => got.length === 0 || got.join() === 'ready');
    expect(noise).to.contain('readyish');
  });

  it('reports what was found where no Node will do', () => {
    expect(run(`${MARKER} none\n`).events).to.deep.equal(['none: ']);
    const found = '/usr/bin/node=v10.24.1 /opt/node/bin/node=broken';
    expect(run(`${MARKER} none ${found}\n`).events).to.deep.equal([`none: ${found}`]);
  });

  for (const before of [0, 1, 50, 3000, 4080, 4096, 5000, 8192, 100_000]) {
    it(`finds its lines after ${before} bytes without a newline, however they are cut`, () => {
      const bytes = Buffer.from(`${'.'.repeat(before)}${LINES}`);
      for (let seed = 1; seed <= 30; seed++) {
        const pieces = new Random(seed).cut(bytes, seed % 2 ? 60 : 5000);
        const { events, noise } = run(...pieces);
        expect(events, `seed ${seed}`).to.deep.equal(ALL);
        expect(noise.replace(/\n/g, ''), `seed ${seed}`).to.have.lengthOf(before);
      }
    });
  }

  it('finds a long line of what was found, however it is cut', () => {
    const found = Array.from({ length: 100 }, (_, i) => `/opt/node-v${i}/bin/node=v0.${i}.0`).join(
      ' ',
    );
    const bytes = Buffer.from(`${MARKER} none ${found}\n`);
    expect(run(bytes).events).to.deep.equal([`none: ${found}`]);
    for (const at of [1, 100, 1000, 3500, bytes.length - 1]) {
      const { events } = run(`${'.'.repeat(4000)}`, bytes.subarray(0, at), bytes.subarray(at));
      expect(events, `cut at ${at}`).to.deep.equal([`none: ${found}`]);
    }
  });

  it('takes a line with the marker of up to 65,536 bytes, and a longer one for noise', () => {
    const line = (length: number) => `${MARKER} none `.padEnd(length, 'x');
    const longest = line(65_536);
    expect(run(longest, '\n').events).to.deep.equal([`none: ${longest.split(' ')[2]}`]);
    const { events, noise } = run(line(65_537), '\n');
    expect(events).to.deep.equal([]);
    expect(noise.replace('\n', '')).to.equal(line(65_537));
  });

  it('holds no more than a few kilobytes of endless noise', () => {
    let noise = 0;
    const ignore = () => expect.fail('found something');
    const events = {
      onShell: ignore,
      onNoNode: ignore,
      onRuntime: ignore,
      onNode: ignore,
      onReady: ignore,
    };
    const handshake = new Handshake(MARKER, {
      ...events,
      onNoise: (line) => {
        noise += line.length;
      },
    });
    for (let i = 0; i < 1000; i++) handshake.push(Buffer.alloc(10_000, 46));
    expect(10_000_000 - noise).to.be.below(5000);
  });

  it('keeps what was printed last without a newline for the flush', () => {
    expect(run('sh: 1: exec: node: Permission denied').noise).to.equal(
      'sh: 1: exec: node: Permission denied',
    );
    expect(run('').noise).to.equal('');
  });

  it('believes no process id that is no number', () => {
    expect(run(`${MARKER} node v20.1.0 x\n${MARKER} node\n`).events).to.deep.equal([
      'node: v20.1.0 0',
      'node: undefined 0',
    ]);
  });
});
