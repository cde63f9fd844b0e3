/** What contexts print, on its way to the master and to a terminal. */

import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type LogLevel, type LogRecord, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { recordStreams } from '../fixtures/packages/recording.js';
import { requirePart } from '../support/parts.js';
import { processesWith, uniqueSeconds, until } from '../support/processes.js';
import { program } from '../support/program.js';
import { canRunSshd, type Sshd, startSshd } from '../support/sshd.js';

const run = promisify(execFile);
const master = fileURLToPath(new URL('../fixtures/printing-master.ts', import.meta.url));
const flood = fileURLToPath(new URL('../fixtures/output-flood.ts', import.meta.url));

/** What each prints, with its level. */
const PRINTS: Record<string, [print: () => void, ...lines: [LogLevel, RegExp][]]> = {
  'console.log': [
    () => console.log('%s of %d', 'a', 2, { b: [1] }),
    ['info', /^a of 2 \{ b: \[ 1 \] \}$/],
  ],
  'console.info': [() => console.info('told'), ['info', /^told$/]],
  'console.debug': [() => console.debug('detail'), ['debug', /^detail$/]],
  'console.warn': [() => console.warn('careful'), ['warn', /^careful$/]],
  'console.error': [() => console.error('wrong'), ['error', /^wrong$/]],
  'console.trace': [() => console.trace('here'), ['error', /^Trace: here$/]],
  'console.assert': [() => console.assert(false, 'never'), ['error', /^Assertion failed: never$/]],
  'console.dir': [() => console.dir({ a: 1 }), ['info', /^\{ a: 1 \}$/]],
  'console.table': [() => console.table([{ column: 1 }]), ['info', /column/]],
  'console.count': [() => console.count('counted'), ['info', /^counted: 1$/]],
  'console.group': [
    () => {
      console.group('outer');
      console.warn('inner');
      console.groupEnd();
    },
    ['info', /^outer$/],
    ['warn', /^ {2}inner$/],
  ],
  'several lines at once': [
    () => console.log('one\n\ntwo'),
    ['info', /^one$/],
    ['info', /^$/],
    ['info', /^two$/],
  ],
  'process.stdout, without a newline': [() => process.stdout.write('out'), ['info', /^out$/]],
  'process.stderr, without a newline': [() => process.stderr.write('err'), ['error', /^err$/]],
  'process.stdout, in bytes': [
    () => {
      // Half a character at a time.
      process.stdout.write(Buffer.from([0xc3]));
      process.stdout.write(Buffer.from([0xa4, 0x0a]));
    },
    ['info', /^\u00e4$/],
  ],
};

describe('what is printed', () => {
  for (const workThread of ['eager', 'none'] as const) {
    it(`has its name, level and lines, with the work thread set to ${workThread}`, async () => {
      const records: LogRecord[] = [];
      await withRouter(
        async (router) => {
          const context = router.local({
            name: 'leaf',
            via: router.local({ name: 'hop' }),
            workThread,
          });
          for (const [what, [print, ...expected]] of Object.entries(PRINTS)) {
            records.length = 0;
            await context.call(print);
            expect(records.length, what).to.be.at.least(expected.length);
            for (const [i, [level, text]] of expected.entries()) {
              if (what === 'console.table')
                expect(records.map((one) => one.text).join()).to.match(text);
              else expect(records[i]?.text, what).to.match(text);
              expect(records[i], what).to.include({ context: 'hop.leaf', level });
            }
          }
        },
        { onLog: (record) => records.push(record), logLevel: 'debug' },
      );
    });
  }

  it('by subprocesses has the name of their context, from stdout and stderr', async () => {
    const records: LogRecord[] = [];
    await withRouter(
      async (router) => {
        const context = router.local({ name: 'leaf', via: router.local({ name: 'hop' }) });
        await context.call(printBelow, 'echo out; echo err >&2');
        await until('both have come', () => records.length >= 2);
      },
      { onLog: (record) => records.push(record) },
    );
    expect(records.map(({ text }) => text).sort()).to.deep.equal(['err', 'out']);
    for (const record of records) expect(record).to.include({ context: 'hop.leaf', level: 'info' });
  });

  for (const [where, isBehind] of [
    ['here', false],
    ['behind a hop', true],
  ] as const) {
    it(`last by subprocesses, without a newline, comes at the end of their context ${where}`, async () => {
      const records: LogRecord[] = [];
      await withRouter(
        async (router) => {
          const via = isBehind ? router.local({ name: 'hop' }) : undefined;
          await router.local({ name: 'leaf', via }).call(printBelow, 'echo whole; printf tail');
        },
        { onLog: (record) => records.push(record) },
      );
      const context = isBehind ? 'hop.leaf' : 'leaf';
      expect(records).to.deep.equal([
        { context, level: 'info', text: 'whole' },
        { context, level: 'info', text: 'tail' },
      ]);
    });
  }

  it('before a function blocks comes while it does', async () => {
    const records: LogRecord[] = [];
    await withRouter(
      async (router) => {
        const context = await router.local();
        const call = context.call(() => {
          console.log('about to block');
          for (;;);
        });
        call.catch(() => {});
        await until('it has come', () => records.some(({ text }) => text === 'about to block'));
      },
      { onLog: (record) => records.push(record) },
    );
  });

  it('below the level of the router does not cross the wire', async () => {
    const size = 1_000_000;
    for (const [logLevel, isSent] of [
      ['warn', false],
      ['info', true],
    ] as const) {
      const records: LogRecord[] = [];
      await withRouter(
        async (router) => {
          const [hop, streams] = await recordStreams(() => router.local());
          const context = await router.local({ via: hop });
          await context.call(() => {});
          const stream = streams[0]!;
          const before = stream.bytesReceived;
          await context.call((bytes: number) => {
            const line = `${'x'.repeat(999)}\n`;
            for (let left = bytes; left > 0; left -= line.length) process.stdout.write(line);
            console.debug('x'.repeat(bytes));
            console.warn('this is said');
          }, size);
          const received = stream.bytesReceived - before;
          if (isSent) expect(received).to.be.within(size, 2 * size);
          else expect(received).to.be.below(2000);
        },
        { onLog: (record) => records.push(record), logLevel },
      );
      expect(records.filter(({ level }) => level === 'warn').map(({ text }) => text)).to.deep.equal(
        ['this is said'],
      );
      expect(records.some(({ level }) => level === 'info')).to.equal(isSent);
      expect(records.some(({ level }) => level === 'debug')).to.equal(false);
    }
  });

  it('keep the memory of a context bounded that prints faster than it is read, and all arrive', async function () {
    if (process.platform !== 'linux') this.skip();
    const { stdout } = await run(process.execPath, ['--import', 'tsx', flood, '200']);
    const { growth, unread, read, misplaced } = JSON.parse(stdout) as Record<string, number>;
    expect(unread, 'while its hop stood still').to.be.above(100_000);
    // Megabytes, garbage included.
    expect(growth).to.be.below(50);
    expect({ read, misplaced }).to.deep.equal({ read: 200_000, misplaced: 0 });
  });
});

