/**
 * Pushed: part of the `ssh-options` bundle; npm has it too.
 *
 * What becomes of the options of `router.ssh` before anything connects: files are read, on the host and
 * by the account of the code that calls, defaults filled in, mistakes refused.
 */

import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { checkOptions, invalidArgument } from '../arguments.js';
import type { SshHostKeys, SshIdentity, SshTarget } from '../parent/ssh/target.js';
import { Secret } from '../wire/secret.js';
import { parseAddress } from './address.js';
import { parseIdentity, readDefaultIdentities, readIdentityFile } from './identities.js';
import { lookupHost, readKnownHosts } from './known-hosts.js';
import type { SshOptions } from './options.js';

/** Where the result is used. */
export interface SshResolution {
  /**
   * Another context connects: leaves out the default keys and the default agent, so that no secret
   * leaves this context that the options do not name.
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
  const password = checkSecret('password', options.password);
  const { keepalive, identitiesOnly = false, maxConnecting = 8 } = options;
  checkOptions('keepalive', keepalive ?? {}, { intervalMs: '', countMax: '' });
  const { intervalMs = 15_000, countMax = 3 } = keepalive ?? {};
  return {
    hostname,
    port,
    username: username ?? defaultUsername(),
    ...(password && { password }),
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
  const { privateKey, identityFile } = options;
  const passphrase = checkSecret('passphrase', options.passphrase);
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

function checkSecret(option: string, value: string | Secret | undefined): Secret | undefined {
  if (value === undefined || (value instanceof Secret && value.reveal() !== '')) return value;
  return new Secret(checkString(option, value));
}

function checkInteger(option: string, value: unknown, minimum: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= minimum) return value as number;
  throw invalidArgument(`${option} must be a whole number from ${minimum} on, not ${value}`);
}
