/**
 * Contexts that other contexts have started, as the master hears of them.
 */

import {
  type CallHost,
  Context,
  type Contexts,
  DeadLetterError,
  limits,
  printable,
} from '@kinetin/core';
import type { News } from '@kinetin/core/parent';

/** Settles the connection of a context as the one that starts it reports it. */
interface Arrival {
  connect(process: { pid: number; nodeVersion: string }): void;
  fail(error: Error): void;
}

export class Newcomers {
  readonly #host: CallHost;
  readonly #contexts: Contexts;
  /** Contexts that are not known to be connected, by id. */
  readonly #arrivals = new Map<number, Arrival>();

  constructor(host: CallHost, contexts: Contexts) {
    this.#host = host;
    this.#contexts = contexts;
  }

  /** Takes news that may be believed as to the id and who starts it; the rest may be anything. */
  receive([id, viaId, name, method, pid, nodeVersion]: News): void {
    const via = this.#contexts.get(viaId);
    // How it was started is known of each that was announced before, or was started here.
    const isNew = this.#contexts.get(id)?.method === undefined && pid === undefined;
    if (isNew && via) this.#add(id, via, name, method);
    if (pid === undefined) return;
    this.#arrivals.get(id)?.connect({ pid, nodeVersion: printable(String(nodeVersion)) });
    this.#arrivals.delete(id);
  }

  /** A context is gone, whichever it is. */
  remove(id: number, reason: string): void {
    this.#arrivals.get(id)?.fail(new DeadLetterError('ERR_CONTEXT_LOST', reason));
    this.#arrivals.delete(id);
  }

  #add(id: number, via: Context, name: string, method: string): void {
    const connected = new Promise<{ pid: number; nodeVersion: string }>((connect, fail) => {
      this.#arrivals.set(id, { connect, fail });
    });
    const path = printable(`${via.name}.${name}`).slice(0, limits.MAX_NAME_CHARS);
    const description = { id, name: path, method: printable(method), via, connected };
    this.#contexts.add(new Context(this.#host, description));
  }
}
