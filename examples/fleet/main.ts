/**
 * The main job: a report from every host of a fleet, through a bastion, with nothing installed on
 * any of them. Without arguments the fleet is embedded; `npm start -- bastion web1 web2` uses real
 * hosts. Exit status 0 only if all hosts answered.
 */
import { type Context, type Router, withRouter } from '@kinetin/master';
import { startEmbeddedHosts } from './embedded-hosts.js';
import { type Fleet, type HostOptions, namedFleet } from './hosts.js';
import { hostReport } from './report.js';
import { formatTable, formatTree, type Row } from './table.js';

const args = process.argv.slice(2);

process.exitCode = args.length > 0 ? await runNamed(args) : await runEmbedded();

async function runNamed(hosts: readonly string[]): Promise<number> {
  try {
    const fleet = namedFleet(hosts);
    const keys = fleet.hosts[0]?.identityFile ?? [];
    // Said, not only documented: a private key leaves this machine.
    if (keys.length > 0) {
      console.error(`handing ${keys.join(', ')} to ${fleet.bastion.name}, to log in on the others`);
    }
    return await run(fleet);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`${error.message}\nusage: npm start [-- bastion host ...]`);
    return 2;
  }
}

async function runEmbedded(): Promise<number> {
  const fleet = await startEmbeddedHosts();
  try {
    return await run(fleet);
  } finally {
    await fleet.close();
  }
}

/** Resolves with the exit status. Ctrl-C ends the job in order: withRouter closes every context. */
async function run(fleet: Fleet): Promise<number> {
  const interrupted = new Promise<'interrupted'>((resolve) =>
    process.once('SIGINT', () => resolve('interrupted')),
  );
  return withRouter(async (router) => {
    const rows = await Promise.race([surveyFleet(router, fleet), interrupted]);
    if (rows === 'interrupted') return 130;
    console.log(`${formatTable(rows)}\n\n${formatTree(await router.tree())}`);
    return rows.every((row) => 'report' in row.outcome) ? 0 : 1;
  });
}

/** Asks all hosts at once. Nothing waits for the bastion here: calls may precede the connection. */
function surveyFleet(router: Router, fleet: Fleet): Promise<Row[]> {
  const started = performance.now();
  const bastion = router.ssh(fleet.bastion);
  return Promise.all([
    surveyHost(fleet.bastion, '-', bastion, started),
    ...fleet.hosts.map((host) =>
      surveyHost(host, fleet.bastion.name, router.ssh({ ...host, via: bastion }), started),
    ),
  ]);
}

/** A host that cannot be reached, or cannot answer, is a row with its reason. */
async function surveyHost(
  { name }: HostOptions,
  via: string,
  context: Pick<Context, 'call'>,
  started: number,
): Promise<Row> {
  const outcome = await context.call(hostReport, '/').then(
    (report) => ({ report }),
    (error: Error) => ({ reason: error.message.split('\n')[0]! }),
  );
  return { name, via, milliseconds: performance.now() - started, outcome };
}
