/** What goes wrong, and what is left of it. */

import { hostname } from 'node:os';
import { type ConnectError, type LogRecord, Router, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { program } from '../support/program.js';

describe('mishaps', () => {
  it('in the options of a context fail its calls, and do not delay the shutdown', async () => {
    const router = new Router();
    const context = router.ssh({ hostname: 'localhost', identityFile: '/nowhere/key' });
    const error = await failure(context.call(hostname));
    expect(error).to.include({ code: 'ERR_INVALID_ARG' });
    expect(error.message).to.include('/nowhere/key');
    // By force only after 5 s: it must not come to that.
    await router.shutdown({ timeout: 2000 });
  });

  for (const workThread of ['eager', 'none'] as const) {
    it(`at the end lose nothing that was printed, with the work thread set to ${workThread}`, async () => {
      const records: LogRecord[] = [];
      await withRouter(
        async (router) => {
          const context = router.local({ workThread, via: router.local() });
          await context.call((lines: number) => {
            for (let i = 0; i < lines; i++) console.log(`line ${i}`);
          }, 3000);
        },
        { onLog: (record) => records.push(record) },
      );
      expect(records.map(({ text }) => text)).to.deep.equal(
        Array.from({ length: 3000 }, (_, i) => `line ${i}`),
      );
    });
  }

  it('of the work thread fail the calls that it owes an answer, and the next call gets another', async () => {
    await withRouter(
      async (router) => {
        const context = router.local();
        for (const bytes of [1, 20_000_000]) {
          const error = await failure(
            context.call((size: number) => {
              setImmediate(() => process.exit(3));
              return size === 1 ? new Promise(() => {}) : Buffer.alloc(size);
            }, bytes),
          );
          expect(error, `${bytes} bytes`).to.include({ code: 'ERR_THREAD_ENDED' });
          expect(await context.call(hostname)).to.equal(hostname());
        }
      },
      { onLog: () => {} },
    );
  });

  it('of work threads in the midst of their answers leave nothing of these behind', async () => {
    // Together more than one context may have unfinished in another.
    const [threads, answers] = [17, 32];
    type Shared = { go?: Promise<void>; start?: () => void };
    await withRouter(
      async (router) => {
        const context = router.local();
        const answer = (size: number) => {
          const shared = globalThis as Shared;
          shared.go ||= new Promise((resolve) => {
            shared.start = resolve;
          });
          return shared.go.then(() => Buffer.alloc(size));
        };
        const startAndExit = async () => {
          (globalThis as Shared).start?.();
          // Until all have begun to leave; no credit comes meanwhile.
          for (let i = 0; i < 10; i++) await undefined;
          process.exit(3);
        };
        for (let thread = 0; thread < threads; thread++) {
          const calls = Array.from({ length: answers }, () =>
            failure(context.call(answer, 300_000)),
          );
          calls.push(failure(context.call(startAndExit)));
          for (const error of await Promise.all(calls)) {
            expect(error).to.include({ code: 'ERR_THREAD_ENDED' });
          }
        }
        const last = await context.call(Buffer.alloc, 300_000);
        expect(last).to.have.lengthOf(300_000);
      },
      { onLog: () => {} },
    );
  });

  it('that make a context unreachable do not reach the terminal as they are', async () => {
    const script = await program("printf '\\033[31mred'; exit 1");
    await withRouter(async (router) => {
      const error = await failure<ConnectError>(router.local({ node: script.path }));
      expect(error.message).to.include('\\u001b[31mred').and.not.include('\u001b');
      expect(error.output).to.deep.equal(['\\u001b[31mred']);
    });
    await script.remove();
  });

  it('in an error that was thrown elsewhere do not reach the terminal either', async () => {
    await withRouter(async (router) => {
      const error = await failure(
        router.local().call(() => {
          throw new Error('\u001b]0;owned\u0007');
        }),
      );
      expect(error.code).to.equal('ERR_CALL');
      expect(error.stack).to.include('\\u001b]0;owned').and.not.include('\u001b');
    });
  });

  it('in a value that cannot travel are told with its path, and hurt nothing', async () => {
    await withRouter(async (router) => {
      const context = router.local();
      const sent = await failure(context.call((value: unknown) => value, { a: [Symbol('x')] }));
      expect(sent).to.include({ name: 'SerializeError', code: 'ERR_NOT_SERIALIZABLE' });
      expect(sent.message).to.match(/^args\[0\]\.a\[0\] cannot travel: a symbol/);
      expect(sent.path).to.equal('args[0].a[0]');
      const returned = await failure(context.call(() => ({ deep: { fn: () => 1 } }) as unknown));
      expect(returned.message).to.match(/^result\.deep\.fn cannot travel: a function/);
      expect(await context.call(hostname)).to.equal(hostname());
    });
  });

  it('with a title that looks like an option do not happen', async () => {
    await withRouter(async (router) => {
      expect(await router.local({ title: '--x' }).call(hostname)).to.equal(hostname());
    });
  });
});
