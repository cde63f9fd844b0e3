/**
 * The options of `router.ssh`, and what becomes of them before anything connects: files are read,
 * defaults filled in, mistakes refused.
 */

import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { checkOptions, invalidArgument, type OptionTypes } from '@kinetin/core';
import type { SshHostKeys, SshIdentity, SshTarget } from '@kinetin/core/parent';
import { parseAddress } from './address.js';
import { parseIdentity, readDefaultIdentities, readIdentityFile } from './identities.js';
import { lookupHost, readKnownHosts } from './known-hosts.js';

/** How to reach a host over SSH, and how to log in there. */
export interface SshOptions {
  /**
   * The host's name or address; also `user@host`, `host:port`, `[v6]:port`. The name is looked up
   * by the context that connects.
   */
  hostname: string;
  /**
   * The TCP port that the SSH server listens on, 1 to 65535. An error if `hostname` has another.
   * @defaultValue 22
   */
  port?: number | undefined;
  /**
   * The account on the host. An error if `hostname` has another.
   * @defaultValue the name of the user that runs this program
   */
  username?: string | undefined;
  /**
   * The account's password, for the methods `keyboard-interactive` and `password`. Sent at most
   * once per connection, after the keys have been refused, and never to a host whose key is not the
   * known one. Questions other than a single hidden one stay unanswered.
   * @defaultValue none: only keys are tried
   */
  password?: string | undefined;
  /**
   * The text of one or more private keys: OpenSSH, PEM (PKCS#1, SEC1, PKCS#8) or PuTTY 2. Where it
   * or `identityFile` is given, the default files in `~/.ssh` are not tried.
   * @defaultValue none
   */
  privateKey?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /**
   * Files of private keys, in the order in which they are tried; `~/` is the home folder. A public
   * key (`.pub`) stands for the private one in the agent, which is then tried before its others.
   * @defaultValue `~/.ssh/id_ed25519`, `~/.ssh/id_ecdsa`, `~/.ssh/id_rsa`, those that exist
   */
  identityFile?: string | readonly string[] | undefined;
  /**
   * Decrypts the private keys. No effect on keys that are not encrypted; a key that it does not fit
   * is left out, and named in the error if no other way to log in works.
   * @defaultValue none
   */
  passphrase?: string | undefined;
  /**
   * The socket of an SSH agent; false uses none. Its keys are tried before those of files.
   * @defaultValue the environment variable `SSH_AUTH_SOCK`
   */
  agent?: string | false | undefined;
  /**
   * Leaves out the agent's keys that are not among `privateKey` and `identityFile`: servers end a
   * connection after about six refused keys. No effect without an agent.
   * @defaultValue false
   */
  identitiesOnly?: boolean | undefined;
  /**
   * The known_hosts files, read in this order; one that does not exist is empty. With
   * `checkHostKey: 'accept-new'` new keys are added to the first. An empty list: no host is known.
   * @defaultValue `~/.ssh/known_hosts`, `~/.ssh/known_hosts2`, `/etc/ssh/ssh_known_hosts`,
   * `/etc/ssh/ssh_known_hosts2`
   */
  knownHosts?: string | readonly string[] | undefined;
  /**
   * What to do about the host's key. `strict` refuses every key that is not known. `accept-new`
   * accepts the key of a host of which none is known, and refuses one that differs from those
   * known. `off` accepts every key, so that anyone on the way can read and change all; then a
   * password is still not sent to a host whose key is known to be another.
   * @defaultValue 'strict'
   */
  checkHostKey?: 'strict' | 'accept-new' | 'off' | undefined;
  /**
   * Finds out that the host is gone although nothing was closed: a question every `intervalMs` ms
   * of silence, and an end after `countMax` without an answer. `intervalMs: 0` asks nothing.
   * Sensible: 5000 to 60000 ms.
   * @defaultValue `{ intervalMs: 15000, countMax: 3 }`
   */
  keepalive?: { intervalMs?: number | undefined; countMax?: number | undefined } | undefined;
  /**
   * How many connections to this host and port one process may have under way at once; the others
   * wait, which counts against no deadline. sshd drops connections from its 10th on (its option
   * MaxStartups), so more than 8 needs a server that is set up for it.
   * @defaultValue 8
   */
  maxConnecting?: number | undefined;
}

/** For `checkOptions`. */
export const SSH_OPTIONS: OptionTypes<SshOptions> = {
  hostname: '',
  port: '',
  username: 'string',
  password: '',
  privateKey: '',
  identityFile: '',
  passphrase: '',
  agent: '',
  identitiesOnly: 'boolean',
  knownHosts: '',
  checkHostKey: '',
  keepalive: 'object',
  maxConnecting: '',
};

