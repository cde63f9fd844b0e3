/** The option `lendAuthority`: contexts that act with the authority of the one that starts them. */

import { hostname } from 'node:os';
import {
  type Context,
  type OpenReceiver,
  Router,
  type Sender,
  type TreeNode,
  thisContext,
} from '@kinetin/master';
import { expect } from 'chai';
import { double } from '../fixtures/double.js';
import { Greeter, idOfOnce, Once, Vault } from '../fixtures/services.js';
import { failure } from '../support/failure.js';
import { isAlive, until } from '../support/processes.js';

type Node = 'lent' | 'plain' | 'lentChild' | 'other' | 'otherChild' | 'hop' | 'lentInHop' | 'inHop';

const grow = (name: string, options: { lendAuthority?: boolean } = {}) =>
  thisContext().router.local({ name, ...options });
const growBy = (via: Context, name: string) => thisContext().router.local({ name, via });
const growByParent = (name: string) => growBy(thisContext().router.parent, name);
const serveVault = () => thisContext().router.serve(new Vault());
const end = (context: Context) => context.shutdown();
const ping = (context: Context) => context.ping();

/** Runs in a context: a built-in and an exported function in another one, or the code of the failure. */
async function attempt(other: Context): Promise<unknown> {
  try {
    return [await other.call(hostname), await other.call(double, 21)];
  } catch (error) {
    return (error as { code: string }).code;
  }
}
const DONE = [hostname(), 42];
const REFUSED = 'ERR_REFUSED';

/** The names of a tree, each below the one that started it. */
const outline = ({ name, children }: TreeNode): unknown[] => [name, ...children.map(outline)];

