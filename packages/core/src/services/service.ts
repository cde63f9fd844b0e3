/**
 * What a service is: a class of which some methods can be called from other contexts.
 */

// biome-ignore lint/suspicious/noExplicitAny: any method at all can be exposed
type AnyMethod = (...args: any[]) => unknown;

/** Who calls a method. */
export interface ServiceCaller {
  /** Of the context: 0 is the master. */
  readonly id: number;
  /** Whether it is the context that the service runs in, or one above that. */
  readonly isAbove: boolean;
}

/**
 * Who may call a method: contexts above that of the service and that context itself, everybody in
 * the tree, or those for whom the function returns `true`.
 */
export type ServicePolicy = 'above' | 'anybody' | ((caller: ServiceCaller) => boolean);

/** What the words mean that stand for arguments. */
interface ArgumentWords {
  string: string;
  number: number;
  boolean: boolean;
  bigint: bigint;
  /** Neither null nor an array. */
  object: object;
  array: readonly unknown[];
  /** A Buffer, or any Uint8Array. */
  bytes: Uint8Array;
  /** Anything, or nothing at all. */
  any: unknown;
}

type Word<Value> = {
  [Name in keyof ArgumentWords]: [Value] extends [ArgumentWords[Name]] ? Name : never;
}[keyof ArgumentWords];

/**
 * What an argument must be: the word for its type, with `?` where it may be left out, or a function
 * that returns `true` for those that will do.
 */
export type ArgumentCheck<Value = unknown> =
  | Word<Value>
  | (undefined extends Value ? `${Word<Exclude<Value, undefined>>}?` : never)
  | ((value: unknown) => boolean);

/** What is exposed of a method with such parameters. */
export type ExposedMethod<Args extends readonly unknown[]> = {
  /** Who may call it. There is none by default. */
  readonly policy: ServicePolicy;
  /**
   * The caller gets no answer: what the method returns stays there, and where it fails, that is a
   * record of the level `error` in the log.
   */
  readonly noReply?: true;
} & (Args extends readonly []
  ? { readonly args?: readonly [] }
  : {
      /** What each argument must be. More arguments than these are refused. */
      readonly args: { readonly [Index in keyof Args]-?: ArgumentCheck<Args[Index]> };
    });

/** The methods of a service that can be called from elsewhere. */
export type Exposed<Instance> = {
  readonly [Name in keyof Instance as Instance[Name] extends AnyMethod
    ? Name
    : never]?: Instance[Name] extends (...args: infer Args) => unknown
    ? ExposedMethod<Args>
    : never;
};

/**
 * How calls of one service meet. `concurrent`: each starts as it comes. `serial`: one at a time, in
 * the order in which they came. `deduplicated`: of calls of the same method with the same arguments
 * one runs, and all who wait get its result.
 */
export type ServiceConcurrency = 'concurrent' | 'serial' | 'deduplicated';

/** A class of services. */
export interface ServiceClass<Instance extends Service = Service> {
  new (...args: never[]): Instance;
  /** Names the service in its context. At most 100 characters. */
  readonly serviceName: string;
  /** See {@link Exposed}. */
  readonly exposed: {
    readonly [method: string]:
      | {
          readonly policy: ServicePolicy;
          readonly noReply?: true;
          readonly args?: readonly (string | ((value: unknown) => boolean))[];
        }
      | undefined;
  };
  /** @defaultValue 'concurrent' */
  readonly concurrency?: ServiceConcurrency;
  /**
   * Milliseconds for which results of a `deduplicated` service are kept once they are there: 0 to
   * 2^31 - 1. The last `maxKept` at most; failures are not kept.
   * @defaultValue 0
   */
  readonly keepMs?: number;
  /**
   * Results of a `deduplicated` service that are kept at a time, at least 1; the oldest go first.
   * @defaultValue 1000
   */
  readonly maxKept?: number;
  /**
   * Calls of this service that run or wait at a time, at least 1; more fail with ERR_SERVICE_BUSY.
   * @defaultValue 10000
   */
  readonly maxCalls?: number;
}

/**
 * Base of services: classes whose exposed methods other contexts call by name, by way of
 * {@link Calls.service}, as far as the policy of each method lets them.
 *
 * A service runs in the master or in a context that it was given to with `router.serve`. One whose
 * constructor takes no arguments is also started by the first call of one of its methods from above:
 * once per context, and again where the work thread of that context had to be replaced.
 *
 * @example
 * ```ts
 * import { type Exposed, Service } from '@kinetin/master';
 *
 * export class Greeter extends Service {
 *   static readonly serviceName = 'greeter';
 *   static readonly exposed = {
 *     greet: { policy: 'anybody', args: ['string'] },
 *   } satisfies Exposed<Greeter>;
 *
 *   greet(name: string) {
 *     return `hello ${name}`;
 *   }
 * }
 * ```
 */
export abstract class Service {
  /** Called once, when the service is stopped. Calls under way may still be running. */
  onStop(): void {}
}
