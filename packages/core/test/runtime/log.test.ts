import { expect } from 'chai';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import { makeLog } from '../../src/runtime/log.js';
import { LOG } from '../../src/wire/handles.js';
import { DEBUG, ERROR, INFO, WARN } from '../../src/wire/levels.js';
import { MAX_LOG_LINE, MAX_PENDING_BYTES } from '../../src/wire/limits.js';

describe('runtime/log', () => {
  it('sends records to the master, of this context or of one that is named', async () => {
    const tree = await TestTree.grow([1, 0]);
    const far = await tree.add(2, 1);
    const records: unknown[] = [];
    const master = tree.router(0);
    master.listen({ onMessage: (message) => records.push(master.decode(message)) }, LOG);
    const log = makeLog(far.router, DEBUG);
    log(INFO, 'own');
    log(ERROR, 'of a child', 9);
    log(WARN, 'x'.repeat(200_000));
    await settle();
    expect(records.slice(0, 2)).to.deep.equal([
      [2, INFO, 'own'],
      [9, ERROR, 'of a child'],
    ]);
    expect(records).to.have.lengthOf(3);
  });

  it('sends no more of a text than one record may hold, and so never more than a message may', async () => {
    const tree = new TestTree({ maxMessageBytes: 65_536 });
    const { router } = await tree.add(1, 0);
    const records: string[] = [];
    const master = tree.router(0);
    master.listen({ onMessage: (m) => records.push((master.decode(m) as string[])[2]!) }, LOG);
    const log = makeLog(router, DEBUG);
    // The longest that characters get.
    log(INFO, '\u20ac'.repeat(MAX_LOG_LINE));
    log(INFO, '\u20ac'.repeat(MAX_LOG_LINE + 1));
    log(INFO, 'x\n'.repeat(MAX_LOG_LINE));
    await settle();
    const [fits, isCut, ...lines] = records.map(({ length }) => length);
    expect([fits, isCut]).to.deep.equal([MAX_LOG_LINE, MAX_LOG_LINE]);
    expect(lines).to.have.lengthOf(MAX_LOG_LINE / 2 + 1);
  });

  it('sends nothing below the minimum', async () => {
    const tree = new TestTree();
    const { router, up } = await tree.add(1, 0);
    up!.isHeld = true;
    const log = makeLog(router, WARN);
    for (const level of [DEBUG, INFO, WARN - 1]) log(level, 'quiet');
    await settle();
    expect(up!.waitingBytes).to.equal(0);
    log(WARN, 'loud');
    await settle();
    expect(up!.waitingBytes).to.be.above(0);
  });

  it('drops what its parent does not read, beyond a bound, and goes on when it reads again', async () => {
    const tree = new TestTree();
    const { router, up } = await tree.add(1, 0);
    const records: unknown[][] = [];
    const master = tree.router(0);
    master.listen({ onMessage: (m) => records.push(master.decode(m) as unknown[]) }, LOG);
    const log = makeLog(router, DEBUG);
    up!.isHeld = true;
    const line = 'x'.repeat(16_000);
    const fitting = Math.ceil(MAX_PENDING_BYTES / line.length);
    for (let i = 0; i < 3 * fitting; i++) log(INFO, line);
    await settle();
    const { upstream } = router;
    expect(upstream!.waitingBytes).to.be.within(MAX_PENDING_BYTES, MAX_PENDING_BYTES + 100_000);
    up!.release();
    await settle();
    expect(records.length).to.be.within(fitting - 50, fitting + 1);
    log(INFO, 'again');
    await settle();
    expect(records.at(-1)).to.deep.equal([1, INFO, 'again']);
  });
});
