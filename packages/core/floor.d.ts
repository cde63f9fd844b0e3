// Types of Node 12 know no `node:` names; the bundler strips the prefix for it.
declare module 'node:child_process' {
  export * from 'child_process';
}
declare module 'node:crypto' {
  export * from 'crypto';
}
declare module 'node:dns' {
  export * from 'dns';
}
declare module 'node:events' {
  import whole = require('events');
  export = whole;
}
declare module 'node:fs' {
  export * from 'fs';
}
declare module 'node:inspector' {
  export * from 'inspector';
}
declare module 'node:module' {
  import Module = require('module');

  export const builtinModules: string[];
  export { Module };
}
declare module 'node:net' {
  export * from 'net';
}
declare module 'node:os' {
  export * from 'os';
}
declare module 'node:stream' {
  import whole = require('stream');
  export = whole;
}
declare module 'node:string_decoder' {
  export * from 'string_decoder';
}
declare module 'node:util' {
  export * from 'util';
}
declare module 'node:worker_threads' {
  export * from 'worker_threads';
}
declare module 'node:zlib' {
  export * from 'zlib';
}

// What newer engines have, and code for older ones looks for before it uses it.
declare class AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: object): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}
interface Error {
  cause?: unknown;
}
interface SymbolConstructor {
  /** The `context` bundle defines it. */
  readonly asyncDispose: unique symbol;
}
interface AsyncDisposable {
  [Symbol.asyncDispose](): PromiseLike<void>;
}

declare module 'node:stream/web' {
  export interface ReadableStreamReader<R> {
    read(): Promise<{ done: boolean; value?: R }>;
    cancel(reason?: unknown): Promise<void>;
  }
  export interface ReadableStreamController<R> {
    enqueue(value: R): void;
    close(): void;
  }
  export interface WritableStreamController {
    error(error: unknown): void;
  }
  export class ReadableStream<R> {
    constructor(
      source: {
        pull(controller: ReadableStreamController<R>): unknown;
        cancel(reason: unknown): unknown;
      },
      strategy?: object,
    );
    getReader(): ReadableStreamReader<R>;
  }
  export class WritableStream<W> {
    constructor(
      sink: {
        start(controller: WritableStreamController): unknown;
        write(value: W): unknown;
        close(): unknown;
        abort(reason: unknown): unknown;
      },
      strategy?: object,
    );
  }
}
declare module 'node:path' {
  import whole = require('path');
  export = whole;
}
