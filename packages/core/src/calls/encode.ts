/**
 * Calls as bytes. An AbortSignal among the arguments travels as the signal of the call.
 */

import { endGiving, type Gift, startGiving, takeBack } from '../channels/gifts.js';
import { SerializeError } from '../errors.js';
import type { Router } from '../routing/router.js';
import { type Endpoints, GENERATOR, SIGNAL } from '../wire/endpoints.js';
import { GeneratorReference } from './generator.js';
import { flagsOfCall } from './strands.js';

/**
 * The signals that `encodeCall` meets: the codec is shared, and encoding is never suspended, though a
 * getter may begin another. Undefined while anything else is encoded.
 */
let met: AbortSignal[] | undefined;

/** A call, as it leaves. */
export interface EncodedCall {
  body: Buffer;
  /** Of its message. */
  flags: number;
  /** Signals among the arguments. */
  signals: AbortSignal[];
  /** Whether there are contexts, senders or channels among them. */
  hasEndpoints: boolean;
  /** Senders and channels among them that were made here. */
  gifts: Gift[];
}

/**
 * How a signal travels: as the signal of the call that it is an argument of; and what comes in the
 * place of a generator.
 */
export function installCallEndpoints(endpoints: Endpoints): void {
  if (typeof AbortSignal === 'function') {
    endpoints.travels(AbortSignal, SIGNAL, (signal) => {
      if (!met) throw new TypeError('that signals travel as arguments of calls alone');
      met.push(signal);
    });
  }
  endpoints.arrives(GENERATOR, (id) => {
    if (typeof id !== 'number') throw new TypeError('a generator has no id');
    return new GeneratorReference(id);
  });
}

/** Encodes a call, whose third item are the arguments; names one that cannot
 * travel as the caller knows it. */
export function encodeCall(core: Router, payload: readonly unknown[]): EncodedCall {
  const endpoints = core.codec as Endpoints;
  const before = endpoints.count;
  const signals: AbortSignal[] = [];
  const outer = { met, gifts: startGiving() };
  met = signals;
  try {
    const body = core.encode(payload, 'call');
    const hasEndpoints = endpoints.count > before + signals.length;
    const flags = flagsOfCall(payload);
    return { body, flags, signals, hasEndpoints, gifts: endGiving(outer.gifts) };
  } catch (error) {
    takeBack(endGiving(outer.gifts));
    if (!(error instanceof SerializeError)) throw error;
    const byArgument = (text: string) => text.replace(/^call\[2\]/, 'args');
    throw new SerializeError(byArgument(error.message), byArgument(error.path));
  } finally {
    met = outer.met;
  }
}

/** Tells of the abort of `signal`, until `over` is aborted itself. */
export function whenAborted(
  signal: AbortSignal,
  tell: (reason: unknown) => void,
  over: AbortSignal | undefined,
): void {
  if (signal.aborted) tell(signal.reason);
  else
    signal.addEventListener('abort', () => tell(signal.reason), {
      once: true,
      ...(over && { signal: over }),
    });
}

/** A reason is anything: what cannot travel goes as text. */
export function reasonOf(reason: unknown): unknown {
  return typeof reason === 'object' && !(reason instanceof Error) ? String(reason) : reason;
}
