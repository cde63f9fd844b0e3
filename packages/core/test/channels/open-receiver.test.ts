import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { settle } from '../../../../test/support/stream-pair.js';
import { Select } from '../../src/channels/select.js';
import { Sender } from '../../src/channels/sender.js';
import { ChannelTree, collect, handlesOf } from './channel-tree.js';

const [MASTER, A, B, C, D] = [0, 1, 2, 3, 4];

describe('channels/open-receiver', () => {
  /** master > a > b, master > c > d. */
  let tree: ChannelTree;
  beforeEach(async () => {
    tree = await ChannelTree.grow([A, MASTER], [B, A], [C, MASTER], [D, C]);
  });

  const cut = (id: number) => tree.get(id).up?.cutOff('the cable was pulled');

  describe('fails when one that sends to it is lost, after what had arrived:', () => {
    for (const [what, to, from, lost] of [
      ['its own child', MASTER, A, A],
      ['a grandchild', MASTER, B, B],
      ['the context between', MASTER, B, A],
      ['a sibling', A, C, C],
      ['a far cousin', B, D, D],
      ['the context between it and a cousin', B, D, C],
    ] as const) {
      it(what, async () => {
        const receiver = tree.get(to).channels.receiver<number>();
        const sender = await tree.passOn(receiver.toSender(), to, from);
        await sender.send(1);
        await settle();
        cut(lost);
        const [got, error] = await collect(receiver);
        expect(got).to.deep.equal([1]);
        expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
        expect((error as Error).message).to.include('the cable was pulled');
      });
    }
  });

  it('goes on when one is lost that has closed its sender', async () => {
    const receiver = tree.get(MASTER).channels.receiver<number>();
    const [one, two] = [receiver.toSender(), receiver.toSender()];
    const first = await tree.pass(one, MASTER, A);
    const second = await tree.pass(two, MASTER, C);
    await first.close();
    cut(A);
    await settle();
    await second.send(2);
    await second.close();
    expect(await collect(receiver)).to.deep.equal([[2], undefined]);
  });

  it('learns of one that is lost before it has heard of it', async () => {
    const receiver = tree.get(A).channels.receiver<number>();
    const local = receiver.toSender();
    tree.get(C).up!.isHeld = true;
    await tree.pass(local, A, C);
    // It introduces itself, and is gone before the answer comes.
    tree.get(A).down!.isHeld = true;
    tree.get(C).up!.release();
    await settle();
    cut(C);
    tree.get(A).down!.release();
    await settle();
    const [, error] = await collect(receiver);
    expect(error).to.include({ name: 'DeadLetterError' });
  });

  it('that is lost fails those who send to it, also those who wait', async () => {
    const receiver = tree.get(B).channels.receiver<Buffer>();
    const sender = await tree.pass(receiver.toSender(), B, D);
    await sender.send(Buffer.alloc(1e6));
    const waiting = failure(sender.send(Buffer.alloc(1e6)));
    cut(B);
    for (const error of [await waiting, await failure(sender.send(Buffer.alloc(1)))]) {
      expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
    }
    expect(await failure(sender.close())).to.include({ code: 'ERR_CONTEXT_LOST' });
    await sender.abort();
  });

  it('learns of the loss of a message, though who has sent it is there', async () => {
    const receiver = tree.get(MASTER).channels.receiver<number>();
    const sender = await tree.pass(receiver.toSender(), MASTER, B);
    const { handle: replyHandle } = (sender as unknown as { _line: { handle: number } })._line;
    // As a hop would say that has no room, or the inbox.
    tree.get(MASTER).router.replyDead({ source: B, replyHandle }, 'ERR_MESSAGE_LOST', 'no room');
    await settle();
    expect(await failure(sender.send(1))).to.include({ code: 'ERR_MESSAGE_LOST' });
    expect((await collect(receiver))[1]).to.include({
      name: 'DeadLetterError',
      code: 'ERR_MESSAGE_LOST',
      message: 'no room',
    });
  });

  it('tells the others when it fails', async () => {
    const receiver = tree.get(MASTER).channels.receiver<number>();
    const local = receiver.toSender();
    await tree.pass(local, MASTER, A);
    const c = await tree.pass(local, MASTER, C);
    cut(A);
    await settle();
    const error = await failure(c.send(1));
    expect(error).to.include({ code: 'ERR_CLOSED_THERE' });
    expect(error.message).to.include('context 1 is lost');
  });

  it('learns from a testament that a thread has ended', async () => {
    const receiver = tree.get(MASTER).channels.receiver<number>();
    const sender = await tree.pass(receiver.toSender(), MASTER, B);
    await sender.send(1);
    const [frame] = [...tree.get(B).left.values()];
    tree.get(B).router.upstream!.write(Buffer.from(frame!));
    const [got, error] = await collect(receiver);
    expect(got).to.deep.equal([1]);
    expect(error).to.include({
      name: 'DeadLetterError',
      code: 'ERR_THREAD_ENDED',
      message: 'the work thread of context 2 has ended',
    });
  });

  it('has a testament for each that sends', async () => {
    const receiver = tree.get(B).channels.receiver<Buffer>();
    const sender = await tree.pass(receiver.toSender(), B, MASTER);
    await sender.send(Buffer.alloc(1e6));
    const waiting = failure(sender.send(Buffer.alloc(1)));
    const [frame] = [...tree.get(B).left.values()];
    tree.get(B).router.upstream!.write(Buffer.from(frame!));
    expect(await waiting).to.include({ name: 'DeadLetterError', code: 'ERR_THREAD_ENDED' });
  });

  describe('refuses', () => {
    const refused = async (sender: Sender<number>) =>
      expect(
        await failure(
          sender
            .send(1)
            .then(settle)
            .then(() => sender.send(2)),
        ),
      ).to.include({
        code: 'ERR_REFUSED',
      });

    it('those who were not given a sender, and have only found its handle', async () => {
      const receiver = tree.get(MASTER).channels.receiver<number>();
      const [context, handle] = receiver.toSender().address!;
      const { router } = tree.get(C);
      await refused(new Sender<number>({ core: router }, [context, handle, 'no key']));
      expect(receiver.size).to.equal(0);
      expect(tree.get(MASTER).complaints.join()).to.include('refused a message of 3');
      // Values of strangers are not even decoded: a sender in one would introduce itself.
      const reply = router.listen({ onMessage() {} });
      const body = router.encode([tree.get(C).channels.receiver().toSender()]);
      const before = handlesOf(tree.get(MASTER).router);
      router.send({ destination: MASTER, handle, replyHandle: reply, body });
      await settle();
      expect(handlesOf(tree.get(MASTER).router)).to.equal(before);
    });

    it('those not above, with the policy above', async () => {
      const receiver = tree.get(B).channels.receiver<number>({ policy: 'above' });
      for (const [id, isRefused] of [
        [D, true],
        [A, false],
        [MASTER, false],
      ] as const) {
        const sender = await tree.pass(receiver.toSender(), B, id);
        if (isRefused) await refused(sender);
        else await sender.send(id);
      }
      await settle();
      expect(receiver.size).to.equal(2);
      receiver.close();
    });

    it('those for whom a policy of its own says no', async () => {
      const asked: object[] = [];
      const policy = (from: { id: number; isAbove: boolean }) => {
        asked.push({ ...from });
        return from.id === C;
      };
      const receiver = tree.get(A).channels.receiver<number>({ policy });
      await refused(await tree.pass(receiver.toSender(), A, B));
      await (await tree.pass(receiver.toSender(), A, C)).send(3);
      expect(await receiver.get()).to.equal(3);
      expect(asked).to.deep.include({ id: C, isAbove: false });
      receiver.close();
    });

    it('all but the respondent', async () => {
      const respondent = { origin: { id: C } };
      const receiver = tree.get(A).channels.receiver<number>({ respondent });
      const local = receiver.toSender();
      await refused(await tree.pass(local, A, B));
      await (await tree.pass(local, A, C)).send(3);
      expect(await receiver.get()).to.equal(3);
      receiver.close();
    });
  });

  for (const [what, to, respondent] of [
    ['a child', MASTER, C],
    ['a cousin', B, D],
  ] as const) {
    it(`fails when its respondent is lost, before that has a sender: ${what}`, async () => {
      const options = { respondent: { origin: { id: respondent } } };
      const receiver = tree.get(to).channels.receiver<number>(options);
      receiver.toSender();
      await settle();
      const waiting = failure(receiver.get());
      cut(respondent);
      expect(await waiting).to.include({ code: 'ERR_CONTEXT_LOST' });
    });
  }

  it('gives credit back when a select reads it', async () => {
    const receiver = tree.get(MASTER).channels.receiver<Buffer>();
    const sender = await tree.pass(receiver.toSender(), MASTER, B);
    await sender.send(Buffer.alloc(1e6));
    const waiting = sender.send(Buffer.alloc(1));
    const select = new Select([receiver], { oneshot: false });
    expect((await select.get()).message.context).to.equal(B);
    await waiting;
    expect((await select.get()).message.value).to.have.length(1);
    receiver.close();
  });

  it('that is to get one message ends with it', async () => {
    const receiver = tree.get(MASTER).channels.receiver<number>({ once: true });
    const sender = await tree.pass(receiver.toSender(), MASTER, B);
    await sender.send(1);
    await settle();
    expect(await failure(sender.send(2))).to.include({ code: 'ERR_CLOSED_THERE' });
    expect(await collect(receiver)).to.deep.equal([[1], undefined]);
  });

  it('fails at what makes no sense, and nothing else does', async () => {
    for (const nonsense of [5, [], [99], [null, 1]]) {
      const receiver = tree.get(MASTER).channels.receiver<number>();
      const sender = await tree.pass(receiver.toSender(), MASTER, B);
      const line = (sender as unknown as { _line: { handle: number } })._line;
      const { router } = tree.get(B);
      const [destination, handle] = sender.address!;
      const body = router.encode(nonsense);
      router.send({ destination, handle, replyHandle: line.handle, body });
      const [, error] = await collect(receiver);
      expect(error).to.include({ name: 'ProtocolError', code: 'ERR_BAD_PAYLOAD' });
    }
  });

  it('refuses senders without an address, as what cannot be decoded', async () => {
    for (const address of [[1, 2], [-1, 5, 'x'], ['a', 5, 'x'], [1, 2 ** 40, 'x'], 7]) {
      const forged = new Sender({ core: tree.get(C).router }, address as never);
      expect(await failure(tree.pass(forged, C, MASTER)), String(address)).to.include({
        code: 'ERR_BAD_PAYLOAD',
      });
    }
  });
});
