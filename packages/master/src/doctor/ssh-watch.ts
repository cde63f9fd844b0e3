/**
 * Watches ssh2 at work: the doctor hands it to the method `ssh` in place of the library, which notices
 * nothing. What it lets pass is never changed, and neither passwords nor private keys are kept.
 */

import { createHash } from 'node:crypto';
import type { SshTarget } from '@kinetin/core/parent';
import { clean, type DoctorLogin } from './report.js';

/** The part of ssh2 that is watched. */
interface Library {
  Client: new () => Client;
  createAgent(path: string): Agent;
  utils: { parseKey(text: string | Buffer, passphrase?: string): Key | Error };
}

interface Client {
  on(event: string, listener: (...args: never[]) => void): unknown;
  connect(config: ClientConfig): unknown;
}

interface ClientConfig {
  sock: { remoteAddress?: string };
  debug?(text: string): void;
  hostVerifier(blob: Buffer, verify: (isPermitted: boolean) => void): void;
  authHandler(
    methodsLeft: string[] | null,
    isPartial: boolean | null,
    next: (method: Method | false) => void,
  ): void;
}

/** What ssh2 is told to try. */
interface Method {
  type: string;
  key?: Key;
  agent?: Agent;
}

interface Key {
  type: string;
  comment: string;
  getPublicSSH(): Buffer;
}

interface Agent {
  getIdentities(callback: (error: Error | null | undefined, keys?: Key[]) => void): void;
}

/** What is agreed upon, and what both sides can, by the names of sshd_config. */
export interface Offer {
  local: string[];
  remote: string[];
}

type Login = { -readonly [Name in keyof DoctorLogin]: DoctorLogin[Name] };

/** The options of sshd_config, by what ssh2 calls the lists. */
const LISTS: Readonly<Record<string, string>> = {
  'KEX method': 'KexAlgorithms',
  'Host key format': 'HostKeyAlgorithms',
  'C->S cipher': 'Ciphers',
  'C->S MAC': 'MACs',
};

export class SshWatch {
  /** Of the address that was connected to. */
  address: string | undefined;
  /** As in `SSH-2.0-OpenSSH_9.2`. */
  server: string | undefined;
  hostKey: { type: string; fingerprint: string } | undefined;
  /** When the server had shown its key: of `performance.now()`. */
  hostKeyAt: number | undefined;
  /** By option of sshd_config; what ssh2 does not tell of is not there. */
  readonly offers = new Map<string, Offer>();
  /** As in `curve25519-sha256, aes128-gcm@openssh.com`. */
  agreed: string | undefined;
  /** In the order in which they were tried. */
  readonly logins: Login[] = [];
  /** What the server takes, where it has said so. */
  methodsOffered: string[] = [];
  /** Keys in the agent, or why there are none to be had; undefined without an agent. */
  agent: { keys: number } | { problem: string } | undefined;

  /** Of the login that waits for an answer. */
  #asked: { login: Login; at: number } | undefined;
  readonly #target: SshTarget;
  readonly #sources = new Map<Key, string>();
  /** Identities that were tried, or turned out to be unusable. */
  readonly #seen = new Set<string>();

  constructor(target: SshTarget) {
    this.#target = target;
  }

