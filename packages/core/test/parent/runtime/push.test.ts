import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { failure } from '../../../../../test/support/failure.js';
import { requirePart } from '../../../../../test/support/parts.js';
import { until } from '../../../../../test/support/processes.js';
import type { ConnectError } from '../../../src/parent/attempt.js';
import {
  type FileNews,
  offerRuntime,
  refuseRuntime,
  runtimeMoves,
  takePiece,
} from '../../../src/parent/runtime/from-above.js';
import { getPiece, hashFile, PIECE_BYTES } from '../../../src/parent/runtime/pieces.js';
import { type Push, pushRuntime } from '../../../src/parent/runtime/push.js';
import { GET_RUNTIME } from '../../../src/wire/handles.js';
import {
  type Connection,
  hasShells,
  MARKER,
  makeStubHost,
  routerTo,
  SHELLS,
  type StubHost,
  stubRuntime,
} from './stub-host.js';

const run = promisify(execFile);

/** Ends a Node that was started, after it has given back what it is sent. */
async function finish(connection: Connection): Promise<string> {
  await connection.push.done;
  connection.process.stdin?.end('what waited\n');
  await connection.ended;
  return connection.said();
}

/** The name of what a push has stored, which is gone after that. */
async function storedBy(host: StubHost, connection: Connection): Promise<string[]> {
  expect(await finish(connection)).to.contain('what waited');
  const names = await readdir(host.cache);
  await rm(host.cache, { recursive: true });
  return names;
}

