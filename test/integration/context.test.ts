import { setTimeout as delay } from 'node:timers/promises';
import { Context, Router, thisContext } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';

const identity = <Value>(value: Value): Value => value;
const whoAmI = () => {
  const { id, name } = thisContext();
  return { id, name };
};

describe('the context that code runs in', () => {
  let router: Router;
  beforeEach(() => {
    router = new Router();
  });
  afterEach(() => router.shutdown());

  for (const workThread of ['eager', 'none'] as const) {
    it(`is known to that code (workThread: ${workThread})`, async () => {
      const hop = await router.local({ name: 'hop' });
      const leaf = await router.local({ name: 'leaf', via: hop, workThread });
      expect(await leaf.call(whoAmI)).to.deep.equal({ id: leaf.id, name: 'hop.leaf' });
    });
  }

  it('knows the context that started it', async () => {
    const hop = await router.local({ name: 'hop' });
    const leaf = await router.local({ name: 'leaf', via: hop });
    const parentOf = () => thisContext().router.parent;
    expect(await leaf.call(parentOf)).to.equal(hop);
    expect(await hop.call(() => thisContext().router.parent.id)).to.equal(0);
  });

  it('is not the master', () => {
    expect(() => thisContext())
      .to.throw('this is the master')
      .with.property('code', 'ERR_NOT_IN_CONTEXT');
  });

  it('does not hold up calls that come after the first that uses it, nor lets them overtake', async () => {
    const context = router.local();
    const answers: number[] = [];
    const first = context.call(whoAmI).then(() => answers.push(1));
    const second = context.call(identity, 2).then(() => answers.push(2));
    await Promise.all([first, second]);
    expect(answers).to.deep.equal([1, 2]);
  });

  describe('contexts as values', () => {
    it('come back as the same objects', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      const back = await one.call(identity<unknown>, { one, list: [two, one] });
      expect(back).to.deep.equal({ one, list: [two, one] });
      expect((back as { one: Context }).one).to.equal(one);
      const pending = router.local();
      expect(await one.call(identity<unknown>, pending)).to.equal(await pending);
    });

    it('are contexts there, too, and the same for all', async () => {
      const [one, two] = await Promise.all([router.local(), router.local({ name: 'two' })]);
      const said = await one.call(
        (other: Context, again: Context) => [
          other instanceof Context,
          other === again,
          other.name,
          other.id === thisContext().id,
        ],
        two,
        two,
      );
      expect(said).to.deep.equal([true, true, 'two', false]);
      expect(await one.call((self: Context) => self.name === thisContext().name, one)).to.equal(
        true,
      );
    });

    it('arrive before any function there has used Kinetin', async () => {
      const [one, two] = await Promise.all([router.local(), router.local()]);
      expect(await one.call(({ id }: Context) => id, two)).to.equal(two.id);
    });

    it('can be called by those above them only', async () => {
      const hop = await router.local({ name: 'hop' });
      const below = await router.local({ via: hop });
      const beside = await router.local({ name: 'beside' });
      const pidOf = (context: Context) => context.call(process.cwd);
      expect(await hop.call(pidOf, below)).to.equal(process.cwd());
      const refused = await failure<Error & { code: string }>(hop.call(pidOf, beside));
      expect(refused.code).to.equal('ERR_REFUSED');
      expect(refused.message).to.equal(
        'handle 101 refuses the sender; only contexts above beside may call functions there',
      );
    });

    it('that are lost are lost for those who hold them', async () => {
      const hop = await router.local({ name: 'hop' });
      const below = await router.local({ via: hop });
      const waiting = hop.call((context: Context) => context.call(delay, 1e8), below);
      await hop.call((context: Context) => context.call(process.cwd), below);
      await below.shutdown();
      expect(await failure(waiting)).to.include({ code: 'ERR_CONTEXT_LOST' });
    });

    it('that make no sense are refused', async () => {
      const context = await router.local();
      const bad = () => {
        const { router, ...own } = thisContext();
        return Object.assign(Object.create(Object.getPrototypeOf(thisContext())), own, { id: -1 });
      };
      expect(await failure(context.call(bad))).to.include({ code: 'ERR_BAD_PAYLOAD' });
      expect(await context.call(identity, 1)).to.equal(1);
    });
  });

  it('has no files to import', async () => {
    const hop = await router.local();
    const below = await router.local({ via: hop });
    const load = (context: Context) => context.import('/tasks.js');
    expect(await failure(hop.call(load, below))).to.include({ code: 'ERR_ONLY_MASTER' });
  });

  it('says that its functions must be exported to be called from there', async () => {
    const hop = await router.local();
    const below = await router.local({ via: hop });
    const call = (context: Context) => context.call(() => 1);
    expect(await failure(hop.call(call, below))).to.include({ code: 'ERR_NOT_CALLABLE' });
  });
});
