/**
 * A fleet on this machine: a bastion and three hosts behind it, each an SSH server on loopback with
 * a host key of its own, so that the main job runs where no other machine is at hand.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { type EmbeddedHost, startEmbeddedHost } from './embedded-host.js';
import type { Fleet, HostOptions } from './hosts.js';

const BASTION = 'bastion';
const HOSTS = ['web1', 'web2', 'db1'];
const USERNAME = 'kinetin';

export interface EmbeddedFleet extends Fleet {
  /** Ends every host and its processes, and removes the temporary folder. Idempotent. */
  close(): Promise<void>;
}

/** Starts all hosts. The keys are made for this run and are worth nothing after it. */
export async function startEmbeddedHosts(): Promise<EmbeddedFleet> {
  // Not ed25519: of ssh2's own keys of that type about one in 200 cannot be read again.
  const client = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  const authorizedKey = parseKey(client.public);
  const keys = [BASTION, ...HOSTS].map((name) => ({
    name,
    pair: ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }),
  }));
  const hosts = await Promise.all(
    keys.map(({ name, pair }) =>
      startEmbeddedHost({ name, username: USERNAME, authorizedKey, hostKey: pair.private }),
    ),
  );
  const knownHosts = keys.map(({ pair }, i) => knownHostsLine(hosts[i]!.port, pair.public));
  const folder = mkdtempSync(join(tmpdir(), 'kinetin-fleet-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  const knownHostsFile = join(folder, 'known_hosts');
  writeFileSync(knownHostsFile, knownHosts.join(''));

  const [bastion, ...behind] = hosts.map((host) =>
    hostOptions(host, client.private, knownHostsFile),
  );
  return {
    bastion: bastion!,
    hosts: behind,
    close: async () => {
      await Promise.all(hosts.map((host) => host.close()));
      removeFolder();
      process.off('exit', removeFolder);
    },
  };
}

function hostOptions({ name, port }: EmbeddedHost, key: string, knownHosts: string): HostOptions {
  return {
    name,
    hostname: '127.0.0.1',
    port,
    username: USERNAME,
    privateKey: key,
    knownHosts,
  };
}

function knownHostsLine(port: number, publicKey: string): string {
  const [type, data] = publicKey.split(' ');
  return `[127.0.0.1]:${port} ${type} ${data}\n`;
}

function parseKey(text: string): ssh2.ParsedKey {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw key;
  return key;
}
