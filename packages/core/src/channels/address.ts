/**
 * Pushed: part of the `context` bundle.
 *
 * Where a sender sends: the plain value of the endpoints SENDER and CHANNEL.
 */

import { randomBytes } from 'node:crypto';

/**
 * The handle of a receiver, in its context. Handles can be guessed, keys cannot: who has the key was
 * given the sender.
 */
export type Address = [context: number, handle: number, key: string];

const KEY_BYTES = 16;

export const makeKey = (): string => randomBytes(KEY_BYTES).toString('hex');

/** An address that came from elsewhere. Throws a TypeError where it is none. */
export function readAddress(plain: unknown): Address {
  const [context, handle, key] = Array.isArray(plain) ? plain : [];
  if (!isId(context) || !isId(handle) || typeof key !== 'string') {
    throw new TypeError('a sender has no address');
  }
  return [context, handle, key];
}

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff;
