/**
 * Pushed: part of the `ssh-options` bundle; npm has it too.
 *
 * What becomes of the key of a host that was unknown and was accepted.
 */

import type { NewHostKey } from '../parent/ssh/target.js';
import { parseAddress } from './address.js';
import { appendKnownHost } from './known-hosts.js';
import type { SshOptions } from './options.js';
import { knownHostsFiles } from './resolve.js';

/**
 * Adds the key to the first known_hosts file, where `checkHostKey` is `accept-new`; may throw. `facts` are
 * those of the connection. `tell` gets a line about what is to be added.
 */
export function adoptHostKey(
  options: SshOptions,
  facts: Record<string, unknown>,
  tell: (text: string) => void,
): void {
  const newKey = facts.newHostKey as NewHostKey | undefined;
  const [file] = knownHostsFiles(options);
  if (!newKey || !file || options.checkHostKey !== 'accept-new') return;
  const { hostname, port } = parseAddress(options);
  tell(`adding ${newKey.fingerprint} of ${hostname} to ${file}`);
  appendKnownHost(file, hostname, port, newKey.key);
}
