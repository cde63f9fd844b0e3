/**
 * Pushed: part of the `ssh` method, in contexts that connect over SSH.
 *
 * One SSH connection, from the name to the end of the process. The traps of ssh2 that shape it: its
 * verifier takes a returned Promise for a yes and is asked again at each re-key; `readyTimeout`
 * covers everything up to the login; an `error` event may come at any time, also when all is open.
 */

import type { Socket } from 'node:net';
import { type Attempt, ConnectError, type ExitStatus, type Pipe, type Stage } from '../attempt.js';
import { Authentication } from './authentication.js';
import { dial, resolveName } from './dial.js';
import { hostKeyAlgorithms, judgeHostKey, type Verdict } from './host-key.js';
import type { SshChannel, SshClient, SshError, SshLibrary } from './library.js';
import { hostLabel, printable, type SshTarget } from './target.js';

export class SshConnection {
  private readonly _target: SshTarget;
  private readonly _attempt: Attempt;
  /** What `end` has to do, in order; undefined once it has been called. */
  private _endings: (() => void)[] | undefined = [];
  /** The stage that is under way. */
  private _stage: Stage = 'resolve';
  /** Set once the client has it. */
  private _socket: Socket | undefined;
  /** What became of the host key, once the server has shown it. */
  private _verdict: Verdict | undefined;
  private _authentication!: Authentication;
  /** The connection has ended before the process was seen to end. */
  private _isLost = false;
  /** Rejects the step that waits for the client; undefined once the pipe is open. */
  private _fail: ((error: Error) => void) | undefined;

  constructor(target: SshTarget, attempt: Attempt) {
    this._target = target;
    this._attempt = attempt;
  }

  /** Registers what to do at the end; at once where it has ended already. */
  onEnd(action: () => void): void {
    if (this._endings) this._endings.push(action);
    else action();
  }

  /** Ends everything that is open. Idempotent. */
  end(): void {
    const endings = this._endings || [];
    this._endings = undefined;
    for (const action of endings) action();
  }

  async open(): Promise<Pipe> {
    const loading = this._attempt.vendor('ssh2');
    loading.catch(() => undefined); // Awaited below, unless something else fails before.
    const socket = await this._connect();
    this._enter('host key');
    const library = asLibrary(await loading);
    const client = new library.Client();
    this._authentication = new Authentication(library, this._target);
    this.onEnd(() => this._authentication.close());
    this._socket = socket;
    await this._untilDone<void>((resolve) => this._logIn(client, socket, () => resolve()));
    this._enter('shell');
    return this._untilDone<Pipe>((resolve, reject) => {
      client.exec(this._attempt.commandLine, (error, channel) => {
        // At once: the process may have ended, and its `exit` event be next in the same packet.
        if (error) reject(error);
        else resolve(this._pipe(channel));
      });
    });
  }

  private async _connect(): Promise<Socket> {
    const { hostname, port } = this._target;
    this._enter('resolve');
    const addresses = await resolveName(hostname);
    this._enter('tcp');
    const { connected, cancel } = dial(hostname, port, addresses);
    this.onEnd(cancel);
    const socket = await connected;
    this.onEnd(() => socket.destroy());
    return socket;
  }

  private _enter(stage: Stage): void {
    this._stage = stage;
    if (this._endings) this._attempt.enter(stage);
  }

