/**
 * Pushed: the entry of the `ssh-options` bundle, which a context gets with the first `router.ssh` of code
 * that runs in it.
 */

import { checkOptions } from '../arguments.js';
import { CONTEXT_OPTIONS, type SshContextOptions } from '../context/options.js';
import type { Connected } from '../parent/connection.js';
import type { HopRequest } from '../parent/main.js';
import type { Log } from '../runtime/log.js';
import { DEBUG, WARN } from '../wire/levels.js';
import { adoptHostKey } from './adopt-host-key.js';
import { SSH_OPTIONS } from './options.js';
import { resolveSshOptions } from './resolve.js';

/** Hashes of bundles; set when this one is built. */
declare const SSH_MODULE: string;
declare const SSH2_MODULE: string;

type Method = Pick<HopRequest, 'method' | 'open' | 'vendor' | 'target'>;

/** Connects by `connect`; does here what the master does in its process before and after that. */
export async function connectSsh(
  options: SshContextOptions,
  connect: (method: Method) => Promise<Connected>,
  log: Log,
): Promise<Connected> {
  checkOptions('router.ssh', options, { ...CONTEXT_OPTIONS, ...SSH_OPTIONS });
  const isElsewhere = options.via !== undefined;
  const connected = await connect({
    method: SSH_MODULE,
    open: 'openSsh',
    vendor: { ssh2: SSH2_MODULE },
    target: await resolveSshOptions(options, { isElsewhere }),
  });
  try {
    adoptHostKey(options, connected.facts, (text) => log(DEBUG, text));
  } catch (error) {
    // As ssh does: the connection is good, only the next one will not know it.
    log(WARN, (error as Error).message);
  }
  return connected;
}
