/**
 * What can travel as an argument, as far as TypeScript can see it. Types only: the codec of
 * '@kinetin/core' decides at run time, with the path of what it refuses.
 *
 * Invariant: a parameter is refused only where no value of its type can travel, or none but an empty
 * list. What cannot be decided (`unknown`, a type parameter, deep nesting) is accepted.
 */

import type { Channel } from '../channels/channel.js';
import type { Secret } from '../wire/secret.js';

// biome-ignore lint/suspicious/noExplicitAny: any function at all can be called
export type AnyFunction = (...args: any[]) => unknown;

/**
 * A value that can travel. Shared references and cycles stay what they are; an `AbortSignal` only
 * travels as an argument, and aborts there when it aborts here.
 */
export type Sendable =
  | SendableLeaf
  | readonly Sendable[]
  | ReadonlyMap<Sendable, Sendable>
  | ReadonlySet<Sendable>
  | { readonly [key: string]: Sendable };

/** A value of Kinetin's own that travels as what it is: a context, a sender, a channel. */
export interface Endpoint {
  readonly endpoint: 'context' | 'sender' | 'channel';
}

type SendableLeaf =
  | undefined
  | null
  | boolean
  | number
  | string
  | bigint
  | Date
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | Secret
  | Endpoint
  | AbortSignal;

/**
 * The arguments of a call: those of the function. One that cannot travel, whatever its value,
 * becomes a {@link CannotTravel}, which nothing is assignable to.
 *
 * Functions that hand a function on to `call` have their arguments in this form:
 *
 * @example
 * ```ts
 * import type { AnyFunction, Arguments, Context, Result } from '@kinetin/master';
 *
 * function onAll<Fn extends AnyFunction>(contexts: Context[], fn: Fn, ...args: Arguments<Fn>) {
 *   return Promise.all(contexts.map((context) => context.call(fn, ...args)));
 * }
 * ```
 */
export type Arguments<Fn extends AnyFunction> = ArgumentsOf<Signatures<Fn>>;

/** What a function returns for these arguments, as it arrives. */
export type Result<
  Fn extends AnyFunction,
  Args extends readonly unknown[] = Arguments<Fn>,
> = OtherEnd<
  Awaited<
    IsOverloaded<Signatures<Fn>> extends true ? ResultOf<Signatures<Fn>, Args> : ReturnType<Fn>
  >
>;

/**
 * The arguments of a call as they were given: of a function with overloads, so that the result is
 * that of the overload meant; otherwise simply those of the function.
 */
export type Given<Fn extends AnyFunction, Args extends readonly unknown[]> =
  IsOverloaded<Signatures<Fn>> extends true ? Args & Arguments<Fn> : Arguments<Fn>;

type IsOverloaded<All> = All extends [infer First, ...infer Others]
  ? Others extends First[]
    ? false
    : true
  : false;

/** The overloads of a function, the last eight; one that has fewer repeats its first. */
type Signatures<Fn extends AnyFunction> = Fn extends {
  (...args: infer A1): infer R1;
  (...args: infer A2): infer R2;
  (...args: infer A3): infer R3;
  (...args: infer A4): infer R4;
  (...args: infer A5): infer R5;
  (...args: infer A6): infer R6;
  (...args: infer A7): infer R7;
  (...args: infer A8): infer R8;
}
  ? [[A1, R1], [A2, R2], [A3, R3], [A4, R4], [A5, R5], [A6, R6], [A7, R7], [A8, R8]]
  : [[Parameters<Fn>, ReturnType<Fn>]];

type ArgumentsOf<All extends [unknown, unknown][]> = EachArgument<All[number][0]>;

/** The result of the first overload that takes the arguments. */
type ResultOf<All extends unknown[], Args> = Args extends unknown
  ? All extends [[infer Taken, infer Value], ...infer Rest]
    ? IsTaken<Args, Taken> extends true
      ? Value
      : Rest extends []
        ? Value
        : ResultOf<Rest, Args>
    : unknown
  : never;

type IsTaken<Args, Taken> = Args extends Taken ? true : Args extends Frozen<Taken> ? true : false;

/** Literals, as calls of overloaded functions have them, are read-only. */
type Frozen<T> = unknown extends T
  ? T
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

type EachArgument<Args> = Args extends readonly unknown[]
  ? { [Index in keyof Args]: Argument<Args[Index]> }
  : never;

/** Stands for a parameter that no value can be sent for. */
export interface CannotTravel<Why extends string> {
  readonly [cannotTravel]: Why;
}

declare const cannotTravel: unique symbol;

/** A parameter's type, without what is never sent; `any` and `unknown` as they are. */
type Argument<T> = unknown extends T
  ? T
  : CanTravel<T> extends true
    ? OtherEnd<Exclude<T, Never>>
    : CannotTravel<[T] extends [Never] ? 'functions and symbols stay here' : 'instances stay here'>;

/** A channel arrives as its other end. */
type OtherEnd<T> = T extends Channel<infer In, infer Out> ? Channel<Out, In> : T;

// biome-ignore lint/complexity/noBannedTypes: whatever can be called, or made with `new`
type Never = Function | symbol;

/** Maps and sets look like these. */
// biome-ignore lint/suspicious/noExplicitAny: whatever is in them
type Weak = WeakMap<any, any> | WeakSet<any>;

/** Levels of properties that are looked at. */
type Levels = [1, 1, 1];

/** Whether some value of the type can travel. */
type CanTravel<T, Depth extends 1[] = Levels> = [T] extends [never]
  ? true
  : unknown extends T
    ? true
    : true extends MemberTravels<T, Depth>
      ? true
      : false;

/** For each member of a union. */
type MemberTravels<T, Depth extends 1[]> = T extends SendableLeaf
  ? true
  : T extends Never
    ? false
    : Depth extends [1, ...infer Rest extends 1[]]
      ? T extends readonly unknown[]
        ? EveryTravels<T, Rest>
        : T extends ReadonlyMap<infer Key, infer Value>
          ? EveryTravels<[Key, Value], Rest>
          : T extends ReadonlySet<infer Item>
            ? CanTravel<Item, Rest>
            : T extends Weak
              ? false
              : IsMetByBuiltin<T> extends true
                ? true
                : EveryTravels<RequiredProperties<T>, Rest>
      : true;

type EveryTravels<T, Depth extends 1[]> = false extends {
  [Key in keyof T]: CanTravel<T[Key], Depth>;
}[keyof T & (T extends readonly unknown[] ? number : unknown)]
  ? false
  : true;

/** What may be left out cannot be in the way. */
type RequiredProperties<T> = {
  [Key in keyof T as object extends Pick<T, Key> ? never : Key]: T[Key];
};

/** Interfaces with methods that an array, a map, a date … has: `Iterable<string>`, `ArrayLike`. */
type IsMetByBuiltin<T> = true extends (
  SendableLeaf extends infer Leaf
    ? Leaf extends T
      ? true
      : false
    : never
)
  ? true
  : // biome-ignore lint/suspicious/noExplicitAny: whatever the items are
    any[] extends T
    ? true
    : // biome-ignore lint/suspicious/noExplicitAny: as above
      Map<any, any> extends T
      ? true
      : // biome-ignore lint/suspicious/noExplicitAny: as above
        Set<any> extends T
        ? true
        : false;
