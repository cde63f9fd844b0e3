/**
 * Pushed: part of the `thread` bundle; npm has it too.
 *
 * Values that stand for something elsewhere: what travels is a kind and a plain value.
 * docs/protocol.md, section "Endpoints".
 */

import type { EndpointCodec } from './serialize.js';

/** An AbortSignal among the arguments of a call. Plain value: undefined. */
export const SIGNAL = 1;
/** A generator that stays where it runs, in the place of a result. Plain value: its id. */
export const GENERATOR = 2;
/** A context. Plain value: [id, name]. */
export const CONTEXT = 3;
/** The sending end of a receiver. Plain value: [context id, handle, key]. */
export const SENDER = 4;
/** One end of a channel. Plain value: [context id, handle, key]. */
export const CHANNEL = 5;

/** Why an endpoint is refused: ids and handles mean something in one tree alone. */
export const OF_ANOTHER_ROUTER = 'that it belongs to another router; use one router for both';

/** The kinds that one router knows. Each class is registered once. */
export class Endpoints implements EndpointCodec {
  /** Endpoints encoded so far. */
  count = 0;

  private _encoders: Map<object, (value: never) => [kind: number, plain: unknown]> = new Map();
  private _decoders: Map<number, (plain: unknown) => unknown> = new Map();

  /** Instances of `type` itself travel as what `toPlain` makes of them. */
  travels<Value extends object>(
    type: { prototype: Value },
    kind: number,
    toPlain: (value: Value) => unknown,
  ): void {
    this._encoders.set(type.prototype, (value) => [kind, toPlain(value)]);
  }

  /** What arrives as `kind` becomes what `fromPlain` makes of it; that throws where it cannot. */
  arrives(kind: number, fromPlain: (plain: unknown) => unknown): void {
    this._decoders.set(kind, fromPlain);
  }

  encode(value: object): [kind: number, plain: unknown] | undefined {
    const encoder = this._encoders.get(Object.getPrototypeOf(value));
    if (encoder) this.count++;
    return encoder?.(value as never);
  }

  decode(kind: number, plain: unknown): unknown {
    const decoder = this._decoders.get(kind);
    if (!decoder) throw new TypeError(`there is no endpoint of kind ${kind} here`);
    return decoder(plain);
  }
}
