/** What to do about what has failed. */

import { getServers } from 'node:dns';
import type { ConnectError, SshTarget } from '@kinetin/core/parent';
import type { DoctorFinding, DoctorLogin, DoctorStageName } from './report.js';
import type { SshWatch } from './ssh-watch.js';

/** Keys that a server usually lets one connection offer: MaxAuthTries is 6. */
const MANY_KEYS = 5;

/** The error of a stage as a finding; `more` is what the stage itself can say. */
export function findingOf(error: Error, more: readonly string[] = []): DoctorFinding {
  const { problem, remedy } = split(error.message);
  const remedies = [...more, ...(remedy && more.length === 0 ? [remedy] : [])];
  return { problem, remedy: remedies.join('; ') || 'read the output above' };
}

/** Messages read "what failed: why; what to do"; those of an attempt end with its last output. */
export function split(message: string): DoctorFinding {
  const text = message.replace(/; last output: .*$/s, '');
  const at = text.lastIndexOf('; ');
  return at < 0
    ? { problem: text, remedy: '' }
    : { problem: text.slice(0, at), remedy: text.slice(at + 2) };
}

/** For the stages up to the login; empty where the error itself says it best. */
export function sshRemedies(
  stage: DoctorStageName,
  error: Error,
  target: SshTarget,
  watch: SshWatch | undefined,
): string[] {
  const { message, code } = error as ConnectError;
  if (stage === 'resolve') return resolveRemedies(target.hostname, message);
  if (stage === 'tcp') return tcpRemedies(target.port, message, code);
  if (stage === 'key exchange') return keyExchangeRemedies(message, code, watch);
  if (stage === 'auth' && code === 'ERR_AUTH' && watch) return authRemedies(target, watch, message);
  if (code === 'ERR_CONNECT_TIMEOUT' && stage === 'auth') {
    return [SLOW_LOGIN, 'raise stageTimeouts.auth'];
  }
  return [];
}

/** Why servers make logins wait. */
export const SLOW_LOGIN =
  'on the server, set "UseDNS no" and "GSSAPIAuthentication no" in sshd_config, and look at its PAM ' +
  'modules: one of them may wait for a directory or name server that does not answer';

function resolveRemedies(hostname: string, message: string): string[] {
  const servers = getServers().join(', ') || 'none';
  const asked = `the name servers of this machine are ${servers}`;
  if (/EAI_AGAIN/.test(message)) {
    return [`no name server has answered: check the network of this machine (${asked})`];
  }
  return [
    `check the spelling of ${hostname}, and that it is a name here (getent hosts ${hostname}); ${asked}`,
  ];
}

function tcpRemedies(port: number, message: string, code: string): string[] {
  if (/ECONNREFUSED/.test(message)) {
    return [
      `the host answers, and nothing listens on port ${port}: start its SSH server, or give its port`,
    ];
  }
  if (code === 'ERR_CONNECT_TIMEOUT' || /ETIMEDOUT/.test(message)) {
    return [
      `nothing came back: the host is down, or a firewall drops what goes to port ${port}; ` +
        'try from another network, or by way of a hop (via)',
    ];
  }
  if (/EHOSTUNREACH|ENETUNREACH/.test(message)) {
    return ['there is no route to the address: check the network or VPN of this machine'];
  }
  return [];
}

function keyExchangeRemedies(message: string, code: string, watch?: SshWatch): string[] {
  const option = /no matching key exchange/i.test(message)
    ? 'KexAlgorithms'
    : /no matching host key/i.test(message)
      ? 'HostKeyAlgorithms'
      : /no matching .*cipher/i.test(message)
        ? 'Ciphers'
        : /no matching .*mac/i.test(message)
          ? 'MACs'
          : undefined;
  const offer = option && watch?.offers.get(option);
  if (offer) {
    return [
      `set ${option} in the server's sshd_config to something that both can: the server offers ` +
        `${offer.remote.join(', ')}; here there are ${offer.local.join(', ')}`,
    ];
  }
  if (code === 'ERR_CONNECT_TIMEOUT') {
    return [
      watch?.server === undefined
        ? 'something accepts the connection and says nothing: check that it is an SSH server, and ' +
          'that it is not overloaded'
        : 'the server began and then fell silent: look at its load and its log',
    ];
  }
  if (watch?.server === undefined) {
    return [
      'what listens there has not said that it is an SSH server: check the port; a server that ' +
        'closes at once may be out of connections (MaxStartups), or ban this address (fail2ban, ' +
        'PerSourcePenalties, hosts.deny)',
    ];
  }
  return [];
}

function authRemedies(target: SshTarget, watch: SshWatch, message: string): string[] {
  const { logins, methodsOffered, agent } = watch;
  const { username, hostname, port } = target;
  const takes = (method: string) => methodsOffered.includes(method);
  const keys = logins.filter(({ method }) => method === 'publickey');
  const rejected = keys.filter(({ result }) => result === 'rejected');
  const remedies: string[] = [];
  const locked = keys.filter(isLocked).map(({ keySource }) => keySource);
  if (locked.length > 0) {
    remedies.push(
      `give passphrase for ${locked.join(', ')}, or add the key to an agent (ssh-add ${locked[0]})`,
    );
  }
  if (/too many/i.test(message) || rejected.length >= MANY_KEYS) {
    remedies.push('name one key in identityFile and set identitiesOnly: servers take few tries');
  }
  if (logins.some(({ result }) => result === 'partial success')) {
    remedies.push(`the server wants one more method, of ${methodsOffered.join(', ')}`);
  }
  const file = rejected.find(({ keySource }) => keySource !== 'agent')?.keySource;
  if (rejected.length > 0) {
    const copy = file ? ` (ssh-copy-id -i ${file} -p ${port} ${username}@${hostname})` : '';
    remedies.push(
      `check the username, and add the public key to ~/.ssh/authorized_keys of ${username} there` +
        `${copy}; the home folder and ~/.ssh there must be writable by ${username} alone`,
    );
  }
  if (keys.length === 0 && takes('publickey')) {
    const without = agent ? '' : ', and there is no agent (SSH_AUTH_SOCK)';
    remedies.push(`no key was found${without}: name one in identityFile`);
  }
  if (agent && 'problem' in agent) {
    remedies.push(`the agent ${target.agent} cannot be used (${agent.problem}): start it anew`);
  }
  const isPassword = (method: string) => method === 'password' || method === 'keyboard-interactive';
  const typed = logins.some(({ method, result }) => isPassword(method) && result === 'rejected');
  if (typed) remedies.push('check the password');
  else if (target.password === undefined && methodsOffered.some(isPassword)) {
    remedies.push('or give password: the server takes one');
  } else if (target.password !== undefined && !methodsOffered.some(isPassword)) {
    remedies.push('the server takes no password: use a key');
  }
  const beyond = methodsOffered.filter((name) => /^(gssapi|hostbased)/.test(name));
  if (beyond.length > 0 && beyond.length === methodsOffered.length) {
    remedies.push(`the server takes only ${beyond.join(', ')}, which Kinetin cannot`);
  }
  return remedies;
}

function isLocked({ result, reason = '' }: DoctorLogin): boolean {
  return result === 'left out' && /passphrase|encrypted/i.test(reason);
}
