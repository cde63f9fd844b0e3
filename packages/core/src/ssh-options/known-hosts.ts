/**
 * Pushed: part of the `ssh-options` bundle; npm has it too.
 *
 * known_hosts files, as sshd(8) describes them under "SSH_KNOWN_HOSTS FILE FORMAT": read, searched
 * for one host, and added to: where the options are read. A context that connects gets what concerns
 * its host.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, promises, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { KnownHostKey } from '../parent/ssh/target.js';

/** One usable line. */
export interface KnownHostsLine {
  file: string;
  /** Counted from 1. */
  line: number;
  marker?: 'revoked' | 'cert-authority';
  /** The first field: names and patterns, or one hashed name. */
  hosts: string;
  type: string;
  /** The public key's blob in base64. */
  key: string;
}

/** A line that OpenSSH would skip as well. */
export interface MalformedLine {
  file: string;
  line: number;
  reason: string;
}

export interface KnownHosts {
  lines: KnownHostsLine[];
  malformed: MalformedLine[];
}

/** What the files say about one host and port. */
export interface HostLookup {
  known: KnownHostKey[];
  revoked: KnownHostKey[];
  /** Where a certificate authority is trusted for the host: `file:line`. */
  authorities: string[];
}

/** Reads the files in order; one that does not exist is empty. */
export async function readKnownHosts(files: string[]): Promise<KnownHosts> {
  const parts = await Promise.all(
    files.map(async (file) => parseKnownHosts(await readIfExists(file), file)),
  );
  return {
    lines: parts.flatMap(({ lines }) => lines),
    malformed: parts.flatMap(({ malformed }) => malformed),
  };
}

/** `file` is only a name, for messages. */
export function parseKnownHosts(text: string, file: string): KnownHosts {
  const result: KnownHosts = { lines: [], malformed: [] };
  for (const [index, raw] of text.split('\n').entries()) {
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    const at = { file, line: index + 1 };
    const parsed = parseLine(content);
    if (typeof parsed === 'string') result.malformed.push({ ...at, reason: parsed });
    else result.lines.push({ ...at, ...parsed });
  }
  return result;
}

/**
 * What is known of a host. As in OpenSSH, a key that is known for the name without its port is
 * trusted on any port, but does not make other keys there suspicious.
 */
export function lookupHost(lines: KnownHostsLine[], host: string, port: number): HostLookup {
  const result: HostLookup = { known: [], revoked: [], authorities: [] };
  for (const entry of lines) {
    const isExact = matchesHosts(entry.hosts, knownHostsName(host, port));
    const isOtherPort = !isExact && matchesHosts(entry.hosts, knownHostsName(host, 22));
    if (!isExact && !isOtherPort) continue;
    const at = `${entry.file}:${entry.line}`;
    const key = { type: entry.type, key: entry.key, at };
    if (entry.marker === 'revoked') result.revoked.push(key);
    else if (entry.marker === 'cert-authority') result.authorities.push(at);
    else result.known.push(isOtherPort ? { ...key, isOtherPort } : key);
  }
  return result;
}

/** How known_hosts names a host: the port is written unless it is 22. */
export function knownHostsName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/**
 * Adds a key (the blob in base64) unless the file has it already; returns whether it was added.
 * Creates the file (0600) and its folder (0700); hashes the name where the file has hashed names.
 * Synchronous, and one write at the end of the file: several contexts and processes may do so at
 * once. Host and key may come from another context, so neither can bring in a second line.
 */
export function appendKnownHost(file: string, host: string, port: number, key: string): boolean {
  const type = keyType(key);
  if (type === undefined || !/^[^\s,|#@!*?]+$/.test(host)) {
    throw new TypeError(`cannot add to ${file}: not a host key for a host's name`);
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, 'a+', 0o600);
  try {
    const text = readFileSync(descriptor, 'utf8');
    const { lines } = parseKnownHosts(text, file);
    const { known } = lookupHost(lines, host, port);
    if (known.some((entry) => entry.key === key && !entry.isOtherPort)) return false;
    const name = knownHostsName(host, port);
    const hosts = lines.some((line) => isHashed(line.hosts)) ? hashName(name) : name;
    const separator = text === '' || text.endsWith('\n') ? '' : '\n';
    writeSync(descriptor, `${separator}${hosts} ${type} ${key}\n`);
    return true;
  } finally {
    closeSync(descriptor);
  }
}

async function readIfExists(file: string): Promise<string> {
  try {
    return await promises.readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw error;
  }
}

/** Returns the reason where the line is malformed. */
function parseLine(content: string): Omit<KnownHostsLine, 'file' | 'line'> | string {
  const fields = content.split(/[ \t]+/);
  const marker = fields[0]!.startsWith('@') ? fields.shift()!.slice(1) : undefined;
  if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority') {
    return `unknown marker @${marker}`;
  }
  const [hosts, type, key] = fields;
  if (hosts === undefined || type === undefined || key === undefined) return 'too few fields';
  if (isHashed(hosts) && splitHash(hosts) === undefined) return 'malformed hashed name';
  if (/^\d+$/.test(type)) return 'a key of SSH protocol 1';
  const actual = keyType(key);
  if (actual === undefined) return 'the key is not base64 of a public key';
  if (actual !== type) return `the key is of type ${actual}, not ${type}`;
  return { ...(marker !== undefined ? { marker } : {}), hosts, type, key };
}

/** The type that a public key's blob names; undefined where it is not a blob. */
function keyType(base64: string): string | undefined {
  const blob = Buffer.from(base64, 'base64');
  if (blob.toString('base64') !== base64 || blob.length < 8) return undefined;
  const length = blob.readUInt32BE(0);
  const type = blob.toString('latin1', 4, 4 + length);
  return length < blob.length - 4 && /^[a-z0-9@.-]+$/i.test(type) ? type : undefined;
}

function matchesHosts(hosts: string, name: string): boolean {
  if (isHashed(hosts)) {
    const { salt, hash } = splitHash(hosts)!;
    return hmac(salt, name) === hash;
  }
  const patterns = hosts.toLowerCase().split(',');
  const matches = (pattern: string) => globMatches(pattern, name);
  if (patterns.some((it) => it.startsWith('!') && matches(it.slice(1)))) return false;
  return patterns.some(matches);
}

/** `*` and `?` only; brackets are themselves. No backtracking that a pattern could blow up. */
function globMatches(pattern: string, text: string): boolean {
  let [p, t, star, retry] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

function isHashed(hosts: string): boolean {
  return hosts.startsWith('|');
}

function splitHash(hosts: string): { salt: string; hash: string } | undefined {
  const [, salt, hash] = /^\|1\|([A-Za-z0-9+/]{27}=)\|([A-Za-z0-9+/]{27}=)$/.exec(hosts) ?? [];
  return salt !== undefined && hash !== undefined ? { salt, hash } : undefined;
}

function hashName(name: string): string {
  const salt = randomBytes(20).toString('base64');
  return `|1|${salt}|${hmac(salt, name)}`;
}

function hmac(salt: string, name: string): string {
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64');
}
