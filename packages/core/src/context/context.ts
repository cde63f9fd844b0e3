/**
 * A context as those see it who call functions in it, wherever they are.
 */

import { Caller } from '../calls/caller.js';
import { Calls } from '../calls/calls.js';
import type { Callee, CallHost } from '../calls/host.js';
import { PendingCall } from '../calls/pending-call.js';
import type { Endpoint } from '../calls/sendable.js';
import { type WaitOptions, wait } from '../channels/wait.js';
import type { DeadLetterError } from '../errors.js';
import type { Forgotten } from '../parent/runtime/forget.js';
import { CALL_MAIN, PING, SHUTDOWN } from '../wire/handles.js';

/** An id that no context ever has: of one whose id is not known yet. */
export const NOBODY = 0xffffffff;

/** What is known of a context where it is called. */
export interface ContextDescription extends Callee {
  readonly method?: string | undefined;
  readonly via?: Context | undefined;
  /** Settles with the connection: with the process, where that is known. */
  readonly connected: Promise<{ pid?: number; nodeVersion?: string } | undefined>;
}

/**
 * A process in the tree. Its functions start in the order in which they were called; asynchronous
 * ones overlap, as they would locally.
 */
export class Context extends Calls<Context> implements Endpoint, AsyncDisposable {
  /** Unique in the tree, never used again. */
  readonly id: number;
  /** Its place in the tree, as in `bastion.web1`. */
  readonly name: string;
  /** How it was started: `local`, `ssh`. Undefined where that is not known, as is what follows. */
  readonly method: string | undefined;
  /** The context that started it; also undefined where that is the master. */
  readonly via: Context | undefined;
  /** Process id, once it is connected. */
  pid: number | undefined;
  /** As in `v22.11.0`, once it is connected. */
  nodeVersion: string | undefined;

  /** For Kinetin's own use. */
  readonly caller: Caller;

  /** For Kinetin's own use. */
  constructor(host: CallHost, description: ContextDescription) {
    super();
    const { id, name, method, via, connected } = description;
    this.id = id;
    this.name = name;
    this.method = method;
    this.via = via;
    this.pid = undefined;
    this.nodeVersion = undefined;
    this.caller = new Caller(host, description);
    connected.then(
      (process) => {
        if (process) Object.assign(this, { pid: process.pid, nodeVersion: process.nodeVersion });
      },
      // Those who wait for the connection learn it.
      () => {},
    );
  }

  get endpoint(): 'context' {
    return 'context';
  }

  /** For Kinetin's own use. */
  get origin(): this {
    return this;
  }

  /**
   * Asks the context whether it is there. Resolves with the round trip in milliseconds, with
   * fractions. A context that is being started is asked once it is connected. Its main thread
   * answers: a function that blocks does not delay the answer, but with `workThread: 'none'`.
   *
   * @throws {@link ConnectError} where it could not be started; {@link DeadLetterError} where it is
   * gone, or refuses the caller; {@link TimeoutError} and the signal's reason.
   */
  ping(options: WaitOptions = {}): Promise<number> {
    const pending = new PendingCall();
    return wait<number>(
      options,
      `the ping of ${this.name}`,
      (resolve, reject) => void this._roundTrip(pending).then(resolve, reject),
      (reason) => pending.giveUp(reason),
    );
  }

  /**
   * Ends the context and all below it, in order. Resolves when it is gone. Idempotent.
   *
   * @throws {@link DeadLetterError} where it refuses the caller; {@link TimeoutError} and
   * the signal's reason: the context goes on ending.
   */
  shutdown(options: WaitOptions = {}): Promise<void> {
    return wait<void>(
      options,
      `the shutdown of ${this.name}`,
      (resolve, reject) => void this._end().then(resolve, reject),
      () => {},
    );
  }

  /**
   * Removes what Kinetin has stored on the host of this context, for its account: the Node that was sent
   * there because there was none. Resolves with the folders that are gone, and the bytes in them.
   * Contexts that run from there go on, and cannot start others on that host. Elsewhere, nothing
   * is found.
   *
   * @throws {@link ConnectError} where it could not be started; {@link DeadLetterError} where it is
   * gone, or refuses the caller; {@link TimeoutError} and the signal's reason.
   */
  forgetRuntime(options: WaitOptions = {}): Promise<Forgotten> {
    return wait<Forgotten>(
      options,
      `forgetting the runtime of ${this.name}`,
      (resolve, reject) => void this._forget().then(resolve, reject),
      () => {},
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  private async _roundTrip(pending: PendingCall): Promise<number> {
    const { host, callee } = this.caller;
    const { core } = host;
    await callee.connected;
    pending.throwIfGivenUp();
    const start = milliseconds();
    await core.request(this.id, PING, core.encode(0), (replyHandle) =>
      pending.onSent(() => core.unlisten(replyHandle)),
    );
    return milliseconds() - start;
  }

  private async _forget(): Promise<Forgotten> {
    const { host, callee } = this.caller;
    const { core } = host;
    await callee.connected;
    const call = [host.runtimeModule(this.id), ['forgetRuntime'], []];
    return (await core.request(this.id, CALL_MAIN, core.encode(call))) as Forgotten;
  }

  private async _end(): Promise<void> {
    const { host, callee } = this.caller;
    const { core } = host;
    try {
      // Not before it is connected: what is sent before may fail with the connection.
      await callee.connected;
    } catch {
      // It was never there: that is its end, too.
      return;
    }
    try {
      await core.request(this.id, SHUTDOWN, core.encode(undefined));
    } catch (error) {
      // Nothing answers but its end.
      const { code } = error as DeadLetterError;
      if (code !== 'ERR_CONTEXT_LOST' && code !== 'ERR_NO_ROUTE') throw error;
    }
  }
}

function milliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
