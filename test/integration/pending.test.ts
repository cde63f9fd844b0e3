import { execSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { type PendingCallReport, Router } from '@kinetin/master';
import { expect } from 'chai';
import { processesWith, until } from '../support/processes.js';

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

  /** Asks until there is one report, in the given state. */
  async function reportOf(state: string): Promise<PendingCallReport> {
    let reports: PendingCallReport[] = [];
    await until(`one call is ${state}`, async () => {
      reports = await router.pendingCalls();
      return reports.length === 1 && reports[0]!.state === state;
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
    const call = context.with({ timeout: 60_000, grace: 0 }).call(spin, 1);
    ignore(call);
    const report = await reportOf('blocked');
    expect(report.stack).to.match(/^ {4}at spin \(\S*pending\.test\.ts:8:\d+\)/);
    expect(report.stack).not.to.include('kinetin:core');
    expect(report.function).to.match(/pending\.test\.ts#spin$/);
    expect((await router.pendingCalls())[0]).to.include({ state: 'blocked' });
  });

  it('in a system call have no stack', async () => {
    const context = await router.local();
    ignore(context.with({ timeout: 60_000, grace: 0 }).call(execSync, 'sleep 98764'));
    await until('it is in the system call', () => processesWith('sleep 98764').length > 0);
    expect((await reportOf('blocked')).stack).to.equal(undefined);
  });

  it('behind one that was given up say so', async () => {
    const context = await router.local();
    const given = context.with({ timeout: 1, grace: 1e6 }).call(delay, 1e8);
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
