/** A child that was taken over, and was given a sender: what it can do to those who read. */

import { fileURLToPath } from 'node:url';
import { type Context, Router, type Sender } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { program } from '../support/program.js';

const CHILD = fileURLToPath(new URL('fixtures/hostile-child.mjs', import.meta.url));

const use = (sender: Sender<string | Buffer>) => sender.send('as it should be');

describe('hostile/channels', () => {
  let router: Router;
  let good: Context;
  let script: { path: string; remove(): Promise<void> };

  beforeEach(async () => {
    router = new Router({ onLog: () => {} });
    good = await router.local({ name: 'good' });
  });

  afterEach(async () => {
    await router.shutdown();
    await script.remove();
  });

  async function startEvil(evil: string): Promise<Context> {
    script = await program(`KINETIN_TEST_EVIL=${evil} exec '${process.execPath}' '${CHILD}' "$@"`);
    return await router.local({ name: 'evil', node: script.path });
  }

  for (const windowBytes of [undefined, 2 ** 21]) {
    const size = windowBytes ? ` of ${windowBytes} bytes` : '';
    it(`a child that exceeds its credit${size} is cut off from that receiver, and from nothing else`, async () => {
      const evil = await startEvil('overdraft');
      const receiver = router.receiver<string | Buffer>({ windowBytes });
      const other = router.receiver<string | Buffer>();
      // Not before all of it has come.
      expect(await evil.call(use, receiver.toSender())).to.equal('done');
      // Messages of 60,000 bytes and a header.
      expect(receiver.size).to.equal(windowBytes ? 35 : 9);
      while (receiver.size > 0) await receiver.get();
      expect(await failure(receiver.get())).to.include({
        name: 'ChannelError',
        code: 'ERR_CREDIT',
      });
      await good.call(use, other.toSender());
      expect(await other.get()).to.equal('as it should be');
      expect(await evil.call(use, other.toSender())).to.equal('done');
    });
  }

  it('a child that was given no sender cannot use one, close it or break it', async () => {
    const evil = await startEvil('intrusion');
    const receiver = router.receiver<string | Buffer>();
    const sender = receiver.toSender();
    expect(await evil.call(use, sender)).to.equal('done');
    await good.call(use, sender);
    expect(await receiver.get()).to.equal('as it should be');
    expect(receiver.size).to.equal(0);
    expect(receiver.isEnded).to.equal(false);
  });

  it('a child that sends the master on errands reaches nobody, and makes up no context', async () => {
    const evil = await startEvil('errand');
    expect(good.id).to.equal(1);
    expect(await evil.call(process.cwd)).to.equal('done');
    // What the master was told to send would have left before this.
    expect(await good.call(process.cwd)).to.equal(process.cwd());
    expect((await router.tree()).children.map(({ name }) => name)).to.deep.equal(['good', 'evil']);
  });
});
