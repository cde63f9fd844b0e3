import { expect } from 'chai';
import { IdSource } from '../src/ids.js';

describe('the ids of the master', () => {
  it('count from 1, and go round those that others have', () => {
    const ids = new IdSource();
    expect([ids.next, ids.take(), ids.take()]).to.deep.equal([1, 1, 2]);
    expect(ids.takeBlock()).to.deep.equal({ next: 1001, end: 2001 });
    for (let id = 3; id <= 1000; id++) expect(ids.take()).to.equal(id);
    expect([ids.next, ids.take()]).to.deep.equal([2001, 2001]);
    expect(ids.takeBlock()).to.deep.equal({ next: 3001, end: 4001 });
  });

  it('end before the last one of 32 bits, which none has', () => {
    const ids = new IdSource();
    let last = 0;
    const exhaust = () => {
      for (;;) last = ids.takeBlock().end - 1;
    };
    expect(exhaust).to.throw('start a new router').with.property('code', 'ERR_TOO_MANY_CONTEXTS');
    expect(last).to.be.within(0xffffffff - 1000, 0xffffffff - 1);
    expect(() => ids.take())
      .to.throw()
      .with.property('code', 'ERR_TOO_MANY_CONTEXTS');
  });
});
