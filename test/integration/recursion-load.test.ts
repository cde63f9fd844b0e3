/** Contexts that start contexts, many at once, while they are called and ended. */

import { type Context, Router, type TreeNode, thisContext } from '@kinetin/master';
import { expect } from 'chai';
import { isAlive, until } from '../support/processes.js';

const ROUNDS = 20;
const NAMES = ['a', 'b', 'c'];

/** Starts children, without waiting for one before the next. */
const growMany = (names: string[]) =>
  Promise.all(names.map((name) => thisContext().router.local({ name })));

const add = (a: number, b: number) => a + b;
const idOf = () => thisContext().id;

/** Calls children from their parent: each answers for itself. */
async function askMany(children: Context[], rounds: number): Promise<number[]> {
  const answers: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const sums = children.map((child) => child.call(add, child.id, round));
    answers.push(...(await Promise.all(sums)).map((sum) => sum - round));
  }
  return answers;
}

/** Passes a context on: who gets it says which one it is. */
const look = (context: Context) => ({ id: context.id, name: context.name, seenBy: idOf() });

/** Starts a child, calls it, and ends it. */
async function growAndEnd(round: number): Promise<[id: number, answer: number, pid: number]> {
  const child = thisContext().router.local({ name: `short${round}` });
  const answer = await child.call(add, round, 1);
  const { id, pid } = await child;
  await child.shutdown();
  return [id, answer, pid as number];
}

const pidsOf = ({ pid, children }: TreeNode): number[] => [
  ...(pid === undefined ? [] : [pid]),
  ...children.flatMap(pidsOf),
];

describe('a tree that grows from within, under load,', () => {
  let router: Router;
  let logged: string[];
  beforeEach(() => {
    logged = [];
    router = new Router({ onLog: ({ context, text }) => logged.push(`${context}: ${text}`) });
  });
  afterEach(() => router.shutdown());

  it('answers right, forgets what has ended, and leaves nothing', async () => {
    const hops = await Promise.all(NAMES.map((name) => router.local({ name: `hop${name}` })));
    const families = await Promise.all(hops.map((hop) => hop.call(growMany, NAMES)));
    const all = families.flat();
    expect(new Set(all.map(({ id }) => id)).size).to.equal(9);
    expect(all.map(({ name }) => name)).to.deep.equal(
      NAMES.flatMap((hop) => NAMES.map((name) => `hop${hop}.${name}`)),
    );
    const doomed = families.map(([, , last]) => last as Context);
    const kept = all.filter((context) => !doomed.includes(context));

    const byMaster = kept.map(async (context) => {
      const answers = [];
      for (let round = 0; round < ROUNDS; round++) answers.push(await context.call(idOf));
      expect(answers).to.deep.equal(Array(ROUNDS).fill(context.id));
    });
    const byParents = hops.map(async (hop, i) => {
      const children = families[i]!.filter((context) => kept.includes(context));
      const answers = await hop.call(askMany, children, ROUNDS);
      const expected = Array.from({ length: ROUNDS }, () => children.map(({ id }) => id)).flat();
      expect(answers).to.deep.equal(expected);
    });
    // Each to each other one: cousins too.
    const passed = kept.flatMap((from) =>
      kept.map(async (to) => {
        const { id, name } = to;
        expect(await from.call(look, to)).to.deep.equal({ id, name, seenBy: from.id });
      }),
    );
    const ends = doomed.map((context) => context.shutdown());
    const short = hops.map(async (hop, i) => {
      const made: [number, number, number][] = [];
      for (let round = 0; round < 3; round++) {
        const [id, answer, pid] = await hop.call(growAndEnd, round + i);
        expect(answer).to.equal(round + i + 1);
        made.push([id, answer, pid]);
      }
      return made;
    });
    await Promise.all([...byMaster, ...byParents, ...passed, ...ends]);
    const ended = (await Promise.all(short)).flat();

    const ids = [...all.map(({ id }) => id), ...ended.map(([id]) => id)];
    expect(new Set(ids).size).to.equal(18);
    const tree = await router.tree();
    const names = tree.children.flatMap(({ children }) => children.map(({ name }) => name));
    expect(names).to.have.members(kept.map(({ name }) => name));
    const gone = [...doomed.map(({ pid }) => pid as number), ...ended.map(([, , pid]) => pid)];
    await until('what was ended is gone', () => !gone.some(isAlive));
    const pids = pidsOf(tree).filter((pid) => pid !== process.pid);
    expect(pids).to.have.lengthOf(9);
    await router.shutdown();
    await until('all is gone', () => !pids.some(isAlive));
    expect(logged).to.deep.equal([]);
  });

  it('ends with a hop that is killed while it starts children', async () => {
    const hop = await router.local({ name: 'hop' });
    const beside = await router.local({ name: 'beside' });
    const [first] = (await hop.call(growMany, ['first'])) as [Context];
    const growing = hop.call(growMany, NAMES).then(
      () => 'grown',
      (error) => error.code,
    );
    await until('one of them is there', async () => {
      const [node] = (await router.tree()).children;
      return (node?.children.length ?? 0) > 1;
    });
    const seen = pidsOf(await router.tree());
    process.kill(hop.pid as number, 'SIGKILL');
    expect(await growing).to.be.oneOf(['grown', 'ERR_CONTEXT_LOST']);
    const below = [first.pid as number, ...seen].filter(
      (pid) => pid !== process.pid && pid !== beside.pid,
    );
    await until('those below are gone', () => !below.some(isAlive));
    const { children } = await router.tree();
    expect(children.map(({ name }) => name)).to.deep.equal(['beside']);
    expect(await beside.call(idOf)).to.equal(beside.id);
  });
});
