/**
 * Pushed: part of the `ssh` method, in contexts that connect over SSH.
 *
 * Whether a host's key is to be trusted, decided as OpenSSH does: a key that differs from the known
 * ones is refused even if it is of another type; with `off` changed and revoked keys are accepted,
 * but then no password is sent.
 */

import { createHash } from 'node:crypto';
import { hostLabel, type KnownHostKey, type NewHostKey, type SshTarget } from './target.js';

/** What became of a host key. */
export interface Verdict {
  key: NewHostKey;
  /** Why the key is refused, for the user; undefined where it is accepted. */
  refusal?: string;
  /** Accepted because no key of the host was known. */
  isNew: boolean;
  /** Another key was expected, so a password must not be sent. */
  isSuspect: boolean;
}

/** The host key algorithms to offer: those of known keys first, since the server takes the first. */
export function hostKeyAlgorithms(known: KnownHostKey[]): string[] {
  const all =
    'ssh-ed25519 ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 ' +
    'rsa-sha2-512 rsa-sha2-256 ssh-rsa';
  const isKnown = (algorithm: string) =>
    known.some(({ type }) => type === algorithm.replace(/^rsa-sha2-.*/, 'ssh-rsa'));
  const algorithms = all.split(' ');
  return algorithms.filter(isKnown).concat(algorithms.filter((name) => !isKnown(name)));
}

/** Judges the blob of a host's public key. */
export function judgeHostKey(target: SshTarget, blob: Buffer): Verdict {
  const { check, known, revoked } = target.hostKeys;
  const key = describeKey(blob);
  const verdict = (refusal?: string, isNew = false, isSuspect = false): Verdict => ({
    key,
    isNew,
    isSuspect,
    ...(refusal !== undefined && check !== 'off' ? { refusal } : {}),
  });
  const isSame = (entry: KnownHostKey) => entry.key === key.key;
  const revocation = revoked.filter(isSame)[0];
  if (revocation) return verdict(refuseRevoked(target, key, revocation), false, true);
  if (known.some(isSame)) return verdict();
  const other = known.filter((entry) => !entry.isOtherPort)[0];
  if (other) return verdict(refuseChanged(target, key, other), false, true);
  if (check === 'accept-new') return verdict(undefined, true);
  return verdict(refuseUnknown(target, key));
}

/** The SHA-256 fingerprint as OpenSSH prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function describeKey(blob: Buffer): NewHostKey {
  const type = blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
  return { type, key: blob.toString('base64'), fingerprint: fingerprint(blob) };
}

function refuseRevoked(target: SshTarget, key: NewHostKey, at: KnownHostKey): string {
  return (
    `${start(target, key)} is marked as revoked in ${at.at}: ` +
    'a stolen key may be used to impersonate this host; ask its administrator'
  );
}

function refuseChanged(target: SshTarget, key: NewHostKey, known: KnownHostKey): string {
  return (
    `${start(target, key)} is not the known one (${known.type}, ${known.at}): ` +
    'someone may be intercepting the connection, or the host has a new key; ' +
    `find out from its administrator, and only then remove ${known.at}`
  );
}

function refuseUnknown(target: SshTarget, key: NewHostKey): string {
  const { hostname, port, hostKeys } = target;
  const authority = hostKeys.authorities[0];
  if (authority !== undefined) {
    return (
      `${start(target, key)} is not known: ${authority} trusts a certificate authority for this ` +
      'host, but ssh2 cannot check host certificates; add the plain key to known_hosts, or ' +
      "connect with the system's ssh"
    );
  }
  const keyscan = `ssh-keyscan -t ${key.type.replace(/^ssh-|-.*$/g, '')} -p ${port} ${hostname}`;
  return (
    `${start(target, key)} is not in ${hostKeys.files || 'known_hosts (no file was given)'}; ` +
    `compare the fingerprint with the host's own, then add the key (${keyscan}) ` +
    "or connect once with checkHostKey: 'accept-new'"
  );
}

function start(target: SshTarget, key: NewHostKey): string {
  const host = hostLabel(target.hostname, target.port);
  return `cannot trust ${host}: its host key ${key.type} ${key.fingerprint}`;
}
