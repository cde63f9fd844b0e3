/** The option `unidirectional`: contexts that may talk only to those above and below them. */

import { hostname } from 'node:os';
import { type Context, Router } from '@kinetin/master';
import { expect } from 'chai';

/** What a context says that was reached, and does not serve the one that asks. */
const REACHED = 'refuses the sender';

/** Runs in a context: calls another one, which may refuse that, and says what came of it. */
async function ask(other: Context): Promise<string> {
  try {
    await other.call(hostname);
    return 'answered';
  } catch (error) {
    return String((error as Error).message);
  }
}

describe('hostile/unidirectional', () => {
  let router: Router;
  beforeEach(() => {
    router = new Router();
  });
  afterEach(() => router.shutdown());

  it('lets siblings talk without it', async () => {
    const [one, two] = await Promise.all([router.local(), router.local()]);
    expect(await one.call(ask, two)).to.contain(REACHED);
  });

  it('refuses siblings, both ways, naming both ends, and works for those above', async () => {
    const one = await router.local({ unidirectional: true });
    const two = await router.local();
    expect(await one.call(ask, two)).to.contain(
      `context ${one.id} may not talk to context ${two.id}`,
    );
    expect(await two.call(ask, one)).to.contain(
      `context ${two.id} may not talk to context ${one.id}`,
    );
    expect(await one.call(hostname)).to.equal(hostname());
  });

  it('holds for what such a context starts, also among themselves', async () => {
    const above = await router.local({ unidirectional: true });
    const [one, two] = await Promise.all([
      router.local({ via: above }),
      router.local({ via: above }),
    ]);
    expect(await one.call(ask, two)).to.contain('may not talk');
    expect(await one.call(ask, above)).to.contain(REACHED);
    expect(await above.call(ask, one)).to.equal('answered');
    expect(await two.call(hostname)).to.equal(hostname());
  });
});
