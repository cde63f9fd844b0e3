import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { type NaiveFrame, naiveFrame } from '../../../../test/support/naive-frame.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import { ADD_ROUTE, DEL_ROUTE } from '../../src/wire/handles.js';
import { serialize } from '../../src/wire/serialize.js';

const [MASTER, A, B, C, D] = [0, 1, 2, 3, 4];

describe('routing/routes', () => {
  /** master > a > b, master > c > d */
  let tree: TestTree;

  beforeEach(async () => {
    tree = await TestTree.grow([A, MASTER], [B, A], [C, MASTER], [D, C]);
  });

  /** A message of a context about routes, whatever its router would say to it. */
  async function say(from: number, handle: number, value: unknown, fields: NaiveFrame = {}) {
    const payload = serialize(value);
    tree.get(from).up?.write(naiveFrame({ source: from, handle, payload, ...fields }), () => {});
    await settle();
  }

  /** Through which neighbour each context reaches which others below it. */
  const routes = () =>
    [...tree.contexts].map(([id, { router }]) => [
      id,
      ...[...router.routes].map(([to, stream]) => `${to} by ${stream.peer}`).sort(),
    ]);

  const INTACT = [
    [0, '1 by 1', '2 by 1', '3 by 3', '4 by 3'],
    [1, '2 by 2'],
    [2],
    [3, '4 by 4'],
    [4],
  ];

  async function expectIntact(): Promise<void> {
    expect(routes()).to.deep.equal(INTACT);
    const pairs = [
      [MASTER, A],
      [MASTER, B],
      [MASTER, D],
      [A, B],
      [B, A],
      [D, B],
      [B, D],
    ] as const;
    const answers: string[] = [];
    for (const [from, to] of pairs) {
      const [asker, far] = [tree.router(from), tree.router(to)];
      const handle = far.listen({ onMessage: (message) => far.reply(message, far.encode('fine')) });
      asker.request(to, handle, asker.encode(1)).then(
        (answer) => answers.push(`${from} to ${to}: ${answer}`),
        (error) => answers.push(`${from} to ${to}: ${error}`),
      );
    }
    await settle();
    const expected = pairs.map(([from, to]) => `${from} to ${to}: fine`);
    expect(answers.sort()).to.deep.equal(expected.sort());
  }

  it('lead down to all contexts, hop by hop', () => expectIntact());

  it('are known in each hop when a context below is announced', async () => {
    await tree.add(9, D);
    expect(tree.router(MASTER).routes.get(9)?.peer).to.equal(C);
    expect(tree.router(C).routes.get(9)?.peer).to.equal(D);
    expect(tree.router(D).routes.get(9)?.peer).to.equal(9);
    expect(tree.router(A).routes.has(9)).to.equal(false);
  });

  describe('news from a child', () => {
    const ofOthers: [title: string, id: unknown][] = [
      ['the master', MASTER],
      ['its sibling', A],
      ['its nephew', B],
    ];
    for (const [title, id] of ofOthers) {
      it(`takes no route to ${title} away`, async () => {
        await say(C, ADD_ROUTE, [id, C]);
        await say(C, DEL_ROUTE, [id, 'evil']);
        await expectIntact();
        expect(tree.get(MASTER).lost).to.deep.equal([]);
      });
    }

    for (const [title, value] of [
      ['nothing', undefined],
      ['an empty list', []],
      ['a text as id', ['7', C]],
      ['a fraction as id', [7.5, C]],
      ['a negative id', [-1, C]],
      ['NaN as id', [Number.NaN, C]],
      ['an object as id', [{ a: 1 }, C]],
      ['an id of more than 32 bits', [2 ** 32, C]],
    ] as const) {
      it(`that makes no sense (${title}) changes nothing`, async () => {
        await say(C, ADD_ROUTE, value);
        await say(C, DEL_ROUTE, value);
        await expectIntact();
      });
    }

    it('adds no route to an id that was never given out', async () => {
      for (let id = 100; id < 110; id++) await say(C, ADD_ROUTE, [id, C]);
      expect(tree.router(MASTER).routes.size).to.equal(4);
      // Or messages to the next context, and what it is told, would go to the liar.
      await tree.add(105, B);
      expect(tree.router(MASTER).routes.get(105)?.peer).to.equal(A);
    });

    it('counts only from a neighbour', async () => {
      await say(D, DEL_ROUTE, [D, 'evil'], { destination: MASTER });
      await say(D, ADD_ROUTE, [50, D], { destination: MASTER });
      await expectIntact();
    });

    for (const length of [1000, 1001]) {
      it(`hands on a reason of ${length} characters, 1000 at most`, async () => {
        const asked = tree.router(MASTER).request(D, 1000, tree.router(MASTER).encode(1));
        await say(C, DEL_ROUTE, [D, 'x'.repeat(length)]);
        const { message } = await failure(asked);
        expect(message.match(/x+$/)?.[0]).to.have.lengthOf(1000);
      });
    }

    it('that a context of its own is gone is believed', async () => {
      await say(C, DEL_ROUTE, [D, 'it left']);
      expect(tree.router(MASTER).routes.has(D)).to.equal(false);
      expect(tree.get(MASTER).lost).to.deep.equal([[D, 'it left']]);
    });
  });

  describe('news that a child sends to its cousin', () => {
    for (const [title, handle, value] of [
      ['that a child is gone', DEL_ROUTE, [B, 'evil']],
      ['that the master is gone', DEL_ROUTE, [MASTER, 'evil']],
      ['of a child that is to be', ADD_ROUTE, [50, A]],
      ['of a child that is there', ADD_ROUTE, [B, A]],
      ['of the master as a child', ADD_ROUTE, [MASTER, A]],
    ] as const) {
      it(`is refused (${title})`, async () => {
        await say(C, handle, value, { destination: A });
        await say(D, handle, value, { destination: A, authority: MASTER });
        expect(tree.get(A).lost).to.deep.equal([]);
        await expectIntact();
      });
    }
  });
});
