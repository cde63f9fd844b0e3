/**
 * Pushed: part of the `ssh-options` bundle; npm has it too.
 *
 * Private keys: read, recognised and brought into a form that ssh2 reads, which PKCS#8 (`BEGIN
 * PRIVATE KEY`, what `openssl genpkey` and Node write) is not. A key in another form stays encrypted:
 * whoever connects decrypts it when its turn comes, and tells of a wrong passphrase.
 */

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { promises } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { invalidArgument } from '../arguments.js';
import type { SshIdentity } from '../parent/ssh/target.js';
import type { Secret } from '../wire/secret.js';

const DEFAULT_NAMES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** The length of either half of an Ed25519 key. */
const ED25519_BYTES = 32;

/** The files in ~/.ssh that OpenSSH tries as well, those that exist and hold keys. */
export async function readDefaultIdentities(passphrase?: Secret): Promise<SshIdentity[]> {
  const files = DEFAULT_NAMES.map((name) => join(homedir(), '.ssh', name));
  const read = files.map((file) => readIdentityFile(file, passphrase).catch(() => undefined));
  return (await Promise.all(read)).filter((identity) => identity !== undefined);
}

/** A file with a private key, or with a public key (`.pub`) whose private half an agent holds. */
export async function readIdentityFile(file: string, passphrase?: Secret): Promise<SshIdentity> {
  let text: string;
  try {
    text = await promises.readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalidArgument(`cannot read identityFile ${file}: ${code}; check the path`, error);
  }
  const publicKey = parsePublicLine(text);
  if (publicKey !== undefined) return { name: file, publicKey };
  const identity = parseIdentity(file, text, passphrase);
  if (identity.publicKey !== undefined) return identity;
  const beside = parsePublicLine(await promises.readFile(`${file}.pub`, 'utf8').catch(() => ''));
  return beside === undefined ? identity : { ...identity, publicKey: beside };
}

/** @throws TypeError with ERR_INVALID_ARG where `text` is not a private key at all. */
export function parseIdentity(name: string, text: string, passphrase?: Secret): SshIdentity {
  const secret = passphrase === undefined ? {} : { passphrase };
  const label = /^-----BEGIN ([A-Z0-9 ]+)-----\s*$/m.exec(text)?.[1];
  if (label === 'PRIVATE KEY' || label === 'ENCRYPTED PRIVATE KEY') {
    return { name, ...convertPkcs8(text, passphrase) };
  }
  if (label === 'OPENSSH PRIVATE KEY') {
    return { name, privateKey: text, ...secret, ...publicPart(text) };
  }
  if (label !== undefined && /^(RSA|EC|DSA) PRIVATE KEY$/.test(label)) {
    return { name, privateKey: text, ...secret };
  }
  if (/^PuTTY-User-Key-File-2:/.test(text)) return { name, privateKey: text, ...secret };
  if (/^PuTTY-User-Key-File-/.test(text)) {
    const convert = 'puttygen <file> -O private-openssh -o <new file>';
    throw invalidArgument(`cannot use ${name}: PuTTY format 3; convert it (${convert})`);
  }
  const what = parsePublicLine(text) === undefined ? 'not a private key' : 'a public key';
  throw invalidArgument(`cannot use ${name}: it is ${what}; give a private key in OpenSSH or PEM`);
}

/** The blob in base64 of a line as in `id_ed25519.pub`. */
function parsePublicLine(text: string): string | undefined {
  return /^(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ ([A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(text)?.[1];
}

/** OpenSSH's format holds the public key in clear, also where the private one is encrypted. */
function publicPart(text: string): { publicKey?: string } {
  const data = Buffer.from(text.replace(/-----[^\n]*/g, ''), 'base64');
  try {
    let offset = 'openssh-key-v1\0'.length;
    const skip = () => offset + 4 + data.readUInt32BE(offset);
    for (let field = 0; field < 3; field++) offset = skip(); // Cipher, KDF, KDF's options.
    offset += 4; // The number of keys: always 1.
    return { publicKey: data.toString('base64', offset + 4, skip()) };
  } catch {
    return {}; // Cut off: ssh2 tells of it when the key is tried.
  }
}

function convertPkcs8(text: string, passphrase?: Secret): Omit<SshIdentity, 'name'> {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, ...(passphrase && { passphrase: passphrase.reveal() }) });
  } catch (error) {
    const isEncrypted = text.includes('ENCRYPTED');
    if (!isEncrypted) return { problem: `malformed PKCS#8: ${(error as Error).message}` };
    return { problem: passphrase ? 'wrong passphrase' : 'encrypted, and no passphrase was given' };
  }
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return { privateKey: key.export({ type: 'pkcs1', format: 'pem' }).toString() };
    case 'ec':
      return { privateKey: key.export({ type: 'sec1', format: 'pem' }).toString() };
    case 'ed25519':
      return openSshEd25519(key);
    default:
      return { problem: `SSH has no keys of type ${key.asymmetricKeyType}` };
  }
}

/** The only form in which ssh2 takes an Ed25519 key: OpenSSH's own (PROTOCOL.key), unencrypted. */
function openSshEd25519(key: KeyObject): Omit<SshIdentity, 'name'> {
  // What both forms end with; Node 12 has no other way to these bytes.
  const seed = key.export({ type: 'pkcs8', format: 'der' }).slice(-ED25519_BYTES);
  const point = createPublicKey(key as never)
    .export({ type: 'spki', format: 'der' })
    .slice(-ED25519_BYTES);
  const type = 'ssh-ed25519';
  const blob = Buffer.concat([field(type), field(point)]);
  const check = Buffer.alloc(8); // Two equal numbers tell that decryption worked.
  const pair = field(Buffer.concat([seed, point]));
  const secret = Buffer.concat([check, field(type), field(point), pair, field('')]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8].slice(0, (8 - (secret.length % 8)) % 8));
  const data = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...['none', 'none', ''].map(field),
    Buffer.from([0, 0, 0, 1]),
    field(blob),
    field(Buffer.concat([secret, padding])),
  ]);
  const lines = data
    .toString('base64')
    .match(/.{1,70}/g)!
    .join('\n');
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} OPENSSH PRIVATE KEY-----`);
  return { privateKey: `${begin}\n${lines}\n${end}\n`, publicKey: blob.toString('base64') };
}

/** A string of the SSH protocol: its length, then its bytes. */
function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