  /** The library to hand on. */
  watch(library: unknown): unknown {
    const ssh2 = library as Library;
    const watch = this;
    const Client = class extends ssh2.Client {
      override connect(config: ClientConfig): unknown {
        this.on('handshake', (agreed: never) => watch.#onHandshake(agreed));
        this.on('ready', () => watch.#answer('accepted'));
        this.on('error', (error: Error & { level?: string }) => watch.#onError(error));
        return super.connect(watch.#watchConfig(config));
      }
    };
    return {
      ...ssh2,
      Client,
      createAgent: (path: string) => this.#watchAgent(ssh2.createAgent(path)),
      utils: { ...ssh2.utils, parseKey: this.#watchParseKey(ssh2) },
    };
  }

  /** No more will come. `hasFailed`: all has been tried, so that what was not is told of as well. */
  end(hasFailed: boolean): void {
    this.#answer('no answer');
    if (!hasFailed) return;
    for (const identity of this.#target.identities) {
      if (this.#seen.has(identity.name)) continue;
      const fingerprint = identity.publicKey && fingerprintOf(identity.publicKey);
      if (this.logins.some((login) => fingerprint && login.fingerprint === fingerprint)) continue;
      const problem =
        identity.problem ??
        (identity.privateKey === undefined ? 'no private key, also in no agent' : undefined);
      this.logins.push({
        method: 'publickey',
        keySource: clean(identity.name),
        ...(fingerprint ? { fingerprint } : {}),
        ...(problem ? { result: 'left out', reason: clean(problem) } : { result: 'not offered' }),
      });
    }
    const { password } = this.#target;
    if (password === undefined) return;
    for (const method of ['keyboard-interactive', 'password']) {
      const isKnown = this.logins.some((login) => login.method === method);
      if (!isKnown) this.logins.push({ method, result: 'not offered' });
    }
  }

  #watchConfig(config: ClientConfig): ClientConfig {
    this.address = config.sock.remoteAddress;
    return {
      ...config,
      debug: (text) => this.#onDebug(text),
      hostVerifier: (blob, verify) => {
        this.#onHostKey(blob);
        config.hostVerifier(blob, verify);
      },
      authHandler: (left, isPartial, next) => {
        if (left) this.methodsOffered = left.map(clean);
        // An agent's key that was refused leaves what was said before it as it was.
        const isAgent = this.#asked?.login.keySource === 'agent';
        this.#answer(isPartial && !isAgent ? 'partial success' : 'rejected');
        config.authHandler(left, isPartial, (method) => {
          if (method) this.#ask(method);
          next(method);
        });
      },
    };
  }

  #onHostKey(blob: Buffer): void {
    // Asked again at each key exchange.
    this.hostKeyAt ??= performance.now();
    const type = clean(blob.toString('latin1', 4, 4 + blob.readUInt32BE(0)));
    this.hostKey = { type, fingerprint: fingerprintOf(blob) };
  }

  #onHandshake(agreed: { kex: string; cs: { cipher: string; mac?: string } }): void {
    const { kex, cs } = agreed;
    this.agreed = [kex, cs.cipher, ...(cs.mac ? [cs.mac] : [])].map(clean).join(', ');
  }

  /** ssh2 tells of these in no other way. */
  #onDebug(text: string): void {
    const [, ident] = /^Remote ident: '(.*)'$/.exec(text) ?? [];
    if (ident !== undefined) this.server ??= clean(ident.replace(/(\\[rn])+$/, ''));
    const [, side, list = '', names] =
      /^Handshake: \((local|remote)\) (.+?): (.*)$/.exec(text) ?? [];
    const option = LISTS[list];
    if (option && names !== undefined) {
      const offer = this.offers.get(option) ?? { local: [], remote: [] };
      offer[side as keyof Offer] = names.split(',').map(clean);
      this.offers.set(option, offer);
    }
    const [, why] = /^Skipping (?:.*\((.*)\)|.*)$/.exec(text) ?? [];
    if (why !== undefined) this.#leaveOut(why);
  }

  #onError({ level, message }: Error & { level?: string }): void {
    const isMinor = level === 'agent' || level === 'client-authentication';
    // Also told at the end, when nothing is left to try.
    if (isMinor && this.#asked) this.#leaveOut(message);
  }

  #leaveOut(reason: string): void {
    const asked = this.#asked?.login;
    if (asked) Object.assign(asked, { result: 'left out', reason: clean(reason) });
    this.#asked = undefined;
  }

  #ask(method: Method): void {
    const login: Login = { method: method.type, result: 'no answer' };
    if (method.type === 'agent') {
      login.method = 'publickey';
      login.keySource = 'agent';
      // The agent of one key that the login makes: it answers at once.
      method.agent?.getIdentities((_error, keys) => describe(login, keys?.[0]));
    } else if (method.key) {
      login.keySource = this.#sources.get(method.key) ?? 'key';
      describe(login, method.key);
    }
    this.logins.push(login);
    this.#asked = { login, at: performance.now() };
  }

  #answer(result: Login['result']): void {
    const asked = this.#asked;
    this.#asked = undefined;
    if (!asked) return;
    asked.login.result = result;
    if (result !== 'no answer') {
      asked.login.ms = Math.round((performance.now() - asked.at) * 100) / 100;
    }
  }

  #watchAgent(agent: Agent): Agent {
    const getIdentities = agent.getIdentities;
    agent.getIdentities = (callback) =>
      getIdentities.call(agent, (error, keys) => {
        this.agent = error ? { problem: clean(error.message) } : { keys: keys?.length ?? 0 };
        callback(error, keys);
      });
    return agent;
  }

  #watchParseKey({ utils }: Library) {
    return (text: string | Buffer, passphrase?: string): Key | Error => {
      const key = utils.parseKey(text, passphrase);
      const identity = this.#target.identities.find(({ privateKey }) => privateKey === text);
      if (!identity) return key;
      this.#seen.add(identity.name);
      if (key instanceof Error) {
        const reason = clean(key.message);
        const keySource = clean(identity.name);
        const fingerprint = identity.publicKey && fingerprintOf(identity.publicKey);
        this.logins.push({
          method: 'publickey',
          keySource,
          ...(fingerprint ? { fingerprint } : {}),
          result: 'left out',
          reason,
        });
      } else {
        this.#sources.set(key, clean(identity.name));
      }
      return key;
    };
  }
}

function describe(login: Login, key: Key | undefined): void {
  if (!key) return;
  login.keyType = clean(key.type);
  login.fingerprint = fingerprintOf(key.getPublicSSH());
  if (key.comment) login.comment = clean(key.comment);
}

/** As OpenSSH prints it. */
function fingerprintOf(blob: Buffer | string): string {
  const bytes = typeof blob === 'string' ? Buffer.from(blob, 'base64') : blob;
  return `SHA256:${createHash('sha256').update(bytes).digest('base64').replace(/=+$/, '')}`;
}