  /** A step that the client's end also ends. */
  private _untilDone<T>(
    step: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this._fail = (error) => reject(this._explain(error));
      if (!this._endings) this._fail(new Error('the attempt has ended'));
      else if (this._socket!.destroyed) this._fail(new Error('the server closed the connection'));
      else step(resolve, this._fail);
    });
  }

  private _logIn(client: SshClient, socket: Socket, onReady: () => void): void {
    const { username, keepalive, hostKeys } = this._target;
    const note = (text: string) => this._attempt.note(text);
    client.on('error', (error: SshError) => this._onError(error));
    client.on('close', () => this._onError(new Error('the server closed the connection')));
    client.on('greeting', note).on('banner', note);
    client.on('change password', () =>
      this._onError(new Error('the password has expired and must be changed by hand')),
    );
    client.once('handshake', () => this._enter('auth'));
    client.once('ready', onReady);
    this._endings!.unshift(() => client.end());
    client.connect({
      sock: socket,
      username,
      readyTimeout: 0, // Each stage has its own deadline.
      keepaliveInterval: keepalive.intervalMs,
      keepaliveCountMax: keepalive.countMax,
      algorithms: { serverHostKey: hostKeyAlgorithms(hostKeys.known) },
      hostVerifier: (blob, verify) => verify(this._isTrusted(blob)),
      authHandler: (left, _isPartial, next) => this._authentication.next(left, next),
    });
  }

  /** Asked at each key exchange. Invariant: a connection has one host key, whatever the checks. */
  private _isTrusted(blob: Buffer): boolean {
    if (this._verdict) {
      return !this._verdict.refusal && this._verdict.key.key === blob.toString('base64');
    }
    this._verdict = judgeHostKey(this._target, blob);
    this._authentication.isSuspect = this._verdict.isSuspect;
    return !this._verdict.refusal;
  }

  private _onError(error: SshError): void {
    const isMinor = error.level === 'agent' || error.level === 'client-authentication';
    if (isMinor && !this._authentication.isExhausted && this._fail) {
      // A key could not sign: ssh2 goes on with the next one.
      this._authentication.leftOut.push(`a signature (${printable(error.message)})`);
    } else if (this._fail) {
      this._fail(error);
    } else if (this._endings && !this._isLost) {
      this._isLost = true;
      this._attempt.note(`connection to ${this._host()} lost: ${printable(error.message)}\n`);
      // Not `end`: what has arrived is still to be read; then the channel closes.
      this._socket!.destroy();
    }
  }

  private _explain(error: Error): ConnectError {
    const stage = this._stage;
    const refusal = this._verdict?.refusal;
    if (refusal !== undefined) return new ConnectError('ERR_HOST_KEY', refusal, { stage });
    if (stage === 'auth') return this._authentication.failure(error);
    const message =
      stage === 'shell'
        ? `cannot start a command on ${this._host()}: ${printable(error.message)}`
        : `no SSH session with ${this._host()}: ${printable(error.message)}; ` +
          'check that it is an SSH server, and that it is not overloaded (MaxStartups)';
    return new ConnectError('ERR_SSH', message, { stage });
  }

  private _host(): string {
    return hostLabel(this._target.hostname, this._target.port);
  }

  private _pipe(channel: SshChannel): Pipe {
    this._fail = undefined;
    const { isNew, key } = this._verdict!;
    return {
      input: channel,
      output: channel,
      diagnostics: [channel.stderr],
      exit: this._exit(channel),
      destroy: () => this.end(),
      ...(isNew ? { facts: { newHostKey: key } } : {}),
    };
  }

  /** Resolves when the channel is closed and all of its output has been read, or at `end`. */
  private _exit(channel: SshChannel): Promise<ExitStatus> {
    let status: ExitStatus = {};
    return new Promise((resolve) => {
      const finish = () => {
        resolve(status);
        this.end();
      };
      channel.on('exit', (code: number | null, signal?: string) => {
        status = code === null ? { signal: signal! } : { code };
      });
      // Both streams emit `close` once, when they have been read to their end.
      let open = 2;
      const onClose = () => --open === 0 && finish();
      channel.once('close', onClose);
      channel.stderr.once('close', onClose);
      // Errors of the streams (a write after the end) say nothing that `exit` does not.
      channel.on('error', () => undefined);
      channel.stderr.on('error', () => undefined);
      this.onEnd(() => resolve(status));
    });
  }
}

/** A CommonJS module that came by `import` has its exports in `default`. */
function asLibrary(loaded: unknown): SshLibrary {
  const { default: inner } = loaded as { default?: SshLibrary };
  return inner || (loaded as SshLibrary);
}