describe('a context that was lent the authority of the one that starts it', () => {
  let router: Router;
  const said: string[] = [];
  beforeEach(() => {
    said.length = 0;
    // What is refused is complained of.
    router = new Router({ onLog: ({ text }) => void said.push(text) });
  });
  afterEach(() => router.shutdown());

  /** `${name} of ${name}` may be called or not, whoever has started them, and however. */
  async function growAll(): Promise<Record<Node, Context>> {
    const [lent, plain, other, hop] = await Promise.all([
      router.local({ name: 'lent', lendAuthority: true }),
      router.local({ name: 'plain' }),
      router.local({ name: 'other' }),
      router.local({ name: 'hop' }),
    ]);
    const [lentChild, otherChild, lentInHop, inHop] = await Promise.all([
      lent.call(grow, 'child'),
      router.local({ name: 'child', via: other }),
      router.local({ name: 'lent', via: hop, lendAuthority: true }),
      hop.call(grow, 'plain'),
    ]);
    return { lent, plain, lentChild, other, otherChild, hop, lentInHop, inHop };
  }

  it('calls what that one may call, as do those below it, and nobody else does', async () => {
    const all = await growAll();
    const mayCall: Record<Node, readonly Node[]> = {
      lent: ['plain', 'lentChild', 'other', 'otherChild', 'hop', 'lentInHop', 'inHop'],
      // Not the lent context itself: that has lent nothing.
      lentChild: ['plain', 'other', 'otherChild', 'hop', 'lentInHop', 'inHop'],
      plain: [],
      other: ['otherChild'],
      otherChild: [],
      hop: ['lentInHop', 'inHop'],
      // The authority of the hop, and not that of the master.
      lentInHop: ['hop', 'inHop'],
      inHop: [],
    };
    const names = Object.keys(all) as Node[];
    for (const from of names) {
      const answers = names.map(
        async (to) => [to, await all[from].call(attempt, all[to])] as const,
      );
      const expected = names.map(
        (to) => [to, to === from || mayCall[from].includes(to) ? DONE : REFUSED] as const,
      );
      expect(await Promise.all(answers), from).to.deep.equal(expected);
    }
  });

  it('may be started so by code that runs in a context, with the authority of that', async () => {
    const [hop, far] = await Promise.all([router.local({ name: 'hop' }), router.local()]);
    const sibling = await hop.call(grow, 'sibling');
    const lent = await hop.call(grow, 'lent', { lendAuthority: true });
    const below = await lent.call(grow, 'below', { lendAuthority: true });
    for (const context of [lent, below]) {
      expect(await context.call(attempt, sibling)).to.deep.equal(DONE);
      expect(await context.call(attempt, hop)).to.deep.equal(DONE);
      expect(await context.call(attempt, far)).to.equal(REFUSED);
    }
    expect(await below.call(attempt, lent), 'which has lent, too').to.deep.equal(DONE);
    expect(await sibling.call(attempt, lent)).to.equal(REFUSED);
  });

  it('reaches further where the one that starts it was lent authority, too', async () => {
    const far = await router.local();
    const hop = router.local({ name: 'hop', lendAuthority: true });
    const [lent, plain] = await Promise.all([
      router.local({ name: 'lent', via: hop, lendAuthority: true }),
      router.local({ name: 'plain', via: hop }),
    ]);
    expect(await lent.call(attempt, far)).to.deep.equal(DONE);
    expect(await lent.call(attempt, plain)).to.deep.equal(DONE);
    expect(await plain.call(attempt, far)).to.deep.equal(DONE);
    expect(await plain.call(attempt, lent)).to.equal(REFUSED);
    expect(await plain.call(attempt, await hop)).to.equal(REFUSED);
  });

  it('talks to nobody beside it where it, or the other one, is unidirectional', async () => {
    const attemptAndSay = async (other: Context): Promise<string> =>
      other.call(hostname).catch((error: Error) => error.message);
    const [one, lent, both] = await Promise.all([
      router.local({ unidirectional: true }),
      router.local({ lendAuthority: true }),
      router.local({ lendAuthority: true, unidirectional: true }),
    ]);
    expect(await lent.call(attemptAndSay, one)).to.contain('may not talk');
    expect(await both.call(attemptAndSay, lent)).to.contain('may not talk');
    const [below, sibling] = await Promise.all([
      router.local({ via: one, lendAuthority: true }),
      router.local({ via: one }),
    ]);
    expect(await below.call(attemptAndSay, sibling)).to.contain('may not talk');
    expect(await below.call(attempt, one), 'which is above').to.deep.equal(DONE);
    expect(await failure(lent.call(growBy, one, 'x'))).to.include({ code: REFUSED });
    const beside = await below.call(growByParent, 'beside');
    expect(await below.call(attempt, beside)).to.equal(REFUSED);
  });

  it('runs nothing in the program, and passes for it with its services and receivers', async () => {
    router.serve(new Vault());
    const [lent, plain] = await Promise.all([
      router.local({ lendAuthority: true }),
      router.local(),
    ]);
    const attack = async () => {
      const { master } = thisContext().router;
      const tries = [
        () => master.call(hostname),
        () => master.shutdown(),
        () => master.ping(),
        () => thisContext().router.local({ via: master }),
        // It is not there, and nobody can start one there.
        () => idOfOnce(master),
      ];
      const codeOf = async (go: () => PromiseLike<unknown>): Promise<unknown> => {
        try {
          await go();
          return 'done';
        } catch (error) {
          return (error as { code: string }).code;
        }
      };
      return Promise.all(tries.map(codeOf));
    };
    expect(await lent.call(attack)).to.deep.equal([
      ...Array(4).fill('ERR_NO_HANDLE'),
      'ERR_NO_SERVICE',
    ]);
    const open = () => thisContext().router.master.service<typeof Vault>('vault').open();
    expect(await lent.call(open)).to.equal('gold');
    expect(await failure(plain.call(open))).to.include({ code: REFUSED });
    const send = (sender: Sender<string>) => sender.send('from above');
    const receiver: OpenReceiver<string> = router.receiver({ policy: 'above' });
    const sendUntilRefused = async (sender: Sender<string>) => {
      for (;;) await sender.send('from below');
    };
    const refused = plain.call(sendUntilRefused, receiver.toSender());
    expect(await failure(refused)).to.include({ code: REFUSED });
    await lent.call(send, receiver.toSender());
    expect(await receiver.get()).to.equal('from above');
  });

  it('gets no generators of the services of the program, whose steps would be calls', async () => {
    router.serve(new Greeter());
    const lent = await router.local({ lendAuthority: true });
    const count = async () => {
      await thisContext().router.master.service<typeof Greeter>('greeter').count(3);
    };
    expect(await failure(lent.call(count))).to.include({ code: 'ERR_NOT_SERIALIZABLE' });
  });

  it('calls and starts the services of its siblings, and gets generators of them', async () => {
    const [lent, plain, other] = await Promise.all([
      router.local({ lendAuthority: true }),
      router.local(),
      router.local(),
    ]);
    await other.call(serveVault);
    const open = (context: Context) => context.service<typeof Vault>('vault').open();
    expect(await failure(plain.call(open, other))).to.include({ code: REFUSED });
    expect(await lent.call(open, other)).to.equal('gold');
    expect(await failure(plain.call(idOfOnce, other))).to.include({ code: 'ERR_NO_SERVICE' });
    const id = await lent.call(idOfOnce, other);
    expect(id).to.equal(await other.service(Once).id());
    const count = async (context: Context) => {
      const numbers: number[] = [];
      for await (const n of await context.service(Greeter).count(3)) numbers.push(n);
      for await (const n of await context.call(countTo, 2)) numbers.push(n);
      return numbers;
    };
    expect(await lent.call(count, other)).to.deep.equal([1, 2, 3, 1, 2]);
  });

  it('gives up calls of its siblings, by signal and in time, and when it is lost', async () => {
    const [lent, other] = await Promise.all([
      router.local({ lendAuthority: true }),
      router.local(),
    ]);
    const giveUp = async (context: Context) => {
      const abort = new AbortController();
      const heard = context.call(untilAborted, abort.signal);
      abort.abort('enough');
      const timed = context.with({ timeout: 50 }).call(forEver);
      return [await heard, await timed.catch((error) => error.code), await context.call(hostname)];
    };
    expect(await lent.call(giveUp, other)).to.deep.equal(['enough', 'ERR_TIMEOUT', hostname()]);
    const waiting = failure(
      lent.call(
        (context: Context) => context.call(untilAborted, new AbortController().signal),
        other,
      ),
    );
    await until('it runs', () => said.filter((text) => text === 'waits').length === 2);
    process.kill(lent.pid as number, 'SIGKILL');
    expect(await waiting).to.include({ code: 'ERR_CONTEXT_LOST' });
    await until('its callee knows', () => said.some((text) => /aborted: .*lost/.test(text)));
  });

  it('starts contexts by way of its siblings, and of its parent, and ends them', async () => {
    const hop = await router.local({ name: 'hop' });
    const [lent, other] = await Promise.all([
      router.local({ name: 'lent', via: hop, lendAuthority: true }),
      hop.call(grow, 'other'),
    ]);
    const child = await lent.call(growBy, other, 'child');
    const beside = await lent.call(growByParent, 'beside');
    const below = await lent.call(growBy, child, 'below');
    const mine = await lent.call(grow, 'mine');
    expect(child).to.include({ name: 'hop.other.child', via: other });
    expect(outline(await router.tree())).to.deep.equal([
      'master',
      [
        'hop',
        ['hop.lent', ['hop.lent.mine']],
        ['hop.other', ['hop.other.child', ['hop.other.child.below']]],
        ['hop.beside'],
      ],
    ]);
    for (const context of [child, beside, below, mine]) {
      expect(await lent.call(attempt, context)).to.deep.equal(DONE);
      expect(await lent.call(ping, context)).to.be.above(0);
    }
    expect(await child.call(attempt, beside), 'it was lent nothing').to.equal(REFUSED);
    await lent.call(end, child);
    await lent.call(end, beside);
    await until('they are gone', () => [child, beside, below].every(({ pid }) => !isAlive(pid!)));
    await lent.call(end, other);
    expect(outline(await router.tree())).to.deep.equal([
      'master',
      ['hop', ['hop.lent', ['hop.lent.mine']]],
    ]);
  });

  it('is what others would have to be: they start and end nothing beside them', async () => {
    const [plain, other] = await Promise.all([router.local({ name: 'plain' }), router.local()]);
    const child = await other.call(grow, 'child');
    for (const context of [other, child]) {
      for (const fn of [growBy, end, ping] as ((...args: never[]) => unknown)[]) {
        expect(await failure(plain.call(fn, context as never, 'more' as never))).to.include({
          code: REFUSED,
        });
      }
    }
    expect(await failure(plain.call(growByParent, 'more'))).to.include({ code: 'ERR_NO_HANDLE' });
    expect(outline(await router.tree()).flat(2)).to.have.lengthOf(4);
  });
});

function* countTo(end: number): Generator<number> {
  for (let n = 1; n <= end; n++) yield n;
}

async function forEver(): Promise<void> {
  await new Promise(() => {});
}

async function untilAborted(signal: AbortSignal): Promise<unknown> {
  console.log('waits');
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  console.log(`aborted: ${signal.reason instanceof Error ? signal.reason.message : signal.reason}`);
  return signal.reason;
}
