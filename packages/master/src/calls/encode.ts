/**
 * Calls as bytes. An AbortSignal among the arguments travels as the signal of the call.
 */

import {
  type CallPayload,
  type Router as CoreRouter,
  type EndpointCodec,
  endpoints,
  ProtocolError,
  SerializeError,
} from '@kinetin/core';

import { GeneratorReference } from './generator.js';

/** The signals that `encodeCall` meets: the codec is shared, and encoding is never suspended. */
let met: AbortSignal[] = [];

/**
 * How a signal travels: as the signal of the call that it is an argument of; and what comes in the
 * place of a generator.
 */
export const callCodec: EndpointCodec = {
  encode(value) {
    if (!(value instanceof AbortSignal)) return undefined;
    met.push(value);
    return [endpoints.SIGNAL, undefined];
  },
  decode(kind, id) {
    if (kind === endpoints.GENERATOR && typeof id === 'number') return new GeneratorReference(id);
    throw new ProtocolError('ERR_BAD_PAYLOAD', 'an endpoint came that the master does not know');
  },
};

/** Encodes a call; names an argument that cannot travel as the caller knows it. */
export function encodeCall(
  core: CoreRouter,
  payload: CallPayload,
): { body: Buffer; signals: AbortSignal[] } {
  met = [];
  try {
    return { body: core.encode(payload, 'call'), signals: met };
  } catch (error) {
    if (!(error instanceof SerializeError)) throw error;
    const byArgument = (text: string) => text.replace(/^call\[2\]/, 'args');
    throw new SerializeError(byArgument(error.message), byArgument(error.path));
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
