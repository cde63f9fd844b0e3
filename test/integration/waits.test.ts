/** Everything that waits takes a deadline and a signal. */

import { hostname } from 'node:os';
import { CallChain, Router, Select, type WaitOptions } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { program } from '../support/program.js';

const MORE_THAN_CREDIT = Buffer.alloc(600_000);
const nobody = (service: object) => (service as { call(): Promise<unknown> }).call();
const never = () => new Promise<string>(() => {});
async function* stuck(): AsyncGenerator<number> {
  yield 1;
  await never();
}

describe('a wait', () => {
  let router: Router;
  let script: Awaited<ReturnType<typeof program>>;
  beforeEach(async () => {
    script = await program('exec sleep 1000');
    router = new Router({ onLog: () => {} });
  });
  afterEach(async () => {
    await router.shutdown();
    await script.remove();
  });

  /** That of a context which is never connected; each waits for ever unless it is told otherwise. */
  const waits: Record<string, (options: WaitOptions) => Promise<unknown>> = {
    call: (options) => silent().with(options).call(hostname),
    'callAsync, by the options of the call': (options) =>
      silent().with(options).callAsync(hostname).get(),
    'callAsync, by those of its receiver': (options) => silent().callAsync(hostname).get(options),
    callNoReply: (options) => silent().with(options).callNoReply(hostname),
    import: (options) =>
      silent()
        .with(options)
        .import(new URL('../fixtures/packages/tasks.ts', import.meta.url)),
    'a call of a chain': (options) => new CallChain(silent()).with(options).call(hostname),
    'a call of a chain that has them': (options) =>
      new CallChain(silent().with(options)).callNoReply(hostname),
    'a call of a service': (options) => nobody(silent().with(options).service('nobody')),
    'the get of a receiver': (options) => router.receiver().get(options),
    'the get of a channel': (options) => router.channel().get(options),
    'a send without credit': async (options) => {
      const { sender } = router.channel<unknown, Buffer>();
      await sender.send(MORE_THAN_CREDIT);
      return sender.send(MORE_THAN_CREDIT, options);
    },
    sendAll: (options) =>
      router
        .channel<unknown, Buffer>()
        .sender.sendAll([MORE_THAN_CREDIT, MORE_THAN_CREDIT], options),
    'the get of a select': (options) => new Select([silent().callAsync(hostname)]).get(options),
    ping: (options) => silent().ping(options),
    shutdown: (options) => silent().shutdown(options),
    connect: ({ timeout, signal }) =>
      Promise.resolve(router.local({ node: script.path, connectTimeout: timeout, signal })),
    'the step of a generator': async (options) => {
      const context = await router.local();
      const items = await context.call(stuck);
      await items.return(undefined);
      const { timeout, signal } = options;
      // It must come to the step.
      const later = new AbortController();
      const limited = context.with({ grace: 1, timeout: timeout && 1000, signal: later.signal });
      const steps = await limited.call(stuck);
      await steps.next();
      if (signal?.aborted) later.abort(signal.reason);
      else signal?.addEventListener('abort', () => later.abort(signal.reason));
      return steps.next();
    },
  };
  const silent = () => {
    const context = router.local({ node: script.path });
    // It is given up when the router is shut down.
    context.catch(() => {});
    return context;
  };

  for (const [what, start] of Object.entries(waits)) {
    it(`of ${what} ends at its deadline`, async () => {
      const error = await failure(start({ timeout: 5 }));
      expect(error.code).to.be.oneOf(['ERR_TIMEOUT', 'ERR_CONNECT_TIMEOUT']);
    });

    it(`of ${what} ends at its signal, with the reason`, async () => {
      const reason = new Error('changed my mind');
      expect(await failure(start({ signal: AbortSignal.abort(reason) }))).to.equal(reason);
      const abort = new AbortController();
      const waiting = failure(start({ signal: abort.signal }));
      setImmediate(() => abort.abort(reason));
      expect(await waiting).to.equal(reason);
    });
  }

  it('of a call names the function as one would write it', async () => {
    const names: [fn: () => unknown, name: string][] = [
      [process.cwd, 'process.cwd'],
      [hostname, 'os.hostname'],
      [process.uptime, 'process.uptime'],
      [never, 'never'],
      [() => 1, 'a function'],
    ];
    const context = await router.local();
    for (const [fn, name] of names) {
      // What it is called is known from then on.
      if (fn !== never) await context.call(fn);
      const error = await failure(silent().with({ timeout: 1 }).call(fn));
      expect(error.message).to.match(
        new RegExp(`^the call of ${name} in local\\d+ was not over after 1 ms$`),
      );
    }
  });
});
