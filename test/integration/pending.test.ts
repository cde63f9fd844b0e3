import { execSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { type PendingCallReport, Router } from '@kinetin/master';
import { expect } from 'chai';
import { processesWith, uniqueSeconds, until } from '../support/processes.js';

const spin = (mark: number): void => {
  while (mark > 0);
};

describe('pending calls', () => {
  let router: Router;
  beforeEach(() => {
    router = new Router({ onLog: () => {} });
  });
  afterEach(() => router.shutdown());

  const ignore = (call: Promise<unknown>) => void call.catch(() => {});

  /** Asks until there is one report, in the given state: at first the thread may still be starting. */
  async function reportOf(state: string, place = ''): Promise<PendingCallReport> {
    let reports: PendingCallReport[] = [];
    await until(`one call is ${state} ${place}`, async () => {
      reports = await router.pendingCalls();
      const [{ state: seen, stack = '' } = {}] = reports as Partial<PendingCallReport>[];
      return reports.length === 1 && seen === state && stack.includes(place);
    });
    return reports[0]!;
  }

  it('are none where all have been answered', async () => {
    const context = await router.local();
    await context.call(process.cwd);
    expect(await router.pendingCalls()).to.deep.equal([]);
  });

  it('to a context that is being started say so', async () => {
    const context = router.local({ name: 'slow', node: '/bin/cat' });
    ignore(context.call(process.cwd));
    const [report] = await router.pendingCalls();
    expect(report).to.include({ context: 'slow', state: 'connecting', function: 'process.cwd' });
  });

  it('that wait for something say so, through a hop', async () => {
    const context = await router.local({ name: 'leaf', via: router.local({ name: 'hop' }) });
    ignore(context.call(delay, 1e8));
    const report = await reportOf('waiting');
    expect(report).to.include({ context: 'hop.leaf', stack: undefined });
    expect(report.function).to.equal('timers.promises.setTimeout');
    expect(report.pendingMs).to.be.at.least(0);
    expect(report.why).to.include('waits for something');
  });

  it('that spin lead to the line of the source, and go on', async () => {
    const context = await router.local();
    ignore(context.call(spin, 1));
    const report = await reportOf('blocked', 'at spin (');
    expect(report.stack).to.match(/^ {4}at spin \(\S*pending\.test\.ts:8:\d+\)/);
    expect(report.stack).not.to.include('kinetin:core');
    expect(report.function).to.match(/pending\.test\.ts#spin$/);
    await reportOf('blocked', 'at spin (');
  });

  it('in a system call have no stack', async () => {
    const context = await router.local();
    const sleep = `sleep ${uniqueSeconds()}`;
    ignore(context.call(execSync, sleep));
    await until('it is in the system call', () => processesWith(sleep).length > 0);
    await until('it has no stack', async () => (await reportOf('blocked')).stack === undefined);
  });

  it('behind one that was given up say so', async () => {
    const context = await router.local();
    const abort = new AbortController();
    const given = context.with({ signal: abort.signal, grace: 1e6 }).call(delay, 1e8);
    ignore(given);
    await reportOf('waiting');
    abort.abort();
    await given.catch(() => {});
    ignore(context.call(process.cwd));
    expect((await reportOf('held')).why).to.include('given up');
  });

  it('in a context that stands still say so', async () => {
    const context = await router.local();
    ignore(context.call(delay, 1e8));
    await reportOf('waiting');
    process.kill(context.pid!, 'SIGSTOP');
    try {
      const [report] = await router.pendingCalls({ timeout: 50 });
      expect(report).to.include({ state: 'unreachable' });
    } finally {
      process.kill(context.pid!, 'SIGCONT');
    }
  });

  it('can be given up asking for', async () => {
    const context = await router.local();
    ignore(context.call(delay, 1e8));
    const reason = new Error('no matter');
    const error = await router
      .pendingCalls({ signal: AbortSignal.abort(reason) })
      .catch((it) => it);
    expect(error).to.equal(reason);
  });
});
