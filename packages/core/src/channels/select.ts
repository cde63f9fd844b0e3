/**
 * Waiting for many receivers at once.
 */

import { checkOptions, invalidArgument } from '../arguments.js';
import { ChannelError } from './channel-error.js';
import { next } from './receiver.js';
import type { SelectEvent, Source } from './source.js';
import type { WaitOptions } from './wait.js';

export interface SelectOptions {
  /**
   * Whether a member leaves after its first message, as suits the receivers of `callAsync`.
   * A select that is a member stays until it is empty in any case.
   * @defaultValue true
   */
  oneshot?: boolean;
}

/**
 * The first message of any of its members, which are receivers and other selects. Iteration ends
 * when no member is left, or at `close`. Members take turns, so that a busy one starves no other;
 * a select that is a member counts as one. A member may have other readers, and be in other
 * selects: each message goes to one of them.
 *
 * @example
 * ```ts
 * const replies = contexts.map((context) => context.callAsync(hostname));
 * for await (const { message } of new Select(replies)) console.log(message.value);
 * ```
 */
export class Select<Value = unknown, From = unknown> implements Source<Value, From> {
  /** Members and what stops watching them, in the order of their turns. */
  private _members: Map<Source<Value, From>, () => void> = new Map();
  private _watchers: Set<() => void> = new Set();
  private _oneshot: boolean;
  private _isClosed = false;

  constructor(members: Iterable<Source<Value, From>> = [], options: SelectOptions = {}) {
    checkOptions('Select', options, { oneshot: 'boolean' });
    this._oneshot = options.oneshot ?? true;
    try {
      for (const member of members) this.add(member);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The value of the first message of each member, in order of arrival. */
  static async *all<Value>(members: Iterable<Source<Value>>): AsyncGenerator<Value, void> {
    const select = new Select(members);
    try {
      for await (const { message } of select) yield message.value;
    } finally {
      select.close();
    }
  }

  /** Messages that can be taken at once. */
  get size(): number {
    let size = 0;
    for (const member of this._members.keys()) {
      size += this._oneshot && !(member instanceof Select) ? Math.min(1, member.size) : member.size;
    }
    return size;
  }

  /** Whether there is no member that can still give something. */
  get isEnded(): boolean {
    for (const member of this._members.keys()) {
      if (member.size > 0 || !member.isEnded) return false;
    }
    return true;
  }

  /**
   * Adds a member; its messages that have come before count. Whoever waits takes notice.
   *
   * @throws {@link ChannelError} ERR_SELECT_MEMBER where it is a member already, ERR_SELECT_CYCLE
   * where the select would contain itself, ERR_CLOSED_HERE after `close`; TypeError with the code
   * ERR_INVALID_ARG where it is no source. Nothing is changed then.
   */
  add(member: Source<Value, From>): this {
    if (this._isClosed) throw closed();
    if (typeof member?.watch !== 'function') {
      throw invalidArgument(
        'a member of a select is a receiver or a select: use callAsync, not call',
      );
    }
    if (this._members.has(member)) {
      throw new ChannelError(
        'ERR_SELECT_MEMBER',
        'cannot add to the select: it is a member already; remove it first',
      );
    }
    if (member instanceof Select && member._contains(this)) {
      throw new ChannelError(
        'ERR_SELECT_CYCLE',
        'cannot add to the select: it would contain itself; make another select',
      );
    }
    this._members.set(
      member,
      member.watch(() => this._notify()),
    );
    if (member.size > 0 || member.isEnded) this._notify();
    return this;
  }

  /**
   * Removes a member, with the messages that it has and that were not taken.
   *
   * @throws {@link ChannelError} ERR_SELECT_MEMBER where it is no member.
   */
  remove(member: Source<Value, From>): void {
    if (!this._members.has(member)) {
      throw new ChannelError(
        'ERR_SELECT_MEMBER',
        'cannot remove from the select: it is not a member, or not any more; see oneshot',
      );
    }
    this._drop(member);
    this._notify();
  }

  /**
   * Removes all members, which stay open, and ends those who wait. A select that is not read to its
   * end is known to its members until it is closed. Idempotent.
   */
  close(): void {
    this._isClosed = true;
    for (const member of [...this._members.keys()]) this._drop(member);
    this._notify();
  }

  /**
   * The next message.
   *
   * @throws {@link ChannelError} ERR_SELECT_EMPTY where no member can give one, ERR_CLOSED_HERE
   * after `close`; {@link TimeoutError}; the signal's reason.
   */
  async get(options: WaitOptions = {}): Promise<SelectEvent<Value, From>> {
    const event = await next(this, options);
    if (event) return event;
    if (this._isClosed) throw closed();
    throw new ChannelError(
      'ERR_SELECT_EMPTY',
      'nothing to wait for: the select has no open member; add one, or look at isEnded',
    );
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SelectEvent<Value, From>, void, undefined> {
    for (let event = await next(this); event; event = await next(this)) yield event;
  }

  take(): SelectEvent<Value, From> | undefined {
    for (const [member, unwatch] of this._members) {
      const event = member.take();
      if (!event) {
        if (member.isEnded) this._drop(member);
        continue;
      }
      const isOver = member instanceof Select ? member.isEnded : this._oneshot;
      this._members.delete(member);
      if (isOver) unwatch();
      else this._members.set(member, unwatch);
      return event;
    }
    return undefined;
  }

  watch(listener: () => void): () => void {
    this._watchers.add(listener);
    return () => void this._watchers.delete(listener);
  }

  private _contains(other: Source<Value, From>): boolean {
    if (other === (this as Source<Value, From>)) return true;
    for (const member of this._members.keys()) {
      if (member instanceof Select && member._contains(other)) return true;
    }
    return false;
  }

  private _drop(member: Source<Value, From>): void {
    this._members.get(member)?.();
    this._members.delete(member);
  }

  private _notify(): void {
    for (const watcher of [...this._watchers]) watcher();
  }
}

function closed(): ChannelError {
  return new ChannelError('ERR_CLOSED_HERE', 'the select was closed here');
}
