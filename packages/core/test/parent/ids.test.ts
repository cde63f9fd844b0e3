import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import { type IdBlock, Ids } from '../../src/parent/ids.js';
import { listenForNews, type News } from '../../src/parent/news.js';
import type { Stream } from '../../src/routing/stream.js';
import { ADD_ROUTE, ALLOCATE_ID } from '../../src/wire/handles.js';
import { MAX_ID_BLOCKS, MAX_NAME_CHARS } from '../../src/wire/limits.js';

/** Below the master a hop with a child, and another child. */
const [MASTER, HOP, CHILD, OTHER] = [0, 1, 2, 3];
/** Ids of one block here. */
const BLOCK = 10;

describe('ids for contexts that contexts start', () => {
  let tree: TestTree;
  let ids: Map<number, Ids>;
  /** What a context heard from below. */
  let heard: Map<number, News[]>;
  let nextBlock: number;

  beforeEach(async () => {
    tree = await TestTree.grow([HOP, MASTER], [CHILD, HOP], [OTHER, MASTER]);
    nextBlock = 100;
    ids = new Map();
    heard = new Map();
    serve(MASTER, async () => {
      nextBlock += BLOCK;
      return { next: nextBlock - BLOCK, end: nextBlock };
    });
    serve(HOP, () => ask(HOP));
  });

  function serve(id: number, getBlock: () => Promise<IdBlock>, maxBlocks?: number): void {
    const { router, complaints } = tree.get(id);
    const blocks = new Ids(router, getBlock, maxBlocks);
    ids.set(id, blocks);
    const news: News[] = [];
    heard.set(id, news);
    const onNews = (one: News) => {
      news.push(one);
      if (router.upstream) router.sendTo(router.upstream, ADD_ROUTE, one);
    };
    listenForNews(router, blocks, onNews, (text) => complaints.push(text));
  }

  function ask(id: number): Promise<IdBlock> {
    const { router } = tree.get(id);
    const [parent] = router.parentIds as [number];
    return router.request(parent, ALLOCATE_ID, router.encode(0)) as Promise<IdBlock>;
  }

  /** `from` says that there is a new context, to its parent. */
  async function announce(from: number, ...news: unknown[]): Promise<void> {
    const { router } = tree.get(from);
    router.sendTo(router.upstream as Stream, ADD_ROUTE, news);
    await settle();
  }

  const routesOf = (id: number) => [...tree.router(id).routes.keys()].sort((a, b) => a - b);

  it('come in blocks from the master, by way of each hop, and are never the same', async () => {
    const blocks = await Promise.all([ask(CHILD), ask(OTHER), ask(CHILD), ask(HOP)]);
    expect(blocks.map(({ next, end }) => end - next)).to.deep.equal([BLOCK, BLOCK, BLOCK, BLOCK]);
    expect(new Set(blocks.map(({ next }) => next)).size).to.equal(4);
  });

  it('make a context known to every hop above, with the route to it', async () => {
    const { next: id } = await ask(CHILD);
    await announce(CHILD, id, CHILD, 'new', 'local');
    await announce(CHILD, id, CHILD, 'new', 'local', 4711, 'v20.0.0');
    const news = [
      [id, CHILD, 'new', 'local'],
      [id, CHILD, 'new', 'local', 4711, 'v20.0.0'],
    ];
    expect(heard.get(HOP)).to.deep.equal(news);
    expect(heard.get(MASTER)).to.deep.equal(news);
    expect(routesOf(MASTER)).to.deep.equal([HOP, CHILD, OTHER, id]);
    expect(tree.router(MASTER).routes.get(id)?.peer).to.equal(HOP);
    expect(tree.router(HOP).routes.get(id)?.peer).to.equal(CHILD);
  });

  it('may be announced by none but who has them, behind itself, and once', async () => {
    const { next: id } = await ask(CHILD);
    const { next: others } = await ask(OTHER);
    await announce(CHILD, others, CHILD, 'stolen', 'local');
    await announce(OTHER, id, OTHER, 'stolen', 'local');
    await announce(CHILD, id, HOP, 'elsewhere', 'local');
    await announce(CHILD, id, OTHER, 'elsewhere', 'local');
    await announce(CHILD, CHILD, CHILD, 'itself', 'local');
    await announce(CHILD, OTHER, CHILD, 'another', 'local');
    await announce(CHILD, HOP, CHILD, 'its parent', 'local');
    await announce(CHILD, MASTER, CHILD, 'the master', 'local');
    await announce(CHILD, id + 0.5, CHILD, 'half', 'local');
    await announce(CHILD, 'nonsense');
    expect(heard).to.deep.equal(
      new Map([
        [MASTER, []],
        [HOP, []],
      ]),
    );
    expect(routesOf(HOP)).to.deep.equal([CHILD]);
    expect(routesOf(MASTER)).to.deep.equal([HOP, CHILD, OTHER]);
    expect(tree.get(HOP).complaints).to.have.lengthOf(9);
    expect(tree.get(MASTER).complaints).to.have.lengthOf(1);
    await announce(CHILD, id, CHILD, 'first', 'local');
    tree.router(HOP).removeRoute(id, 'it has ended');
    await announce(CHILD, id, CHILD, 'again', 'local');
    expect(routesOf(HOP)).to.deep.equal([CHILD]);
    expect(tree.get(HOP).complaints[9]).to.equal(
      `context ${CHILD} may not have announced context ${id}`,
    );
  });

  describe('below a child that was lent authority', () => {
    beforeEach(() => {
      (tree.router(MASTER).routes.get(HOP) as Stream).authority = MASTER;
      (tree.router(HOP).routes.get(CHILD) as Stream).authority = HOP;
    });

    it('make a context known as otherwise', async () => {
      const { next: id } = await ask(CHILD);
      await announce(CHILD, id, CHILD, 'new', 'local');
      expect(heard.get(MASTER)).to.deep.equal([[id, CHILD, 'new', 'local']]);
      expect(tree.router(MASTER).routes.get(id)?.peer).to.equal(HOP);
      expect(tree.router(HOP).routes.get(id)?.peer).to.equal(CHILD);
    });

    it('are announced by the child itself, and not past it, nor as those above do', async () => {
      const { next, end } = await ask(CHILD);
      const child = tree.router(CHILD);
      // The last of the block: the others would be lost with it.
      const stolen = end - 1;
      for (const via of [HOP, CHILD]) {
        for (const word of [
          [stolen, via],
          [stolen, via, 'stolen', 'local'],
        ]) {
          child.post(MASTER, ADD_ROUTE, word);
        }
      }
      await announce(CHILD, next + BLOCK, HOP);
      await announce(CHILD, OTHER, HOP);
      await announce(CHILD, MASTER, CHILD);
      expect(heard.get(MASTER)).to.deep.equal([]);
      expect(routesOf(MASTER)).to.deep.equal([HOP, CHILD, OTHER]);
      expect(routesOf(HOP)).to.deep.equal([CHILD]);
      await announce(CHILD, next, CHILD, 'honest', 'local');
      expect(routesOf(MASTER)).to.deep.equal([HOP, CHILD, OTHER, next]);
    });

    it('are given to neighbours alone', async () => {
      const child = tree.router(CHILD);
      const asked = child.request(MASTER, ALLOCATE_ID, child.encode(0));
      expect(await failure(asked)).to.include({ code: 'ERR_REFUSED' });
      expect(nextBlock).to.equal(100);
    });
  });

  it('come with names that are texts of bounded length', async () => {
    const { next: id } = await ask(OTHER);
    await announce(OTHER, id, OTHER, 'n'.repeat(2000), { not: 'a text' }, 'pid', 'v'.repeat(100));
    const [[, , name, method, pid, version]] = heard.get(MASTER) as [News];
    expect(name).to.have.lengthOf(MAX_NAME_CHARS);
    expect(method).to.equal('[object Object]');
    expect(pid).to.be.NaN;
    expect(version).to.have.lengthOf(32);
  });

  it('are refused to a child that asks without end, by its parent: others get theirs', async () => {
    // A quarter for each level.
    const most = MAX_ID_BLOCKS / 4;
    const answers = await Promise.all(
      Array.from({ length: most + 5 }, () => ask(CHILD).catch((error) => error.code)),
    );
    expect(answers.filter((one) => one === 'ERR_TOO_MANY_CONTEXTS')).to.have.lengthOf(5);
    const error = await failure(ask(CHILD));
    expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_TOO_MANY_CONTEXTS' });
    expect(nextBlock).to.equal(100 + most * BLOCK);
    await ask(HOP);
    await ask(OTHER);
  });

  for (const most of [0, 1, 3]) {
    it(`are no more blocks than ${most} for each child, where that is said`, async () => {
      serve(MASTER, async () => ({ next: nextBlock, end: ++nextBlock }), most);
      for (const child of [HOP, OTHER]) {
        for (let i = 0; i < most; i++) await ask(child);
        expect(await failure(ask(child))).to.include({ code: 'ERR_TOO_MANY_CONTEXTS' });
      }
    });
  }

  it('are one block for each child far below, where a quarter of a quarter would be none', async () => {
    const deep = [4, 5, 6, 7, 8];
    let parent = CHILD;
    for (const id of deep) {
      await tree.add(id, parent);
      parent = id;
    }
    const [hop, below] = deep.slice(-2) as [number, number];
    serve(hop, async () => ({ next: nextBlock, end: ++nextBlock }));
    await ask(below);
    expect(await failure(ask(below))).to.include({ code: 'ERR_TOO_MANY_CONTEXTS' });
  });

  it('that were all used make room for others when their contexts have ended', async () => {
    const most = MAX_ID_BLOCKS / 4;
    const [first] = await Promise.all(Array.from({ length: most }, () => ask(CHILD)));
    const { next, end } = first as IdBlock;
    for (let id = next; id < end; id++) await announce(CHILD, id, CHILD, 'short', 'local');
    expect(await failure(ask(CHILD))).to.include({ code: 'ERR_TOO_MANY_CONTEXTS' });
    for (let id = next; id < end; id++) tree.router(HOP).removeRoute(id, 'it has ended');
    await settle();
    expect(await ask(CHILD))
      .to.have.property('next')
      .that.is.above(end);
  });

  it('that a lost child has left serve again, but none that was ever announced', async () => {
    const { next, end } = await ask(CHILD);
    await announce(CHILD, next, CHILD, 'one', 'local');
    await announce(CHILD, next + 1, CHILD, 'two', 'local');
    tree.get(CHILD).down?.cutOff('the cable');
    await settle();
    expect(routesOf(MASTER)).to.deep.equal([HOP, OTHER]);
    expect(await (ids.get(HOP) as Ids).take()).to.deep.equal({ next: next + 2, end });
    expect(await (ids.get(HOP) as Ids).take())
      .to.have.property('next')
      .that.is.above(end - 1);
  });

  it('that come when the child is gone are kept for the next', async () => {
    let give: (block: IdBlock) => void = () => {};
    serve(MASTER, () => new Promise((resolve) => (give = resolve)));
    // The context that asks is gone itself: nobody waits.
    ask(CHILD).catch(() => {});
    await settle();
    tree.get(CHILD).down?.cutOff('the cable');
    await settle();
    give({ next: 500, end: 600 });
    await settle();
    expect(await (ids.get(HOP) as Ids).take()).to.deep.equal({ next: 500, end: 600 });
    expect(tree.get(HOP).complaints).to.deep.equal([]);
  });
});
