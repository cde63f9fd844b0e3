/**
 * Pushed: part of the `context` bundle.
 *
 * Where a sender sends: the plain value of the endpoints SENDER and CHANNEL.
 */

import { randomBytes } from 'node:crypto';
import { FIRST_ALLOCATED_HANDLE } from '../wire/handles.js';

/**
 * The handle of a receiver, in its context. Handles can be guessed, keys cannot: who has the key was
 * given the sender.
 */
export type Address = [context: number, handle: number, key: string];

const KEY_BYTES = 16;
const KEY = /^[0-9a-f]{32}$/;

export const makeKey = (): string => randomBytes(KEY_BYTES).toString('hex');

/** An address that came from elsewhere. Throws a TypeError where it is none. */
export function readAddress(plain: unknown): Address {
  const [context, handle, key] = Array.isArray(plain) ? plain : [];
  // Well-known handles serve those above: who sends there in their name must not be told to by others.
  if (!isId(context) || !isId(handle) || handle < FIRST_ALLOCATED_HANDLE || !isKey(key)) {
    throw new TypeError('a sender has no address');
  }
  return [context, handle, key];
}

const isKey = (value: unknown): value is string => typeof value === 'string' && KEY.test(value);

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 0xffffffff;
