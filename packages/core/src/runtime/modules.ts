/**
 * Pushed: part of the core, in every context.
 *
 * Modules by content: kept by every context that they pass through, asked for once, checked against
 * their hash. docs/protocol.md, section "Modules".
 */

import { createHash } from 'node:crypto';
import { brotliDecompressSync } from 'node:zlib';
import { ModuleError } from '../errors.js';
import type { Router } from '../routing/router.js';
import { isNeighbour } from '../routing/routes.js';
import type { Stream } from '../routing/stream.js';
import { FLAG_ERROR } from '../wire/flags.js';
import { GET_MODULE, MODULE } from '../wire/handles.js';

/**
 * [hash in hex, compressed text, id of who needs it]. Instead of the text: undefined where the
 * receiver has it already, an error where it cannot be had.
 */
type ModuleMessage = [string, Buffer | Error | undefined, number];

/** The text of a compressed module. Throws a ModuleError where it is not what `hash` names. */
export function unpackModule(hash: string, packed: Buffer): string {
  const text = brotliDecompressSync(packed);
  if (createHash('sha256').update(text).digest('hex') !== hash) {
    throw new ModuleError('ERR_MODULE_HASH', `module ${hash.slice(0, 16)} arrived damaged`);
  }
  return text.toString();
}

interface Waiter {
  resolve(packed: Buffer): void;
  reject(error: unknown): void;
}

/** The modules that a context's main thread holds for itself, its thread and those below it. */
export class ModuleStore {
  private _packed: Map<string, Buffer> = new Map();
  /** Told when a module that was asked for arrives. */
  private _waiting: Map<string, Waiter[]> = new Map();
  /** What came unasked and was damaged: the next who asks learns it. */
  private _damaged: Map<string, unknown> = new Map();
  /** What each neighbour below has been sent, and whether it has asked for it. */
  private _sent: WeakMap<Stream, Map<string, boolean>> = new WeakMap();

  constructor(private _router: Router) {
    _router.listen(
      {
        policy: (message, from) => isNeighbour(message, from) && from?.side === 'parent',
        onMessage: (message) => {
          const [hash, packed, target] = _router.decode(message) as ModuleMessage;
          try {
            if (packed instanceof Error) throw packed;
            if (packed) unpackModule(hash, packed);
            if (packed) this.add(hash, packed);
          } catch (error) {
            if (!this._waiting.has(hash)) this._damaged.set(hash, error);
            return this._settle(hash, (waiter) => waiter.reject(error));
          }
          if (target !== _router.id) this.push(hash, target);
        },
      },
      MODULE,
    );
    _router.listen(
      {
        policy: (message, from) => isNeighbour(message, from) && from?.side !== 'parent',
        onMessage: (message, from) => {
          const hash = String(_router.decode(message));
          if (from?.side === 'thread') {
            this.text(hash).then(
              (text) => _router.reply(message, _router.encode(text)),
              (error) => _router.reply(message, _router.encode(error), FLAG_ERROR),
            );
          } else {
            this.get(hash).then(
              () => this.push(hash, message.source, true),
              (error) => _router.post(message.source, MODULE, [hash, error, message.source]),
            );
          }
        },
      },
      GET_MODULE,
    );
  }

  /** Keeps a module, whose hash has been checked. */
  add(hash: string, packed: Buffer): void {
    if (this._packed.has(hash)) return;
    this._packed.set(hash, packed);
    this._settle(hash, (waiter) => waiter.resolve(packed));
  }

  /** The compressed module; asks the parent for it, once. Rejects with ERR_MODULE_NOT_FOUND. */
  get(hash: string): Promise<Buffer> {
    const packed = this._packed.get(hash);
    const { upstream } = this._router;
    if (packed) return Promise.resolve(packed);
    const damage = upstream ? this._damaged.get(hash) : notFound(hash);
    this._damaged.delete(hash);
    if (damage) return Promise.reject(damage);
    return new Promise((resolve, reject) => {
      const waiting = this._waiting.get(hash);
      this._waiting.set(hash, (waiting || []).concat({ resolve, reject }));
      if (!waiting) this._router.sendTo(upstream as Stream, GET_MODULE, hash);
    });
  }

  /** The text of a module. */
  async text(hash: string): Promise<string> {
    return unpackModule(hash, await this.get(hash));
  }

  /**
   * Sends a module down towards `target`, by way of every hop; to each neighbour once, and again where
   * that asks a second time: the first time what was sent may be on its way.
   */
  push(hash: string, target: number, isAsked = false): void {
    const stream = this._router.routes.get(target);
    if (!stream) return;
    let sent = this._sent.get(stream);
    if (!sent) this._sent.set(stream, (sent = new Map()));
    const wasAsked = sent.get(hash);
    const isNew = wasAsked === undefined || (wasAsked && isAsked);
    sent.set(hash, isAsked || Boolean(wasAsked));
    if (!isNew && stream.peer === target) return;
    const message: ModuleMessage = [hash, isNew ? this._packed.get(hash) : undefined, target];
    this._router.post(stream.peer, MODULE, message);
  }
  private _settle(hash: string, settle: (waiter: Waiter) => void): void {
    const waiting = this._waiting.get(hash) || [];
    this._waiting.delete(hash);
    waiting.forEach(settle);
  }
}

function notFound(hash: string): ModuleError {
  return new ModuleError(
    'ERR_MODULE_NOT_FOUND',
    `no context above has module ${hash.slice(0, 16)}`,
  );
}
