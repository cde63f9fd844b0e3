/**
 * Pushed: part of the core, in every context.
 *
 * Messages: what one context sends another, whole. A message travels as one frame or several.
 */

import { DeadLetterError } from '../errors.js';
import { deserialize } from '../wire/deserialize.js';
import { FLAG_DEAD, FLAG_ERROR } from '../wire/flags.js';
import type { Header } from '../wire/frame.js';
import type { EndpointCodec } from '../wire/serialize.js';

/** A message that has arrived. */
export interface Message extends Header {
  payload: Buffer;
}

/** What a sender says; source, authority and number are added by its router. */
export interface Outgoing {
  destination: number;
  handle: number;
  replyHandle?: number;
  flags?: number | undefined;
  /**
   * Encoded with HEADER_BYTES of headroom, which the router fills. Owned by the router; more than fits
   * into a frame with all the memory that it is a part of.
   */
  body: Buffer;
}

export const isDead = (message: Message): boolean => (message.flags & FLAG_DEAD) > 0;

/** The value of a reply. Throws what the message reports: a dead letter, or the callee's error. */
export function replyValue(message: Message, codec?: EndpointCodec): unknown {
  const value = deserialize(message.payload, codec);
  if (isDead(message)) {
    const [code, reason] = value as [string, string];
    throw new DeadLetterError(String(code), String(reason));
  }
  if (message.flags & FLAG_ERROR) throw value;
  return value;
}
