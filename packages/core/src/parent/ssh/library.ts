/**
 * Types only: the part of ssh2 that the `ssh` method uses. Not ssh2's own declarations, since those
 * bring in the types of a later Node than the one that pushed code is compiled for.
 */

import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';

export interface SshLibrary {
  Client: new () => SshClient;
  /** ssh2 takes only descendants of it for agents. */
  BaseAgent: new () => object;
  createAgent(path: string): SshAgent;
  utils: { parseKey(text: string | Buffer, passphrase?: string): SshKey | Error };
}

export interface SshClient extends EventEmitter {
  connect(config: SshClientConfig): unknown;
  exec(command: string, callback: (error: Error | undefined, channel: SshChannel) => void): unknown;
  end(): unknown;
}

export interface SshClientConfig {
  sock: Socket;
  username: string;
  /** ms; 0: none. */
  readyTimeout: number;
  /** ms; 0: none. */
  keepaliveInterval: number;
  keepaliveCountMax: number;
  algorithms: { serverHostKey: string[] };
  hostVerifier(key: Buffer, verify: (isPermitted: boolean) => void): void;
  authHandler(
    methodsLeft: string[] | null,
    isPartialSuccess: boolean | null,
    next: (method: object | false) => void,
  ): void;
}

export interface SshChannel extends Duplex {
  stderr: Readable;
}

export interface SshKey {
  type: string;
  comment: string;
  isPrivateKey(): boolean;
  getPublicSSH(): Buffer;
}

export interface SshAgent {
  getIdentities(callback: (error: Error | null | undefined, keys?: SshKey[]) => void): void;
  sign(...args: unknown[]): void;
  /** Of agents behind a socket: opens one connection to the agent. */
  getStream(callback: (error: Error | null, stream?: Duplex) => void): void;
}

/** An error of the client: `level` says which part failed. */
export interface SshError extends Error {
  level?: string;
}