/** Where the result is used. */
export interface SshResolution {
  /**
   * Another context connects: leaves out the default keys and the default agent, so that no secret
   * leaves this machine that the options do not name.
   * @defaultValue false
   */
  isElsewhere?: boolean;
}

/**
 * Fills in and checks the options, and reads the files that they name.
 * @throws TypeError with the code ERR_INVALID_ARG, which names the option.
 */
export async function resolveSshOptions(
  options: SshOptions,
  { isElsewhere = false }: SshResolution = {},
): Promise<SshTarget> {
  const { hostname, port, username } = parseAddress(options);
  const agent = resolveAgent(options.agent, isElsewhere);
  const { password, keepalive, identitiesOnly = false, maxConnecting = 8 } = options;
  if (password !== undefined) checkString('password', password);
  checkOptions('keepalive', keepalive ?? {}, { intervalMs: '', countMax: '' });
  const { intervalMs = 15_000, countMax = 3 } = keepalive ?? {};
  return {
    hostname,
    port,
    username: username ?? defaultUsername(),
    ...(password === undefined ? {} : { password }),
    ...(agent === undefined ? {} : { agent }),
    identitiesOnly,
    identities: await resolveIdentities(options, isElsewhere),
    hostKeys: await resolveHostKeys(options, hostname, port),
    keepalive: {
      intervalMs: checkInteger('keepalive.intervalMs', intervalMs, 0),
      countMax: checkInteger('keepalive.countMax', countMax, 1),
    },
    maxConnecting: checkInteger('maxConnecting', maxConnecting, 1),
  };
}

/** The files to read known host keys from; new ones are added to the first, if there is one. */
export function knownHostsFiles({ knownHosts }: Pick<SshOptions, 'knownHosts'>): string[] {
  if (knownHosts !== undefined) return toPaths('knownHosts', knownHosts);
  const user = join(homedir(), '.ssh', 'known_hosts');
  const system = '/etc/ssh/ssh_known_hosts';
  return [user, `${user}2`, system, `${system}2`];
}

async function resolveHostKeys(
  options: SshOptions,
  hostname: string,
  port: number,
): Promise<SshHostKeys> {
  const check = options.checkHostKey ?? 'strict';
  if (check !== 'strict' && check !== 'accept-new' && check !== 'off') {
    throw invalidArgument(
      `checkHostKey must be 'strict', 'accept-new' or 'off', not ${JSON.stringify(check)}`,
    );
  }
  const files = knownHostsFiles(options);
  try {
    const { lines } = await readKnownHosts(files);
    return { check, ...lookupHost(lines, hostname, port), files: files.join(', ') };
  } catch (error) {
    const { path, code } = error as NodeJS.ErrnoException;
    throw invalidArgument(`cannot read knownHosts ${path ?? files}: ${code}`, error);
  }
}

async function resolveIdentities(
  options: SshOptions,
  isElsewhere: boolean,
): Promise<SshIdentity[]> {
  const { privateKey, identityFile, passphrase } = options;
  if (passphrase !== undefined) checkString('passphrase', passphrase);
  if (privateKey === undefined && identityFile === undefined) {
    return isElsewhere ? [] : readDefaultIdentities(passphrase);
  }
  const texts = privateKey === undefined ? [] : [privateKey].flat();
  const given = texts.map((text, index) => {
    const name = texts.length > 1 ? `privateKey[${index}]` : 'privateKey';
    if (typeof text !== 'string' && !Buffer.isBuffer(text)) {
      throw invalidArgument(`${name} must be the text of a key, as a string or Buffer`);
    }
    return parseIdentity(name, text.toString(), passphrase);
  });
  const files = identityFile === undefined ? [] : toPaths('identityFile', identityFile);
  const read = files.map((file) => readIdentityFile(file, passphrase));
  return [...given, ...(await Promise.all(read))];
}

function resolveAgent(agent: string | false | undefined, isElsewhere: boolean): string | undefined {
  if (agent === false) return undefined;
  if (agent !== undefined) return expandHome(checkString('agent', agent));
  return isElsewhere ? undefined : process.env.SSH_AUTH_SOCK || undefined;
}

function defaultUsername(): string {
  try {
    return userInfo().username;
  } catch (error) {
    // In a container, the user's id may be in no user database.
    throw invalidArgument('username is missing: this process has no user name; give one', error);
  }
}

function toPaths(option: string, value: string | readonly string[]): string[] {
  return [value].flat().map((path) => expandHome(checkString(option, path)));
}

function expandHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

function checkString(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidArgument(`${option} must be a string that is not empty`);
}

function checkInteger(option: string, value: unknown, minimum: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= minimum) return value as number;
  throw invalidArgument(`${option} must be a whole number from ${minimum} on, not ${value}`);
}