describe('parent/runtime: a push', () => {
  const { arch } = process;
  before(requirePart('dash, bash, zsh and busybox', hasShells));
  // No host has it, so that all are sent the stub.
  before(() => Object.defineProperty(process, 'arch', { value: 'none' }));
  after(() => Object.defineProperty(process, 'arch', { value: arch }));

  for (const [name, shell] of Object.entries(SHELLS)) {
    describe(`to a host with ${name}`, () => {
      // Its programs are in the shell: none can be replaced or taken away.
      const isFixed = name === 'busybox';
      let host: StubHost;
      beforeEach(async () => {
        host = await makeStubHost(shell);
      });
      afterEach(() => host.remove());

      it('stores the files, starts Node with the environment as it was, and leaves nothing else', async () => {
        const umask = (await run('/bin/sh', ['-c', 'umask'])).stdout.trim();
        const said = await finish(host.connect());
        expect(said).to.match(/^node v20\.0\.0\n/);
        expect(said).to.contain(`umask ${umask}, traps 0, k_m unset\nwhat waited\n`);
        const [hash, ...others] = await readdir(host.cache);
        expect(others).to.deep.equal([]);
        expect(hash).to.match(/^[0-9a-f]{32}$/);
        for (const { name: file, from } of stubRuntime().files) {
          const stored = await readFile(join(host.cache, hash as string, file));
          expect(stored.equals(from as Buffer), file).to.equal(true);
        }
        expect((await stat(host.cache)).mode & 0o777).to.equal(0o700);
        expect((await stat(join(host.cache, hash as string))).mode & 0o777).to.equal(0o700);
      });

      if (!isFixed)
        it('works without gzip, and says how many bytes that takes', async () => {
          const packed = host.connect();
          await finish(packed);
          await rm(host.cache, { recursive: true });
          const plain = host.connect({ env: { PATH: await withoutGzip(host) } });
          expect(await finish(plain)).to.contain('what waited');
          expect(packed.sent()).to.be.below(100_000);
          expect(plain.sent()).to.be.above(5_000_000);
        });

      it('drops what was sent before, whatever it is', async () => {
        // Also in the middle of a character of several bytes, where bash expects the rest.
        for (const end of [0xc3, 0xe2, 0xf0, 0x00, 0x5c]) {
          const junk = Buffer.concat([Buffer.alloc(50_000, 0x81), Buffer.from([10, 0, 0x20, end])]);
          const connection = host.connect({ junk, env: { LC_ALL: 'C.UTF-8' } });
          expect(await finish(connection), `after ${end}`).to.contain('what waited');
          await rm(host.cache, { recursive: true });
        }
      });

      if (!isFixed)
        it('goes on to a folder that is one, is its own, and that nobody else can write to', async () => {
          await mkdir(host.cache, { recursive: true });
          await chmod(host.cache, 0o777);
          const [first, second] = [join(host.folder, 'first'), join(host.folder, 'second')];
          const elsewhere = join(host.folder, 'elsewhere');
          for (const folder of [first, elsewhere]) await mkdir(folder);
          await writeFile(join(host.cache, 'old'), '');
          await symlink(elsewhere, join(first, `kinetin-${host.uid}`));
          const connection = host.connect({ env: { XDG_RUNTIME_DIR: first, TMPDIR: second } });
          expect(await finish(connection)).to.contain('what waited');
          expect(await readdir(host.cache)).to.deep.equal(['old']);
          expect(await readdir(elsewhere)).to.deep.equal([]);
          expect(await readdir(host.places[0] as string)).to.have.length(1);
          // It is found there, without being sent again.
          const again = host.connect();
          expect(await finish(again)).to.contain('what waited');
          expect(again.sent()).to.be.below(10_000);
        });

      it('says so where it does not start, with what it says, and leaves nothing', async () => {
        const broken = stubRuntime('#!/bin/sh\necho "FATAL: kernel too old" >&2; exit 127\n', 10);
        const connection = host.connect({ getRuntime: async () => broken });
        const error = await failure<ConnectError>(connection.push.done);
        expect(error.code).to.equal('ERR_RUNTIME');
        expect(error.message).to.match(
          /^a stub was sent to the target \(Linux \S+ \S+\), but does not/,
        );
        expect(error.message).to.contain('FATAL: kernel too old');
        connection.process.stdin?.end();
        await connection.ended;
        expect(await readdir(host.cache)).to.deep.equal([]);
      });

      it('starts it also where it prints warnings', async () => {
        const node = stubRuntime()
          .files[0]?.from.toString()
          .replace('-v|-p)', '-v|-p) echo "ld.so: not preloaded" >&2;');
        const connection = host.connect({ getRuntime: async () => stubRuntime(node, 10) });
        expect(await finish(connection)).to.contain('what waited');
      });

      if (!isFixed)
        it('is none where it cannot be put in its place, and says why', async () => {
          await host.addProgram('mv', 'echo "mv: not today" >&2; exit 1');
          const connection = host.connect();
          const error = await failure<ConnectError>(connection.push.done);
          expect(error.code).to.equal('ERR_NO_SPACE');
          expect(error.message).to.contain(`${host.cache}: mv: not today; `);
          connection.process.stdin?.end();
          await connection.ended;
        });

      it('uses programs, and no functions that the account exports', async () => {
        const functions = ['head', 'ls', 'rm', 'mv'].map((one) => [
          `BASH_FUNC_${one}%%`,
          '() { echo; }',
        ]);
        const connection = host.connect({ env: Object.fromEntries(functions) });
        expect(await finish(connection)).to.contain('what waited');
      });

      it('that is interrupted leaves nothing, and the next one works', async () => {
        const connection = host.connect({
          getRuntime: async () => stubRuntime(undefined, 50_000_000),
        });
        await until('the folder', () => existsSync(host.cache));
        await until('a file', async () => {
          const [folder] = await readdir(host.cache);
          return folder !== undefined && existsSync(join(host.cache, folder, 'filler'));
        });
        connection.process.stdin?.destroy();
        connection.process.stdout?.destroy();
        await connection.ended;
        expect(await readdir(host.cache)).to.deep.equal([]);
        expect(await finish(host.connect())).to.contain('what waited');
      });

      it('at the same time as another one ends with one runtime, used by both', async () => {
        const [one, two] = [host.connect(), host.connect()];
        expect(await Promise.all([finish(one), finish(two)])).to.satisfy((all: string[]) =>
          all.every((said) => said.includes('what waited')),
        );
        const [hash, ...others] = await readdir(host.cache);
        expect(others).to.deep.equal([]);
        expect((await readdir(join(host.cache, hash as string))).sort()).to.deep.equal([
          'filler',
          'lib.so.6',
          'node',
        ]);
      });

      it('puts a runtime in the place of one that was damaged', async () => {
        await finish(host.connect());
        const [hash] = (await readdir(host.cache)) as [string];
        await writeFile(join(host.cache, hash, 'node'), '');
        expect(await finish(host.connect())).to.contain('what waited');
        expect(await readdir(host.cache)).to.deep.equal([hash]);
        expect((await stat(join(host.cache, hash, 'node'))).size).to.be.above(0);
      });
    });
  }

  describe('to a host that lies', () => {
    /** A push to a host that answers each line as `answer` says. */
    function pushTo(answer: (line: string, say: (words: string) => void) => void) {
      let lines = 0;
      const input = new Writable({
        write(chunk: Buffer, _, done) {
          const line = /^\n+kinetin-q3x9zk (k_\w+.*)\n$/.exec(String(chunk))?.[1];
          if (line && !/^k_\w+\(\)/.test(line)) {
            lines++;
            setImmediate(() => answer(line, (words) => push.answer(words.split(' '))));
          }
          done();
        },
      });
      const push: Push = pushRuntime({
        marker: MARKER,
        input,
        onProgress: () => {},
        id: 7,
        router: routerTo(),
        getRuntime: async () => stubRuntime(undefined, 100),
      });
      return { push, lines: () => lines };
    }

    it('ends where it names the same folder again and again', async () => {
      const { push, lines } = pushTo((line, say) => {
        if (line.startsWith('k_i=1')) say('host Linux x86_64 1 gzip');
        else if (line.startsWith('k_choose')) say('place 1');
        else say('no 1 never enough');
      });
      const error = await failure<ConnectError>(push.done);
      expect(error.code).to.equal('ERR_NO_SPACE');
      expect(lines()).to.be.below(10);
    });

    it('ends where it refuses without an end, and keeps no more than it asked for', async () => {
      const { push } = pushTo((line, say) => {
        if (line.startsWith('k_i=1')) say('host Linux x86_64 1 gzip');
        for (let i = 0; i < 1000; i++) say(`no ${i} whatever`);
      });
      const error = await failure<ConnectError>(push.done);
      expect(error.code).to.equal('ERR_NO_SPACE');
      expect(error.message.match(/whatever/g)).to.have.length.at.most(14);
    });

    it('takes nothing from it for a platform that is none', async () => {
      for (const said of ['host __proto__ constructor 1 gzip', 'place 1', 'stored']) {
        const { push } = pushTo((_, say) => say(said));
        expect((await failure<ConnectError>(push.done)).code).to.equal('ERR_NO_RUNTIME');
      }
    });

    it('takes no answer for progress that nobody wants', async () => {
      let steps = 0;
      const push = pushRuntime({
        marker: MARKER,
        input: new Writable({ write: (_chunk, _encoding, done) => done() }),
        onProgress: () => void steps++,
        id: 7,
        router: routerTo(),
        getRuntime: () => new Promise(() => {}),
      });
      push.done.catch(() => {});
      push.answer('host Linux x86_64 1 gzip'.split(' '));
      for (let i = 0; i < 1000; i++) push.answer(['no']);
      expect(steps).to.be.below(100);
      const running = pushRuntime({
        marker: MARKER,
        input: new Writable({ write: (_chunk, _encoding, done) => done() }),
        onProgress: () => void steps++,
        id: 7,
        router: routerTo(),
        getRuntime: undefined,
      });
      running.answer(['running']);
      await running.done;
      steps = 0;
      for (let i = 0; i < 10; i++) running.answer(['running']);
      expect(steps).to.equal(0);
    });

    it('ends with the attempt, whatever it waits for', async () => {
      const { push } = pushTo(() => {});
      push.end(new Error('given up'));
      expect((await failure(push.done)).message).to.equal('given up');
    });

    it('that has just said what it is leaves nobody waiting for a runtime when the attempt ends', async () => {
      const ended: string[] = [];
      const push = pushRuntime({
        marker: MARKER,
        input: new Writable({ write: (_chunk, _encoding, done) => done() }),
        onProgress: () => {},
        id: 7,
        router: routerTo(),
        getRuntime: (_platform, _arch, { onEnd }) =>
          new Promise((_, reject) => {
            onEnd(() => {
              ended.push('ended');
              reject(new Error('nobody wants it'));
            });
          }),
      });
      push.answer('host Linux x86_64 1 gzip'.split(' '));
      push.end(new Error('given up'));
      await failure(push.done);
      expect(ended).to.deep.equal(['ended']);
    });
  });

  describe('on any host', () => {
    let host: StubHost;
    beforeEach(async () => {
      host = await makeStubHost(SHELLS['dash'] as string[]);
    });
    afterEach(() => host.remove());

    it('finds it again where the first stage cannot: in a folder with a colon in its name', async () => {
      const env = { XDG_CACHE_HOME: join(host.folder, 'a:b') };
      await finish(host.connect({ env }));
      const again = host.connect({ env });
      expect(await finish(again)).to.contain('what waited');
      expect(again.sent()).to.be.below(10_000);
    });

    it('removes what pushes of long ago have left, and nothing of those that run', async () => {
      const days = (count: number) => new Date(Date.now() - count * 86_400_000);
      const leftOver = {
        dead: [3, 4194304],
        young: [0, 4194304],
        alive: [3, process.pid],
      } as const;
      for (const [name, [age, pid]] of Object.entries(leftOver)) {
        const folder = join(host.cache, `.new.${pid}.${name}`);
        await mkdir(folder, { recursive: true });
        await utimes(folder, days(age), days(age));
      }
      await chmod(host.cache, 0o700);
      await finish(host.connect());
      const left = (await readdir(host.cache)).filter((name) => name.startsWith('.'));
      expect(left.map((name) => name.split('.').pop()).sort()).to.deep.equal(['alive', 'young']);
    });

    it('says of each folder why it cannot be used', async () => {
      await host.addProgram('df', 'echo "x 10 5 5000 50% /"; echo "dev    10 5 5000  50% /"');
      const error = await failure<ConnectError>(host.connect().push.done);
      expect(error.code).to.equal('ERR_NO_SPACE');
      expect(error.message).to.contain(`${host.cache}: 4 MB free of 5 MB needed`);
      expect(error.message).to.contain('/tmp/kinetin-');
      expect(existsSync(host.cache)).to.equal(false);
    });

    it('goes on where a folder is full in the middle, and names it', async () => {
      // As gzip does on a full disk.
      await host.addProgram('gzip', 'cat >/dev/null; echo "gzip: no space left" >&2; exit 1');
      const connection = host.connect();
      const error = await failure<ConnectError>(connection.push.done);
      expect(error.code).to.equal('ERR_NO_SPACE');
      expect(error.message).to.contain(`${host.cache}: gzip: no space left; `);
      connection.process.stdin?.end();
      await connection.ended;
    });

    it('says so where there is no Node for such a system', async () => {
      await host.addProgram('uname', 'echo Plan9');
      const error = await failure<ConnectError>(host.connect().push.done);
      expect(error.code).to.equal('ERR_NO_RUNTIME');
      expect(error.message).to.contain('(Plan9 Plan9 Plan9)');
    });

    describe('of another system, by a hop', () => {
      /** The master's side: hands over the files of the stub, piece by piece. */
      async function deliver(id = 7): Promise<void> {
        const { files } = stubRuntime();
        const news = files.map(async (file) => [file.name, file.size, await hashFile(file)]);
        offerRuntime(id, 'a stub', (await Promise.all(news)) as FileNews[]);
        for (const file of files) {
          for (let at = 0; at < file.size; at += PIECE_BYTES) {
            expect(takePiece(id, file.name, at, await getPiece(file, at, true), 0, true)).to.equal(
              true,
            );
          }
        }
      }

      it('asks the master, and sends what comes as its own', async () => {
        const hash = await storedBy(host, host.connect());
        const asked: unknown[] = [];
        let delivered: Promise<void> | undefined;
        const askMaster = async (...all: unknown[]) => {
          asked.push(...all);
          delivered = new Promise(setImmediate).then(() => deliver());
        };
        expect(await storedBy(host, host.connect({ askMaster }))).to.deep.equal(hash);
        expect(asked).to.deep.equal([0, GET_RUNTIME, [7, 'linux', 'arm64']]);
        await delivered;
        expect(takePiece(7, 'node', 0, Buffer.alloc(1), 0, true), 'after its end').to.equal(false);
        const env = { PATH: await withoutGzip(host) };
        expect(
          await storedBy(host, host.connect({ askMaster, env })),
          'without gzip',
        ).to.deep.equal(hash);
      });

      it('says why the master refuses, or has none', async () => {
        const refusals = [
          () => Promise.reject(new Error('no such attempt')),
          async () => void setImmediate(() => refuseRuntime(7, 'the registry is down')),
        ];
        for (const [i, why] of ['no such attempt', 'the registry is down'].entries()) {
          const connection = host.connect({ askMaster: refusals[i] as () => Promise<void> });
          const error = await failure<ConnectError>(connection.push.done);
          expect(error.code).to.equal('ERR_NO_RUNTIME');
          expect(error.message)
            .to.contain('(Linux aarch64 9.9)')
            .and.contain(`none was sent: ${why};`);
        }
      });

      it('asks once for those who come at the same time, and again when that one leaves', async () => {
        const asked: unknown[] = [];
        let offered = () => {};
        const hasOffered = new Promise<void>((resolve) => {
          offered = resolve;
        });
        const askMaster = async (_to: unknown, _handle: unknown, [id]: [number]) => {
          asked.push(id);
          // Of the first one nothing follows.
          const news: FileNews[] = [];
          for (const file of stubRuntime().files) {
            news.push([file.name, file.size, await hashFile(file)]);
          }
          offerRuntime(id, 'a stub', news);
          if (asked.length === 1) offered();
          else await deliver(id);
        };
        const first = host.connect({ askMaster });
        await hasOffered;
        const second = host.connect({ askMaster, id: 8 });
        const third = host.connect({ askMaster, id: 9 });
        // Each makes a folder of its own once a runtime was offered.
        const folders = async () => (await readdir(host.cache)).length;
        await until('the host', () => existsSync(host.cache));
        await until('all wait for a piece', async () => (await folders()) === 3);
        expect(asked).to.deep.equal([7]);
        first.push.end(new Error('given up'));
        for (const connection of [second, third]) {
          expect(await finish(connection)).to.contain('what waited');
        }
        expect(asked).to.have.length(2);
      });

      it('waits for no piece any more when the attempt is over', async () => {
        let offered = () => {};
        const hasOffered = new Promise<void>((resolve) => {
          offered = resolve;
        });
        const askMaster = async () => {
          setImmediate(() => {
            offerRuntime(7, 'a stub', [['node', 10_000_000, 'f'.repeat(64)]]);
            offered();
          });
        };
        const { push } = host.connect({ askMaster });
        await hasOffered;
        push.end(new Error('given up'));
        await failure(push.done);
        runtimeMoves(7);
        expect(takePiece(7, 'node', 0, Buffer.alloc(1), 0, true)).to.equal(false);
      });
    });

    it('asks for the platform of the host, and says why it did not get it', async () => {
      const asked: string[] = [];
      const getRuntime = async (platform: string, arch: string) => {
        asked.push(platform, arch);
        throw new Error('the registry is down');
      };
      const error = await failure<ConnectError>(host.connect({ getRuntime }).push.done);
      expect(asked).to.deep.equal(['linux', 'arm64']);
      expect(error.code).to.equal('ERR_NO_RUNTIME');
      expect(error.message).to.contain('the registry is down; install Node 12.22 or later there');
    });

    it('makes what a host says of itself harmless', async () => {
      await host.addProgram('uname', 'printf "Li\\033[31mnux"');
      const error = await failure<ConnectError>(host.connect().push.done);
      expect(error.message).to.match(/Li\\\S+\[31mnux/);
    });

    for (const length of [300, 301]) {
      it(`repeats at most 300 characters of the ${length} that a host says`, async () => {
        await host.addProgram('uname', `printf ${'x'.repeat(length)}`);
        const error = await failure<ConnectError>(host.connect().push.done);
        const longest = error.message.match(/x+/g)?.sort((a, b) => b.length - a.length)[0];
        expect(longest).to.have.lengthOf(300);
      });
    }
  });
});

/** A PATH with all that is in this machine's, but gzip. */
async function withoutGzip(host: StubHost): Promise<string> {
  const folder = join(host.folder, 'no-gzip');
  await mkdir(folder);
  for (const name of [
    'id',
    'ls',
    'head',
    'cat',
    'df',
    'mkdir',
    'rm',
    'rmdir',
    'mv',
    'chmod',
    'wc',
    'find',
    'tail',
    'sed',
    'sh',
  ]) {
    const { stdout } = await run('/bin/sh', ['-c', `command -v ${name}`]);
    await symlink(stdout.trim(), join(folder, name));
  }
  return `${join(host.folder, 'bin')}:${folder}`;
}
