/**
 * What `call` accepts and refuses when it is compiled: nothing here runs. A line that is to be
 * refused has `@ts-expect-error`, which fails where it is accepted.
 */

import { execFileSync, spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import fs, { readFile, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import {
  type AnyFunction,
  type Arguments,
  CallChain,
  type Context,
  type PendingContext,
  type Receiver,
  type Result,
  type Router,
  Secret,
  type Sendable,
  type TreeNode,
} from '@kinetin/master';
import type * as tasks from '../fixtures/packages/tasks.js';

declare const context: Context;
declare const pending: PendingContext;
declare const router: Router;

/** A compile error where the type of `value` is not exactly `Expected`. */
function is<Expected>() {
  return <Actual>(
    _value: Actual,
    ..._same: (<T>() => T extends Actual ? 1 : 2) extends <T>() => T extends Expected ? 1 : 2
      ? []
      : [expected: Expected]
  ): void => {};
}

// --- Built-ins, with their overloads

is<string>()(await context.call(hostname));
is<string>()(await context.call(process.cwd));
is<string>()(await pending.call(path.join, 'a', 'b'));
is<string[]>()(await context.call(fs.promises.readdir, '/'));
is<fs.Dirent[]>()(await context.call(fs.promises.readdir, '/', { withFileTypes: true }));
is<string>()(await context.call(readFileSync, '/etc/hostname', 'utf8'));
is<string>()(await context.call(readFileSync, '/etc/hostname', { encoding: 'utf8' }));
(await context.call(readFileSync, Buffer.from('/etc/hostname'))) satisfies Buffer;
is<string>()(await context.call(execFileSync, 'ls', ['-l'], { cwd: '/', encoding: 'utf8' }));
is<fs.Stats>()(await context.call(fs.promises.stat, '/'));
is<string>()(await context.call(JSON.stringify, { a: 1 }));
is<number>()(await context.call(Math.max, 1, 2, 3));
is<Map<number, Date>>()(await context.call(structuredClone<Map<number, Date>>, new Map()));
await context.call(JSON.parse, '{}');
await context.call(Buffer.from, 'text', 'utf8');
await context.call(process.kill, 1, 'SIGTERM');

declare function overloaded(names: string[]): number;
declare function overloaded(tree: { names: string[] }, depth: number): string;
declare const names: string[];
is<number>()(await context.call(overloaded, ['a', 'b']));
is<number>()(await context.call(overloaded, names));
is<string>()(await context.call(overloaded, { names: ['a'] }, 1));
// @ts-expect-error no overload takes a number among the names
await context.call(overloaded, ['a', 1]);

declare const anyPath: fs.PathLike;
await context.call(fs.promises.stat, anyPath);

// @ts-expect-error the callback stays here
await context.call(readFile, '/etc/hostname', () => {});
// @ts-expect-error functions stay here
await context.call(JSON.parse, '{}', (_key: string, value: unknown) => value);
// @ts-expect-error functions stay here
await context.call(setTimeout, () => {}, 1);
// @ts-expect-error a number is no path
await context.call(fs.promises.readdir, 1.5, 2);
// @ts-expect-error one argument too many
await context.call(hostname, 1);
// @ts-expect-error one too few
await context.call(fs.promises.readdir);

// --- What travels

interface Named {
  name: string;
  age?: number;
}
interface Tree {
  value: Named;
  children: Tree[];
  parent?: Tree;
  byName: Map<string, Tree>;
}
type Pair<T> = readonly [T, T];
enum Color {
  Red,
  Green,
}

declare const tree: Tree;
// biome-ignore lint/suspicious/noExplicitAny: that it is accepted is the claim
declare const takesAnything: (one: any, two: unknown) => void;
await context.call((one: Tree) => one.children.length, tree);
await context.call((one: Named) => one.name, { name: 'a' });
await context.call((pair: Pair<Date>) => pair[0], [new Date(), new Date()]);
await context.call((one: Secret) => one.reveal(), new Secret('a'));
await context.call((one: AbortSignal) => one.aborted, AbortSignal.timeout(1));
await context.call((one?: AbortSignal) => one?.aborted);
await context.call((one: Buffer, two: Uint8Array) => one.equals(two), Buffer.of(1), Buffer.of(2));
await context.call((one: Float64Array | DataView) => one.byteLength, new Float64Array(1));
await context.call((one: ArrayBuffer) => one.byteLength, new ArrayBuffer(1));
await context.call((one: Error) => one.message, new TypeError('a'));
await context.call((one: NodeJS.ErrnoException) => one.code, new Error('a'));
await context.call((one: bigint | null) => one, 1n);
await context.call(
  (one: Set<string>, two: ReadonlySet<string>) => one === two,
  new Set(),
  new Set(),
);
await context.call((one: Map<string, Named>) => one.size, new Map());
await context.call((one: Record<string, unknown>) => one.a, { a: 1 });
await context.call((one: Partial<Record<string, string>>) => one.a, process.env);
await context.call((one: Color) => one, Color.Green);
await context.call((one: 'a' | 'b', two: `x${string}`) => one + two, 'a', 'xy');
await context.call((one: object) => one, {});
await context.call((one: Iterable<string>) => [...one], ['a']);
await context.call((one: ArrayLike<number>) => one.length, [1]);
await context.call(withEither, 'a');
await context.call(withOptional);
await context.call(withCallbacks);
await context.call((one: { path: string; onDone?: () => void }) => one.path, { path: '/' });
await context.call((one: Sendable) => one, { a: [new Map([[1, new Set(['b'])]])], c: undefined });
await context.call((...all: (string | number)[]) => all.length, 1, 'a', 2);
await context.call((one: string, two?: number, ...rest: Date[]) => [one, two, rest], 'a');
await context.call(async () => {});
await context.call(function (this: unknown) {
  return 1;
});
await context.call(takesAnything, () => {}, Symbol());

const identity = <T>(value: T) => value;
const first = <T extends { name: string }>(all: T[]) => all[0];
await context.call(identity, 5);
await context.call(first, [{ name: 'a' }]);
await context.call(identity<string>, 'a');

is<Promise<number>>()(context.call((one: number) => one, 1));
is<Promise<number>>()(context.call(async (one: number) => one, 1));
is<Promise<void>>()(context.callNoReply((one: number) => one, 1));
is<Receiver<number, Context>>()(context.callAsync((one: number) => one, 1));
is<Promise<number>>()(pending.with({ timeout: 1 }).call((one: number) => one, 1));

await context.call((one: Context) => one.name, context);
await context.call((all: Context[]) => all.length, [context]);

// --- What does not

class Account {
  constructor(readonly name: string) {}
  rename(): Account {
    return new Account(`${this.name}2`);
  }
}
interface Handlers {
  onDone: () => void;
  path: string;
}
declare const withCallback: (one: () => void) => void;
declare const withCallbacks: (...all: (() => void)[]) => void;
declare const withOptional: (one?: () => void) => void;
declare const withEither: (one: string | (() => void)) => void;

// @ts-expect-error a function
await context.call(withCallback, () => {});
// @ts-expect-error functions, in a list
await context.call((all: (() => void)[]) => all.length, [() => {}]);
// @ts-expect-error functions, as the rest
await context.call(withCallbacks, () => {});
// @ts-expect-error a function that may be left out
await context.call(withOptional, () => {});
// @ts-expect-error the function of a union
await context.call(withEither, () => {});
// @ts-expect-error a class
await context.call((one: new () => Account) => new one(), Account);
// @ts-expect-error a symbol
await context.call((one: symbol) => one.description, Symbol());
// @ts-expect-error a WeakMap
await context.call((one: WeakMap<object, string>) => one, new WeakMap());
// @ts-expect-error a promise
await context.call(async (one: Promise<number>) => await one, Promise.resolve(1));
// @ts-expect-error an instance with methods
await context.call((one: Account) => one.name, new Account('a'));
// @ts-expect-error an interface with a function
await context.call((one: Handlers) => one.path, { path: '/', onDone: () => {} });
// @ts-expect-error an instance, further down
await context.call((one: { in: [Account, string] }) => one.in[1], { in: [new Account('a'), 'a'] });
// @ts-expect-error instances in a map
await context.call((one: Map<string, Account>) => one.size, new Map<string, Account>());
// @ts-expect-error instances in a set
await context.call((one: Set<Account>) => one.size, new Set<Account>());
// @ts-expect-error a regular expression
await context.call((one: RegExp) => one.source, /a/);
// @ts-expect-error a stream
await context.call((one: Readable) => one.readable, process.stdin);
// @ts-expect-error an emitter
await context.call((one: EventEmitter) => one.emit('a'), process);
// @ts-expect-error a subprocess
await context.callNoReply((one: ReturnType<typeof spawn>) => one.pid, spawn('ls'));
// @ts-expect-error through a receiver, too
context.callAsync((one: symbol) => one.description, Symbol());
// @ts-expect-error through a pending context, too
await pending.call((one: symbol) => one.description, Symbol());
// @ts-expect-error and under options
await context.with({ timeout: 1 }).call((one: symbol) => one.description, Symbol());
// @ts-expect-error no function at all
await context.call('hostname');

// --- Whether it is there

is<number>()(await context.ping());
is<number>()(await pending.ping({ timeout: 1, signal: AbortSignal.timeout(1) }));
is<number | undefined>()((await router.tree({ timeout: 1 })).roundTripMs);
is<readonly TreeNode[]>()((await router.tree()).children);
// @ts-expect-error it is a promise
router.tree().children;

// --- Chains

const chain = new CallChain(context);
is<CallChain<Context>>()(new CallChain(pending));
is<CallChain<Context>>()(new CallChain(context.with({ timeout: 1 })));
is<string>()(await chain.call(hostname));
is<string>()(await chain.call(readFileSync, '/etc/hostname', 'utf8'));
is<Receiver<number, Context>>()(chain.callAsync((one: number) => one, 1));
is<void>()(await chain.callNoReply(process.chdir, '/'));
is<void>()(chain.reset());
is<number>()(await (await chain.import<typeof tasks>('/tasks.js')).add(1, 2));
// @ts-expect-error no symbol travels
await chain.call((one: symbol) => one.description, Symbol());
// @ts-expect-error nor under options
await chain.with({ timeout: 1 }).call((one: symbol) => one.description, Symbol());
// @ts-expect-error arguments have types
await chain.callNoReply(process.chdir, 1);
// @ts-expect-error it calls a context
new CallChain(router);

// --- Functions around call

function onAll<Fn extends AnyFunction>(all: Context[], fn: Fn, ...args: Arguments<Fn>) {
  return Promise.all(all.map((one) => one.call(fn, ...args)));
}
is<number[]>()(await onAll([context], (one: string) => one.length, 'a'));
is<number>()({} as Result<() => Promise<number>>);
// @ts-expect-error refused there as well
await onAll([context], (one: symbol) => one.description, Symbol());

// --- Whole modules

const remote = await context.import<typeof tasks>(new URL('file:///tasks.js'));
is<number>()(await remote.add(1, 2));
is<string>()(await remote.greet('a'));
is<number>()(await context.with({ timeout: 1 }).call(remote.add, 1, 2));
// @ts-expect-error a constant is not reached
remote.VERSION;
// @ts-expect-error neither is a class
remote.Account;
// @ts-expect-error nor what is not there
remote.subtract;
// @ts-expect-error arguments have types
await remote.add('1', 2);
// @ts-expect-error functions stay here
await remote.withCallback(() => {});
