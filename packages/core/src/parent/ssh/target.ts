/**
 * Pushed: part of the `ssh` method, in contexts that connect over SSH.
 *
 * What `openSsh` is given: everything is resolved where `router.ssh` was called (names of files, defaults,
 * known host keys) and is a plain value, since it may travel to the hop that does the connecting.
 */

import type { Secret } from '../../wire/secret.js';

export interface SshTarget {
  /** A name or an address, without brackets. */
  hostname: string;
  port: number;
  username: string;
  /** Typed at most once, into keyboard-interactive or password. */
  password?: Secret;
  /** The socket of an agent on the machine that connects. */
  agent?: string;
  /** Leaves out the agent's keys that are not among `identities`. */
  identitiesOnly: boolean;
  /** In the order in which they are tried. */
  identities: SshIdentity[];
  hostKeys: SshHostKeys;
  /** A connection ends after `countMax` intervals without an answer. 0 ms: no keepalive. */
  keepalive: { intervalMs: number; countMax: number };
  /** Connections to this host and port that this process may have under way at once. */
  maxConnecting: number;
}

/** A key to log in with. */
export interface SshIdentity {
  /** The name of its file, for messages. */
  name: string;
  /** In a form that ssh2 reads: OpenSSH's own, PEM (PKCS#1, SEC1) or PuTTY 2. None: agent only. */
  privateKey?: string;
  passphrase?: Secret;
  /** The public key's blob in base64, where it is known without the passphrase. */
  publicKey?: string;
  /** Why the private key cannot be used, where that was found out already. */
  problem?: string;
}

/** What is known of the host's keys: only what concerns this host and port. */
export interface SshHostKeys {
  check: 'strict' | 'accept-new' | 'off';
  known: KnownHostKey[];
  revoked: KnownHostKey[];
  /** Where a certificate authority is trusted for this host (`file:line`): of no use to ssh2. */
  authorities: string[];
  /** The names of the files that were read, for messages. */
  files: string;
}

export interface KnownHostKey {
  /** As in `ssh-ed25519`. */
  type: string;
  /** The public key's blob in base64. */
  key: string;
  /** Where it stands: `file:line`. */
  at: string;
  /** Known for the host without its port: trusted here, but says nothing against other keys. */
  isOtherPort?: boolean;
}

/** `Pipe.facts.newHostKey`: a key that was accepted because the host was unknown. */
export interface NewHostKey {
  type: string;
  /** The public key's blob in base64. */
  key: string;
  /** As in `SHA256:…`. */
  fingerprint: string;
}

/** The host as known_hosts and messages write it. */
export function hostLabel(hostname: string, port: number): string {
  return port === 22 ? hostname : `[${hostname}]:${port}`;
}

/** Text of another's making, fit for a message: no control, bidi or line characters. */
export function printable(text: string): string {
  return text.slice(0, 300).replace(/[\p{C}\u2028\u2029]/gu, '?');
}
