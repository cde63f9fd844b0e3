/**
 * Pushed: part of the `ssh` method, in contexts that connect over SSH.
 *
 * Which ways to log in are tried, in OpenSSH's order: the agent's keys (those that are also among
 * the identities first), the other identities, keyboard-interactive, password. Unlike OpenSSH, the
 * question which methods there are (`none`) is not asked before a key is offered, which saves one
 * round trip: the answer to a refused key says the same.
 *
 * Invariant: the password is sent at most once, whichever method takes it.
 */

import type { Duplex } from 'node:stream';
import { ConnectError } from '../attempt.js';
import { fingerprint } from './host-key.js';
import type { SshAgent, SshKey, SshLibrary } from './library.js';
import { hostLabel, printable, type SshIdentity, type SshTarget } from './target.js';

/** One way to log in. */
interface Way {
  /** The method's name in the protocol. */
  name: string;
  /** What it is tried with, for messages. */
  label: string;
  /** What ssh2 is to do; undefined where it turns out to be unusable. */
  method(): object | undefined;
}

interface Prompt {
  prompt: string;
  echo?: boolean;
}

export class Authentication {
  /** What was tried, in order; never a secret. */
  readonly tried: string[] = [];
  /** What was left out, and why. */
  readonly leftOut: string[] = [];
  /** What the server would accept, where it has said so. */
  accepted: string[] = [];
  /** The server's key is not the expected one: no password may be sent. */
  isSuspect = false;
  /** Nothing is left to try. */
  isExhausted = false;
  /** The password has been sent. */
  private _hasTyped = false;
  /** Connections to the agent. */
  private readonly _agentStreams = new Set<Duplex>();
  /** What is left to be tried; listed while the connection is made. */
  private readonly _ways: Promise<Way[]>;
  private readonly _library: SshLibrary;
  private readonly _target: SshTarget;

  constructor(library: SshLibrary, target: SshTarget) {
    this._library = library;
    this._target = target;
    this._ways = this._listWays();
  }

  /** ssh2's `authHandler`: answers with the next method, or false. */
  next(methodsLeft: string[] | null, answer: (method: object | false) => void): void {
    this.accepted = methodsLeft || [];
    this._ways.then((ways) => {
      let method: object | undefined;
      while (!method) {
        const index = ways.findIndex(({ name }) => this._isAllowed(name, methodsLeft));
        if (index < 0) break;
        const way = ways.splice(index, 1)[0]!;
        method = way.method();
        if (method) this.tried.push(way.label);
      }
      this.isExhausted = !method;
      answer(method || false);
    });
  }

  /** Ends the connections to the agent. */
  close(): void {
    for (const stream of this._agentStreams) stream.destroy();
  }

  /** The error for a login that came to nothing; `reason` is told unless all was tried. */
  failure(reason: Error): ConnectError {
    const { tried, leftOut, accepted } = this;
    const { hostname, port, username } = this._target;
    const parts = [
      ...(this.isExhausted ? [] : [printable(reason.message)]),
      `tried ${tried.join(', ') || 'nothing'}`,
      ...(leftOut.length > 0 ? [`left out ${leftOut.join(', ')}`] : []),
      ...(accepted.length > 0 ? [`the server takes ${accepted.map(printable).join(', ')}`] : []),
      /too many/i.test(reason.message)
        ? 'set identitiesOnly to offer fewer keys'
        : 'check the username, the keys and the password',
    ];
    const message = `cannot log in as ${username} at ${hostLabel(hostname, port)}: `;
    return new ConnectError('ERR_AUTH', message + parts.join('; '), { stage: 'auth' });
  }

  private _isAllowed(name: string, methodsLeft: string[] | null): boolean {
    if (name === 'password' && this._hasTyped) return false;
    return methodsLeft === null || name === 'none' || methodsLeft.indexOf(name) >= 0;
  }

