/**
 * `npm run bench`: measures Kinetin and prints one table. `-- --json FILE` writes it as well,
 * `-- --only NAME` runs one row and those measured with it. See README.md here.
 */

// What Node reads at each start would be measured with every start.
const hadCertificates = process.env['NODE_EXTRA_CA_CERTS'] !== undefined;
delete process.env['NODE_EXTRA_CA_CERTS'];

import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { withRouter } from '@kinetin/master';
import { bootstrapBytes } from './rows/bootstrap-bytes.js';
import { bulk } from './rows/bulk.js';
import { callDuringBulk } from './rows/call-during-bulk.js';
import { callsInFlight } from './rows/calls-in-flight.js';
import { emptyCall } from './rows/empty-call.js';
import { firstResult } from './rows/first-result.js';
import { hopLatency } from './rows/hop-latency.js';
import { memory } from './rows/memory.js';
import { sshBulk } from './rows/ssh-bulk.js';
import { sshEmptyCall } from './rows/ssh-empty-call.js';
import { sshFirstResult } from './rows/ssh-first-result.js';
import { sshRoundTrips } from './rows/ssh-round-trips.js';
import { type Bench, type Subject, sharedSsh } from './support/bench.js';
import { canRunSshd } from './support/ssh.js';
import { heading, type Measured, printed, toRow } from './support/table.js';
import { Yardsticks } from './support/yardsticks.js';

const SUBJECTS: readonly Subject[] = [
  bootstrapBytes,
  firstResult,
  emptyCall,
  callsInFlight,
  bulk,
  callDuringBulk,
  hopLatency,
  memory,
  sshFirstResult,
  sshRoundTrips,
  sshEmptyCall,
  sshBulk,
];

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, only: { type: 'string' } },
});
const subjects = SUBJECTS.filter(
  ({ rows }) => options.only === undefined || rows.includes(options.only),
);
if (subjects.length === 0) {
  console.error(`no row is called ${options.only}; there are:`);
  for (const { rows } of SUBJECTS) console.error(`  ${rows.join('\n  ')}`);
  process.exit(2);
}

const skip = (name: string, reason: string) => console.log(`(${name} left out: ${reason})`);
const measured: Measured[] = [];
let failed = false;
const start = performance.now();
console.log(`Node ${process.version}, ${cpus().length} cores, load ${load()}`);
if (hadCertificates) console.log('NODE_EXTRA_CA_CERTS is left out: it slows each start of Node');
console.log(heading());
{
  await using yardsticks = new Yardsticks(skip);
  await using ssh = sharedSsh();
  // Contexts end with this process; the SSH server and the folders would stay.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await Promise.allSettled([ssh, yardsticks].map((used) => used[Symbol.asyncDispose]()));
      process.exit(1);
    });
  }
  await withRouter(async (router) => {
    const bench: Bench = { router, yardsticks, ssh: ssh.get, skip };
    for (const subject of subjects) await measure(subject, bench);
  });
}
const seconds = Math.round((performance.now() - start) / 1000);
console.log(`${seconds} s, load ${load()}: with other work on the machine the figures vary`);
if (options.json) {
  writeFileSync(options.json, `${JSON.stringify(measured.map(toRow), null, 2)}\n`);
}
if (failed) process.exitCode = 1;

async function measure(subject: Subject, bench: Bench): Promise<void> {
  const [name] = subject.rows as [string];
  if (subject.needsSsh && !canRunSshd()) {
    return skip(name, 'it needs root and an OpenSSH server on this machine');
  }
  try {
    for (const row of await subject.run(bench)) {
      measured.push(row);
      console.log(printed(row));
    }
  } catch (error) {
    failed = true;
    console.error(`${name} could not be measured: ${(error as Error).stack}`);
  }
}

function load(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
}
