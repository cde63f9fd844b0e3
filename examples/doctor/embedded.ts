/** A host on this machine, as in the fleet, and what it takes to log in there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { startEmbeddedHost } from '../fleet/embedded-host.js';

/** Starts it. The keys are made for this run. `close` ends it, with all that it has started. */
export async function startHost() {
  // Not ed25519: of ssh2's own keys of that type about one in 200 cannot be read again.
  const [client, host] = [1, 2].map(() => ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }));
  const authorizedKey = ssh2.utils.parseKey(client!.public);
  if (authorizedKey instanceof Error) throw authorizedKey;
  const options = { name: 'web1', username: 'kinetin', authorizedKey, hostKey: host!.private };
  const embedded = await startEmbeddedHost(options);
  const folder = mkdtempSync(join(tmpdir(), 'kinetin-doctor-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  const knownHosts = join(folder, 'known_hosts');
  const key = host!.public.split(' ').slice(0, 2).join(' ');
  writeFileSync(knownHosts, `[127.0.0.1]:${embedded.port} ${key}\n`);
  return {
    target: {
      hostname: '127.0.0.1',
      port: embedded.port,
      username: 'kinetin',
      privateKey: client!.private,
      agent: false as const,
      knownHosts,
      // One interpreter, so that the report is the same everywhere.
      node: process.execPath,
    },
    close: async () => {
      await embedded.close();
      removeFolder();
      process.off('exit', removeFolder);
    },
  };
}
