/**
 * Pushed: part of the `context` bundle.
 *
 * What senders and receivers say to each other: lists that begin with what they are. A sender's first
 * word is another one: the key of its receiver. docs/protocol.md, section "Channels".
 */

import { SerializeError } from '../errors.js';
import type { Router } from '../routing/router.js';
import type { Address } from './address.js';
import { endGiving, startGiving, takeBack } from './gifts.js';

/** [DATA, value], to a receiver. */
export const DATA = 0;
/** [END], to a receiver: nothing more will come, and that is as it should be. */
export const END = 1;
/** [FAIL, reason], to a receiver: nothing more will come, and that is not as it should be. */
export const FAIL = 2;
/** [GRANT, bytes], to a sender: so many bytes have been read. */
export const GRANT = 3;
/** [CLOSED, reason], to a sender: nothing is taken any more. */
export const CLOSED = 4;
/** [LOST, code, text], to either: the other end is gone. */
export const LOST = 5;

/** What one end says to the other. */
export type Said = [what: unknown, ...details: unknown[]];

/** Where a sender introduces itself: with the key of its receiver, and where a channel is read here. */
export type Introduction = [key: string, ...back: Partial<Address>];

/** Encodes a value for a receiver; names a part that cannot travel as the sender knows it. */
export function encodeValue(core: Router, value: unknown): Buffer {
  const outer = startGiving();
  try {
    const body = core.encode([DATA, value], 'message');
    endGiving(outer);
    return body;
  } catch (error) {
    takeBack(endGiving(outer));
    if (!(error instanceof SerializeError)) throw error;
    const byValue = (text: string) => text.replace(/^message\[1\]/, 'value');
    throw new SerializeError(byValue(error.message), byValue(error.path));
  }
}

/** Encodes a word with a reason, which may be anything: what cannot travel goes as text. */
export function encodeReason(core: Router, what: number, reason: unknown): Buffer {
  try {
    return core.encode([what, reason]);
  } catch {
    return core.encode([what, textOf(reason)]);
  }
}

/** A reason as people read it. */
export function textOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
