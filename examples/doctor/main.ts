/**
 * What is wrong with a host, and what to do about it. `npx tsx examples/doctor/main.ts web1 web2` looks
 * at real hosts; without arguments there is one on this machine, which is asked with the right settings
 * and then without its host key. Exit status 1 if a named host cannot be reached.
 */
import { doctor, formatDoctorReport } from '@kinetin/master';
import { startHost } from './embedded.js';

const hosts = process.argv.slice(2);
if (hosts.length > 0) await examineNamed(hosts);
else await examineEmbedded();

async function examineNamed(hosts: readonly string[]): Promise<void> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));
  for (const host of hosts) {
    try {
      const report = await doctor(host, { signal: interrupted.signal });
      console.log(`${formatDoctorReport(report)}\n`);
      if (report.outcome === 'failed') process.exitCode = 1;
    } catch (error) {
      // A mistake in the name, or Ctrl-C.
      console.error((error as Error).message);
      process.exitCode = 2;
      if (interrupted.signal.aborted) return;
    }
  }
}

async function examineEmbedded(): Promise<void> {
  const { target, close } = await startHost();
  try {
    for (const knownHosts of [target.knownHosts, '/dev/null']) {
      const report = await doctor({ ...target, knownHosts });
      console.log(`${formatDoctorReport(report, { times: false })}\n`);
    }
  } finally {
    await close();
  }
}
