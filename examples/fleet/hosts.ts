/** Which hosts the fleet report covers: what the command line names, as options for `router.ssh`. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Options of `router.ssh`; what is left out is as in OpenSSH. */
export interface HostOptions {
  /** What the tables call the host. */
  name: string;
  /** Also `user@host:port`. */
  hostname: string;
  port?: number;
  username?: string;
  privateKey?: string;
  identityFile?: string[];
  knownHosts?: string;
}

export interface Fleet {
  bastion: HostOptions;
  /** The hosts that are reached through the bastion. */
  hosts: HostOptions[];
}

/** Reads `bastion host …`, each as `[user@]host[:port]`. */
export function namedFleet([bastion, ...hosts]: readonly string[]): Fleet {
  if (bastion === undefined || hosts.length === 0) {
    throw new RangeError('name a bastion and the hosts behind it');
  }
  // The bastion logs in on the hosts behind it, and a key that is handed to it must be named: only
  // for its own connection does the default hold.
  const identityFile = ['id_ed25519', 'id_ecdsa', 'id_rsa']
    .map((name) => join(homedir(), '.ssh', name))
    .filter((file) => existsSync(file));
  return {
    bastion: { name: bastion, hostname: bastion },
    hosts: hosts.map((host) => ({ name: host, hostname: host, identityFile })),
  };
}
