/** The oldest Node that a child may have: what is pushed must run there as it is. */

import { hostname } from 'node:os';
import {
  ConnectError,
  type Context,
  type LogRecord,
  thisContext,
  withRouter,
} from '@kinetin/master';
import { expect } from 'chai';
import { Deduplicated, Greeter, openRoom, Waiting } from '../fixtures/services.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { canFetchNode, fetchNode } from '../support/real-node.js';

const OLDEST = '12.22.12';

const version = () => process.version;

describe(`a child with Node ${OLDEST}`, () => {
  let node: string;
  before(async function () {
    this.timeout(300_000);
    await requirePart('Linux on x64', canFetchNode, async () => {
      node = await fetchNode(OLDEST);
    }).call(this);
  });

  it('runs functions, prints, starts children, and answers as any other', async () => {
    const records: LogRecord[] = [];
    await withRouter(
      async (router) => {
        const context = router.local({ node, name: 'old' });
        expect(await context.call(() => process.version)).to.equal(`v${OLDEST}`);
        const value = {
          map: new Map([[1, new Set([2n])]]),
          date: new Date(0),
          bytes: Buffer.of(1),
        };
        expect(await context.call((same: typeof value) => same, value)).to.deep.equal(value);
        await context.call(() => console.log('from the old one'));
        expect(await router.local({ via: context }).call(() => process.version)).to.equal(
          `v${OLDEST}`,
        );
        expect(
          await router.local({ via: context, node: process.execPath }).call(hostname),
        ).to.equal(hostname());
      },
      { onLog: (record) => records.push(record) },
    );
    expect(records).to.deep.equal([{ context: 'old', level: 'info', text: 'from the old one' }]);
  });

  it('starts contexts of its own, which all know', async () => {
    await withRouter(async (router) => {
      const context = await router.local({ node, name: 'old' });
      const { child, answer } = await context.call(async () => {
        const child = thisContext().router.local({ name: 'child' });
        return { answer: await child.call(version), child: await child };
      });
      expect(answer).to.equal(`v${OLDEST}`);
      expect(await child.call(version)).to.equal(answer);
      const said = await context.call(async () => {
        const nowhere = thisContext().router.local({ node: '/nowhere/node' });
        const error = await nowhere.catch((reason) => reason);
        return error instanceof ConnectError && error.code;
      });
      expect(said).to.equal('ERR_SPAWN');
      const [old] = (await router.tree()).children;
      expect(old?.children[0]).to.include({
        name: 'old.child',
        pid: child.pid,
        nodeVersion: answer,
      });
    });
  });

  it('ends calls that are given up, and has signals that Node had not then', async () => {
    await withRouter(
      async (router) => {
        const context = await router.local({ node });
        const late = context.with({ timeout: 100, grace: 50 }).call(() => {
          for (;;);
        });
        expect(await failure(late)).to.include({ code: 'ERR_TIMEOUT' });
        const abort = new AbortController();
        const waiting = context.call(async (signal: AbortSignal) => {
          if (!signal.aborted) {
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
          }
          return signal.reason;
        }, abort.signal);
        abort.abort('enough');
        expect(await waiting).to.equal('enough');
        await context.call(process.chdir, '/');
        expect(await context.call(process.cwd)).to.equal('/');
      },
      { onLog: () => {} },
    );
  });

  it('has services', async () => {
    await withRouter(async (router) => {
      const [old, other] = await Promise.all([router.local({ node }), router.local({ node })]);
      expect(await old.service(Greeter).greet('you')).to.equal('hello you');
      const ask = (context: Context) => context.service<typeof Greeter>('greeter').greet('old one');
      expect(await other.call(ask, old)).to.equal('hello old one');
      await old.call(openRoom);
      const [first, second] = ['x', 'x'].map((name) => old.service(Deduplicated).enter(name));
      expect(await first).to.equal(await second);
      const abort = new AbortController();
      const told = old.service(Waiting).untilAborted(abort.signal);
      abort.abort('enough');
      expect(await told).to.equal('aborted: enough');
    });
  });
});
