import { handles } from '@kinetin/core';
import { expect } from 'chai';
import { TestTree } from '../../../test/support/stream-pair.js';
import { pendingCalls } from '../src/pending.js';

const [MASTER, CHILD] = [0, 1];

describe('pending', () => {
  for (const [what, report] of [
    ['nothing', undefined],
    ['what is no report', 'a text'],
    ['nonsense', { thread: 'blocked', stack: [{ toString: 1 }, 7], calls: [1, [0, 'x']] }],
  ] as const) {
    it(`reports all the same where a context answers with ${what}`, async () => {
      const tree = await TestTree.grow([CHILD, MASTER]);
      const { router: child } = tree.get(CHILD);
      const { router: core } = tree.get(MASTER);
      child.listen(
        { onMessage: (message) => child.reply(message, child.encode(report)) },
        handles.CALL_MAIN,
      );
      child.listen({ onMessage() {} }, handles.CALL);
      void core.request(CHILD, handles.CALL, core.encode(0), undefined, 'a call').catch(() => {});
      const [pending] = await pendingCalls(
        {
          core: core as never,
          modules: { add() {}, push() {} } as never,
          context: () => ({ pid: 1, name: 'child' }) as never,
          remoteStack: (stack) => stack,
        },
        {},
      );
      expect(pending).to.include({ context: 'child', function: 'a call', stack: undefined });
    });
  }
});