  private async _listWays(): Promise<Way[]> {
    const { identities } = this._target;
    const path = this._target.agent;
    const agent = path !== undefined ? this._createAgent(path) : undefined;
    const held = agent ? await this._listAgentKeys(agent, path!) : [];
    const blob = (key: SshKey) => key.getPublicSSH().toString('base64');
    const isIdentity = (key: SshKey) => identities.some((it) => it.publicKey === blob(key));
    const isHeld = (it: SshIdentity) => held.some((key) => blob(key) === it.publicKey);
    const others = this._target.identitiesOnly ? [] : held.filter((key) => !isIdentity(key));
    const keys = [
      ...held
        .filter(isIdentity)
        .concat(others)
        .map((key) => this._agentKeyWay(agent!, key)),
      ...identities.filter((it) => !isHeld(it)).map((it) => this._identityWay(it)),
    ];
    const none: Way = {
      name: 'none',
      label: 'none',
      method: () => this._method('none', {}),
    };
    const ways = [...keys, ...this._passwordWays()];
    return keys.length > 0 ? [...ways, none] : [none, ...ways];
  }

  private _method(type: string, details: object): object {
    return { type, username: this._target.username, ...details };
  }

  private _agentKeyWay(agent: SshAgent, key: SshKey): Way {
    const single = Object.assign(new this._library.BaseAgent(), {
      getIdentities: (callback: (error: null, keys: SshKey[]) => void) => callback(null, [key]),
      sign: (...args: unknown[]) => agent.sign(...args),
    });
    return {
      name: 'publickey',
      label: `agent key ${printable(key.comment)} (${describe(key)})`,
      method: () => this._method('agent', { agent: single }),
    };
  }

  private _identityWay(identity: SshIdentity): Way {
    const way: Way = {
      name: 'publickey',
      label: `key ${identity.name}`,
      // Read when its turn comes: to decrypt a key takes a while, on purpose.
      method: () => {
        const key = this._readKey(identity);
        if (key instanceof Error) {
          this.leftOut.push(`key ${identity.name} (${printable(key.message)})`);
          return undefined;
        }
        way.label += ` (${describe(key)})`;
        return this._method('publickey', { key });
      },
    };
    return way;
  }

  private _readKey({ privateKey, passphrase, problem }: SshIdentity): SshKey | Error {
    if (privateKey === undefined) return new Error(problem || 'no private key, also in no agent');
    const key = this._library.utils.parseKey(privateKey, passphrase?.reveal());
    return key instanceof Error || key.isPrivateKey() ? key : new Error('not a private key');
  }

  private _passwordWays(): Way[] {
    if (!this._target.password) return [];
    const password = this._target.password.reveal();
    const way = (name: string, details: object): Way => ({
      name,
      label: name,
      method: () => {
        if (!this.isSuspect) return this._method(name, details);
        const note = 'the password (the host key is not the known one)';
        if (this.leftOut.indexOf(note) < 0) this.leftOut.push(note);
        return undefined;
      },
    });
    const prompt = (
      _name: string,
      _instructions: string,
      _language: string,
      prompts: Prompt[],
      finish: (answers: string[]) => void,
    ) => finish(this._answer(prompts, password));
    const typed = way('password', { password });
    const method = typed.method;
    typed.method = () => {
      this._hasTyped = true;
      return method();
    };
    return [way('keyboard-interactive', { prompt }), typed];
  }

  /** Answers only what looks like the question for the password: a single hidden prompt, once. */
  private _answer(prompts: Prompt[], password: string): string[] {
    if (prompts.length === 1 && !prompts[0]!.echo && !this._hasTyped) {
      this._hasTyped = true;
      return [password];
    }
    const questions = prompts.map(({ prompt }) => `'${printable(prompt.trim())}'`).join(' ');
    this.leftOut.push(`an answer to ${questions}`);
    return [];
  }

  private _createAgent(path: string): SshAgent {
    const agent = this._library.createAgent(path);
    const getStream = agent.getStream;
    // So that an agent that never answers can be left.
    agent.getStream = (callback) =>
      getStream.call(agent, (error, stream) => {
        if (stream) {
          this._agentStreams.add(stream);
          stream.once('close', () => this._agentStreams.delete(stream));
        }
        callback(error, stream);
      });
    return agent;
  }

  private _listAgentKeys(agent: SshAgent, path: string): Promise<SshKey[]> {
    return new Promise((resolve) => {
      agent.getIdentities((error, keys) => {
        if (error) this.leftOut.push(`the agent ${path} (${printable(error.message)})`);
        resolve(keys || []);
      });
    });
  }
}

function describe(key: SshKey): string {
  return `${key.type} ${fingerprint(key.getPublicSSH())}`;
}
