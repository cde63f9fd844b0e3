import { once } from 'node:events';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { settle } from '../../../../test/support/stream-pair.js';
import type { Address } from '../../src/channels/address.js';
import type { Channel } from '../../src/channels/channel.js';
import { Sender } from '../../src/channels/sender.js';
import { CHANNEL_WINDOW_BYTES } from '../../src/wire/limits.js';
import { ChannelTree, collect, handlesOf, isSettled } from './channel-tree.js';

const [MASTER, A, B, C] = [0, 1, 2, 3];

describe('channels/channel', () => {
  /** master > a > b, master > c. */
  let tree: ChannelTree;
  beforeEach(async () => {
    tree = await ChannelTree.grow([A, MASTER], [B, A], [C, MASTER]);
  });

  const make = (id: number) => tree.get(id).channels.channel<unknown, unknown>();

  async function connect(from: number, to: number): Promise<[Channel, Channel]> {
    const here = make(from);
    return [here, await tree.pass(here, from, to)];
  }

  for (const [what, from, to] of [
    ['a grandchild', MASTER, B],
    ['a cousin', C, B],
    ['a context above', B, MASTER],
    ['the same context', A, A],
  ] as const) {
    it(`has its other end in ${what}, both directions`, async () => {
      const [here, there] = await connect(from, to);
      expect(here.endpoint).to.equal('channel');
      const sent = [here.send('a'), here.send('b'), there.send(1), there.send(2)];
      expect([await there.get(), await there.get()]).to.deep.equal(['a', 'b']);
      expect([await here.get(), await here.get()]).to.deep.equal([1, 2]);
      await Promise.all(sent);
      const closed = there.close();
      expect(await collect(here)).to.deep.equal([[], undefined]);
      await closed;
      await here.close();
    });
  }

  it('keeps what is sent before there is another end, up to the window', async () => {
    const here = make(MASTER);
    await here.send(Buffer.alloc(CHANNEL_WINDOW_BYTES));
    const more = here.send('more');
    expect(await isSettled(more)).to.equal(false);
    const there = await tree.pass(here, MASTER, B);
    expect(await there.get()).to.have.length(CHANNEL_WINDOW_BYTES);
    await more;
    expect(await there.get()).to.equal('more');
    await here.close();
  });

  it('has windowBytes for what its own end reads; the other end has the default', async () => {
    const here = tree.get(MASTER).channels.channel<Buffer, Buffer>({
      windowBytes: 4 * CHANNEL_WINDOW_BYTES,
    });
    const there = await tree.pass(here, MASTER, B);
    const bytes = Buffer.alloc(CHANNEL_WINDOW_BYTES);
    await Promise.all([1, 2, 3, 4].map(() => there.send(bytes)));
    expect(await isSettled(there.send(bytes))).to.equal(false);
    await here.send(bytes);
    expect(await isSettled(here.send(bytes))).to.equal(false);
    expect([here.size, there.size]).to.deep.equal([4, 1]);
    await Promise.all([here.close(), there.close()]);
  });

  it('cannot be given away twice, nor passed on', async () => {
    const [here, there] = await connect(MASTER, B);
    for (const [channel, id] of [
      [here, MASTER],
      [there, B],
    ] as const) {
      expect(await failure(tree.pass({ channel }, id, C))).to.include({
        code: 'ERR_NOT_SERIALIZABLE',
        path: 'value.channel',
      });
    }
    await here.send(1);
    expect(await there.get()).to.equal(1);
    await here.close();
    await settle();
  });

  it('takes one other end, whoever else has found it', async () => {
    const here = make(MASTER);
    const there = await tree.pass(here, MASTER, B);
    const forged = Object.assign(Object.create(Object.getPrototypeOf(here)), {
      sender: here.sender,
    });
    forged.give = () => (there.sender as unknown as { _address: unknown })._address;
    const second = await tree.pass(forged as Channel, MASTER, C);
    expect(
      await failure(
        second
          .send(1)
          .then(settle)
          .then(() => second.send(2)),
      ),
    ).to.include({
      code: 'ERR_REFUSED',
    });
    await there.send('first');
    expect(await here.get()).to.equal('first');
  });

  it('fails where the other end does not say where it reads', async () => {
    const here = make(MASTER);
    const { address } = (here as unknown as { _offer: { address: Address } })._offer;
    const sender = new Sender({ core: tree.get(B).router }, address);
    await sender.send(1);
    expect(await failure(here.get())).to.include({ code: 'ERR_BAD_PAYLOAD' });
    expect(await failure(here.send(1))).to.include({ code: 'ERR_BAD_PAYLOAD' });
  });

  it('ends one direction with its sender, the other goes on', async () => {
    const [here, there] = await connect(MASTER, B);
    await here.send('question');
    await here.sender.close();
    expect(await collect(there)).to.deep.equal([['question'], undefined]);
    await there.send('answer');
    await there.close();
    expect(await collect(here)).to.deep.equal([['answer'], undefined]);
  });

  it('that is closed refuses what comes, and delivers what was sent', async () => {
    const [here, there] = await connect(MASTER, B);
    await here.send('last words');
    await here.close();
    expect(await failure(there.send(1))).to.include({ code: 'ERR_CLOSED_THERE' });
    expect(await collect(there)).to.deep.equal([['last words'], undefined]);
    expect(await failure(here.get())).to.include({ code: 'ERR_CLOSED_HERE' });
  });

  it('that is closed before the other end is there delivers what was sent, and its end', async () => {
    const here = make(MASTER);
    await here.send('job');
    tree.get(A).down!.isHeld = true;
    const passing = tree.pass(here, MASTER, B);
    await here.send('another');
    await here.close();
    expect(await failure(here.get())).to.include({ code: 'ERR_CLOSED_HERE' });
    tree.get(A).down!.release();
    const there = await passing;
    expect(await collect(there)).to.deep.equal([['job', 'another'], undefined]);
    expect(await failure(there.send(1))).to.include({ code: 'ERR_CLOSED_THERE' });
    await there.close();
  });

  it('whose first end is gone when it arrives fails in both directions', async () => {
    const here = make(C);
    tree.get(B).down!.isHeld = true;
    const passing = tree.pass(here, C, B);
    await settle();
    tree.get(C).up!.cutOff('gone');
    tree.get(B).down!.release();
    const there = await passing;
    expect(await failure(there.get())).to.include({ name: 'DeadLetterError' });
    expect(await failure(there.send(1))).to.include({ name: 'DeadLetterError' });
  });

  it('that is destroyed as a stream before it was given away is so there, too', async () => {
    const here = make(MASTER);
    await once(here.toDuplex().destroy(), 'close');
    const there = await tree.pass(here, MASTER, B);
    expect(await failure(there.get())).to.include({ code: 'ERR_ABORTED_THERE' });
    expect(await failure(there.send(1))).to.include({ code: 'ERR_CLOSED_THERE' });
  });

  it('that was given to nobody can be closed', async () => {
    const here = make(MASTER);
    await here.send('x');
    await here.close();
    expect(await failure(here.send('y'))).to.include({ code: 'ERR_CLOSED_HERE' });
  });

  it('fails in both directions when the other end is lost', async () => {
    const [here, there] = await connect(MASTER, B);
    await there.send(1);
    await settle();
    tree.get(A).up?.cutOff('gone');
    const [got, error] = await collect(here);
    expect(got).to.deep.equal([1]);
    expect(error).to.include({ code: 'ERR_CONTEXT_LOST' });
    expect(await failure(here.send(2))).to.include({ code: 'ERR_CONTEXT_LOST' });
  });

  it('fails when its respondent is lost before it is there', async () => {
    const options = { respondent: { origin: { id: A } } };
    const here = tree.get(MASTER).channels.channel(options);
    await here.send(Buffer.alloc(CHANNEL_WINDOW_BYTES));
    const waiting = failure(here.send(1));
    tree.get(A).up?.cutOff('gone');
    expect(await failure(here.get())).to.include({ code: 'ERR_CONTEXT_LOST' });
    expect(await waiting).to.include({ code: 'ERR_CONTEXT_LOST' });
  });

  it('leaves no handle behind where its first end is closed when it arrives', async () => {
    const here = make(MASTER);
    const { address } = (here as unknown as { _offer: { address: Address } })._offer;
    await here.close();
    const late = make(MASTER);
    late.give = () => address;
    const before = handlesOf(tree.get(B).router);
    const there = await tree.pass(late, MASTER, B);
    expect(await failure(there.get())).to.include({ code: 'ERR_CLOSED_THERE' });
    expect(handlesOf(tree.get(B).router)).to.equal(before);
  });

  it('leaves no handle behind', async () => {
    const count = () => [MASTER, B].map((id) => handlesOf(tree.get(id).router));
    const before = count();
    const [here, there] = await connect(MASTER, B);
    await here.send(1);
    await Promise.all([here.close(), there.close()]);
    await make(MASTER).close();
    await settle();
    expect(count()).to.deep.equal(before);
  });
});