describe('standard error of a program', () => {
  /** Runs the program; resolves with the lines that it has printed there. */
  async function linesOf(debug: string, ...args: string[]): Promise<string[]> {
    const env = { ...process.env, DEBUG: debug, DEBUG_COLORS: 'no' };
    const { stderr } = await run(process.execPath, ['--import', 'tsx', master, ...args], { env });
    return stderr.split('\n');
  }

  it('has the records with their context, and nothing that would do harm to a terminal', async () => {
    const lines = await linesOf('');
    const shown =
      '\\u001b]0;owned\\u0007\\u001b[31mred\\u000d\\u0008\\u009b2J\\u202eback\\u2066wards\\u007f\\u0000';
    // The carriage return before a newline would be part of the newline; here it is not.
    expect(lines.filter((line) => line === `there: ${shown}`)).to.have.length(5);
    expect(lines).to.include('there: from below');
    expect(lines.some((line) => line.startsWith('CallError: \\u001b]0;owned'))).to.equal(true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
    expect(lines.join('\n')).to.not.match(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
    expect(lines.join('\n')).to.not.match(/kinetin:router/);
  });

  it('has nothing of the kind in what a host says of its Node', async () => {
    const seconds = uniqueSeconds();
    const lines = String.raw`printf '%s node v99\033[31m\233 1\n%s ready\n' "$4" "$4" >&3`;
    const script = await program(`${lines}; exec sleep ${seconds}`);
    await withRouter(async (router) => {
      const context = await router.local({ node: script.path });
      expect(context.nodeVersion).to.match(/^v99\\u001b\[31m/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
      expect(context.nodeVersion).to.not.match(/[\0-\x1f\x7f-\x9f]/);
      for (const pid of processesWith(seconds)) process.kill(pid, 'SIGKILL');
    });
    await script.remove();
  });

  it('tells of streams and contexts with DEBUG=kinetin:*', async () => {
    const lines = await linesOf('kinetin:*');
    expect(lines.some((line) => /kinetin:router stream to 1 ended: /.test(line))).to.equal(true);
    expect(lines.some((line) => /kinetin:router context 1 lost: /.test(line))).to.equal(true);
  });

  describe('with an SSH server', () => {
    let sshd: Sshd;
    before(
      requirePart('an OpenSSH server', canRunSshd(), async () => {
        sshd = await startSshd();
      }),
    );
    after(() => sshd?.stop());

    it('tells of host keys that are added, each namespace alone', async () => {
      const { port, username, identityFile } = sshd;
      const knownHosts = join(sshd.folder, 'new_known_hosts');
      const options = {
        hostname: sshd.host,
        port,
        username,
        identityFile,
        knownHosts,
        agent: false,
      };
      const added = /kinetin:ssh adding SHA256:\S+ of 127\.0\.0\.1 to \S+new_known_hosts/;
      for (const namespace of ['kinetin:*', 'kinetin:ssh']) {
        await writeFile(knownHosts, '');
        const argument = JSON.stringify({ ...options, checkHostKey: 'accept-new' });
        const lines = await linesOf(namespace, argument);
        expect(
          lines.some((line) => added.test(line)),
          namespace,
        ).to.equal(true);
        const tellsOfRouter = lines.some((line) => line.includes('kinetin:router'));
        expect(tellsOfRouter).to.equal(namespace === 'kinetin:*');
      }
    });
  });
});

function printBelow(script: string): void {
  spawnSync('sh', ['-c', script], { stdio: 'inherit' });
}
