/** The main job as a newcomer runs it: `npm start`, less the installation. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type EmbeddedFleet, startEmbeddedHosts } from '../examples/fleet/embedded-hosts.js';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Outcome {
  status: number | null;
  output: string;
  errors: string;
}

/** Runs the program of `npm start`. */
async function runFleet(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/fleet/main.ts', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await ended, output, errors };
}

/** The table's row of a host, in its cells. */
function findRow(output: string, host: string): string[] | undefined {
  const line = output.split('\n').find((row) => row.startsWith(`${host} `));
  return line?.split(/ {2,}/);
}

describe('npm start', () => {
  it('reports on a bastion and three hosts behind it', async () => {
    const { status, output, errors } = await runFleet([]);
    expect(errors).to.equal('');
    for (const host of ['bastion', 'web1', 'web2', 'db1']) {
      const [, via, name, node, load, disk, , first] = findRow(output, host) ?? [];
      expect(via).to.equal(host === 'bastion' ? '-' : 'bastion');
      expect(name).to.equal(host);
      expect(node).to.equal(process.version);
      expect(load).to.match(/^\d+\.\d\d$/);
      expect(disk).to.match(/^\d+\.\d of \d+\.\d GB$/);
      expect(first).to.match(/^\d+ ms$/);
    }
    expect(output).to.match(/└─ bastion .*\n {3}├─ web1 .*\n {3}├─ web2 .*\n {3}└─ db1 /);
    expect(status).to.equal(0);
  });

  it('explains its arguments where they cannot be meant', async () => {
    const { status, errors } = await runFleet(['bastion']);
    expect(errors).to.match(/^name a bastion and the hosts behind it\nusage: npm start/);
    expect(status).to.equal(2);
  });
});

describe('npm start with hosts', () => {
  let fleet: EmbeddedFleet;
  let home: string;

  /** What to name on the command line to reach an embedded host, as any other host is named. */
  const address = ({ username, hostname, port }: EmbeddedFleet['bastion']) =>
    `${username}@${hostname}:${port}`;

  before(async () => {
    fleet = await startEmbeddedHosts();
    const { privateKey, knownHosts } = fleet.bastion;
    home = mkdtempSync(join(tmpdir(), 'kinetin-home-'));
    mkdirSync(join(home, '.ssh'));
    writeFileSync(join(home, '.ssh', 'id_ed25519'), privateKey!, { mode: 0o600 });
    writeFileSync(join(home, '.ssh', 'known_hosts'), readFileSync(knownHosts!));
  });

  after(async () => {
    await fleet.close();
    rmSync(home, { recursive: true });
  });

  const run = (...hosts: string[]) => runFleet(hosts, { HOME: home, SSH_AUTH_SOCK: '' });

  it('reports on the hosts that are named', async () => {
    const { bastion, hosts } = fleet;
    const { status, output, errors } = await run(address(bastion), address(hosts[0]!));
    expect(errors).to.match(/^handing \S*id_ed25519 to \S+, to log in on the others\n$/);
    expect(findRow(output, address(bastion))?.[2]).to.equal('bastion');
    expect(findRow(output, address(hosts[0]!))?.[2]).to.equal('web1');
    expect(status).to.equal(0);
  });

  it('gives a host that cannot be found a row with the reason', async () => {
    const { bastion, hosts } = fleet;
    const wrong = 'no-such-host.invalid';
    const { status, output, errors } = await run(address(bastion), wrong, address(hosts[1]!));
    expect(errors).to.match(/^handing \S*id_ed25519 to \S+, to log in on the others\n$/);
    expect(findRow(output, wrong)?.[2]).to.match(/^failed: .*no-such-host\.invalid/);
    expect(findRow(output, address(hosts[1]!))?.[2]).to.equal('web2');
    expect(output).not.to.match(/^\s+at /m);
    expect(status).to.equal(1);
  });

  it('gives every host a row with the reason where the bastion is at fault', async () => {
    const { hosts } = fleet;
    const { status, output, errors } = await run('no-such-host.invalid', address(hosts[0]!));
    expect(errors).to.match(/^handing \S*id_ed25519 to \S+, to log in on the others\n$/);
    expect(findRow(output, 'no-such-host.invalid')?.[2]).to.match(/^failed: /);
    expect(findRow(output, address(hosts[0]!))?.[2]).to.match(/^failed: /);
    expect(status).to.equal(1);
  });
});
