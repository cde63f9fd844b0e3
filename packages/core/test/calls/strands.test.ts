import { expect } from 'chai';
import { flagsOfCall, newChainId } from '../../src/calls/strands.js';

/** What 2, 3 and 4 divide. */
const STRANDS = 12;

const strandOf = (payload: unknown[]) => flagsOfCall(payload) >> 4;

describe('calls/strands', () => {
  it('leave plain calls, and those of services, to any thread', () => {
    for (const module of ['os', '', Buffer.alloc(32)]) {
      expect(flagsOfCall([module, ['name'], []])).to.equal(0);
      expect(flagsOfCall(['service', 'method', [], [module, ['Type']]])).to.equal(0);
    }
  });

  it('give chains that are made one after another each its own', () => {
    const chains = Array.from({ length: STRANDS }, newChainId);
    const strands = chains.map((chain) => strandOf(['os', ['hostname'], [], [chain, 1]]));
    expect([...new Set(strands)].sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: STRANDS }, (_, i) => i + 1),
    );
    for (const chain of chains) expect(Number.isSafeInteger(chain)).to.equal(true);
    expect(new Set(Array.from({ length: 1000 }, newChainId)).size).to.equal(1000);
  });

  it('are those of the thread that has what is called', () => {
    for (const [thread, strand] of [
      [1, 1],
      [15, 15],
      [16 + 3, 3],
      [254 * 16 + 15, 15],
    ] as const) {
      expect(strandOf([thread * 2 ** 20 + 1000, ['next'], [undefined]])).to.equal(strand);
    }
  });
});
