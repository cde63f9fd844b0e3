/** What becomes of the key of a host that was unknown and was accepted. */

import type { NewHostKey } from '@kinetin/core/parent';
import createDebug from 'debug';
import { parseAddress } from './address.js';
import { appendKnownHost } from './known-hosts.js';
import { knownHostsFiles, type SshOptions } from './options.js';

const debug = createDebug('kinetin:ssh');

/** Adds the key to the first known_hosts file, where `checkHostKey` is `accept-new`; may throw. */
export function adoptHostKey(options: SshOptions, facts: Record<string, unknown>): void {
  const newKey = facts.newHostKey as NewHostKey | undefined;
  const [file] = knownHostsFiles(options);
  if (!newKey || !file || options.checkHostKey !== 'accept-new') return;
  const { hostname, port } = parseAddress(options);
  debug('adding %s of %s to %s', newKey.fingerprint, hostname, file);
  appendKnownHost(file, hostname, port, newKey.key);
}
