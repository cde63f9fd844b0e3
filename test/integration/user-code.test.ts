/** What user code may do to its process, wherever it runs: the context and its next call are not hurt. */

import { execSync, spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { type Context, type LogRecord, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { isAlive, until } from '../support/processes.js';

const SIZE = 10_000_000;

for (const workThread of ['eager', 'none'] as const) {
  describe(`user code with the work thread set to ${workThread}`, () => {
    let records: LogRecord[];
    /** Runs `test` with a context behind another, which must answer when it is over. */
    async function inContext(test: (context: Context) => Promise<void>): Promise<void> {
      records = [];
      await withRouter(
        async (router) => {
          const context = await router.local({ name: 'leaf', via: router.local(), workThread });
          await test(context);
          expect(await context.call(hostname)).to.equal(hostname());
          expect(isAlive(context.pid as number)).to.equal(true);
        },
        { onLog: (record) => records.push(record) },
      );
    }
    const logged = (text: RegExp) => records.find((record) => text.test(record.text));

    it('may change the folder and the mask of its process', () =>
      inContext(async (context) => {
        const before = await context.call(() => {
          process.chdir('/');
          return process.umask(0o027);
        });
        expect(before).to.equal(process.umask());
        const after = await context.call(() => ({
          mask: process.umask(),
          folder: process.cwd(),
          // Those of its subprocesses are the same.
          below: execSync('umask; pwd', { encoding: 'utf8' }),
        }));
        expect(after).to.deep.equal({ mask: 0o027, folder: '/', below: '0027\n/\n' });
      }));

    it('may fail outside of any call, which is told', () =>
      inContext(async (context) => {
        await context.call(() => {
          Promise.reject(new Error('nobody listens'));
          setTimeout(() => {
            throw new Error('nobody catches');
          }, 1);
        });
        await until('both are told', () => [/listens/, /catches/].every(logged));
        expect(logged(/listens/)).to.include({ level: 'error' });
        expect(logged(/listens/)?.context).to.match(/\.leaf$/);
        expect(logged(/catches/)).to.include({ level: 'error' });
      }));

    it('may return what cannot travel, or is too large', () =>
      inContext(async (context) => {
        const odd = await failure(context.call((): unknown => ({ deep: [{ fn: () => 1 }] })));
        expect(odd).to.include({ name: 'CallError', code: 'ERR_NOT_SERIALIZABLE' });
        expect(odd.message).to.match(/^result\.deep\[0\]\.fn cannot travel: a function/);
        const large = await failure(context.call(() => Buffer.alloc(2 ** 27)));
        expect(large).to.include({ name: 'CallError', code: 'ERR_MESSAGE_TOO_LARGE' });
      }));

    it('may throw an error of 50 MB', () =>
      inContext(async (context) => {
        const error = await failure(
          context.call(() => {
            throw new Error('y'.repeat(50_000_000));
          }),
        );
        expect(error.message).to.match(/^y{65536} \.\.\. \(49934464 more characters\)$/);
      }));

    const prints: Record<string, (size: number) => void> = {
      'process.stdout.write, in one piece': (size) => {
        process.stdout.write('x'.repeat(size));
      },
      'console.log, in one piece': (size) => console.log('x'.repeat(size)),
      'console.log, line by line': (size) => {
        for (let i = 0; i < size / 1000; i++) console.log('x'.repeat(1000));
      },
    };
    for (const [how, print] of Object.entries(prints)) {
      it(`may print 10 MB with ${how}`, () =>
        inContext(async (context) => {
          await context.call(print, SIZE);
          // What is printed leaves before the answer.
          const text = records.map((record) => record.text).join('');
          expect(text.length).to.equal(SIZE);
          expect(/^x*$/.test(text)).to.equal(true);
        }));
    }

    it('may have subprocesses that write to its output', () =>
      inContext(async (context) => {
        await context.call(() => {
          spawnSync('sh', ['-c', 'echo to stdout; echo to stderr >&2'], { stdio: 'inherit' });
        });
        await until('both have come', () => [/^to stdout$/, /^to stderr$/].every(logged));
        expect(logged(/^to stdout$/)?.context).to.match(/\.leaf$/);
      }));
  });
}

describe('process.exit in user code', () => {
  for (const workThread of ['eager', 'lazy'] as const) {
    it(`ends its call and not the context, with the work thread set to ${workThread}`, async () => {
      await withRouter(
        async (router) => {
          const context = await router.local({ workThread });
          const exits = {
            atOnce: () => process.exit(3),
            later: () => new Promise(() => setTimeout(() => process.exit(3), 1)),
          };
          for (const exit of Object.values(exits)) {
            const other = failure(context.call(() => new Promise(() => {})));
            for (const error of [await failure(context.call(exit)), await other]) {
              expect(error).to.include({ code: 'ERR_THREAD_ENDED' });
              expect(error.message).to.match(/status 3/);
            }
            expect(await context.call(process.cwd)).to.equal(process.cwd());
          }
        },
        { onLog: () => {} },
      );
    });
  }

  it('ends the context where calls run on its main thread', async () => {
    await withRouter(async (router) => {
      const hop = await router.local();
      const context = await router.local({ workThread: 'none', via: hop });
      const error = await failure(context.call(() => process.exit(3)));
      expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
      await until('it is gone', () => !isAlive(context.pid as number));
      expect(await hop.call(hostname)).to.equal(hostname());
    });
  });
});
