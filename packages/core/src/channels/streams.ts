/**
 * Pushed: part of the `context` bundle; npm has it too.
 *
 * Receivers and senders as streams of Node and of the Web, and the other way round. Back-pressure
 * passes through; so do ends and failures, in the direction that they have.
 */

import { Duplex, Readable, Writable } from 'node:stream';
import { ChannelError } from './channel-error.js';
import { type WaitOptions, wait } from './wait.js';

/** What is read. */
export interface Outflow<Value = unknown> extends AsyncIterable<Value> {
  close(reason?: unknown): void;
}

/** What is written to. */
export interface Inflow<Value = unknown> {
  send(value: Value, options?: WaitOptions): Promise<void>;
  close(): Promise<void>;
  abort(reason?: unknown): Promise<void>;
  whenEnded(listener: (error: unknown) => void): () => void;
}

export type WebReadable<Value> = import('node:stream/web').ReadableStream<Value>;
export type WebWritable<Value> = import('node:stream/web').WritableStream<Value>;

/** What `sendAll` takes. */
export type Sendables<Value> = Iterable<Value> | AsyncIterable<Value> | WebReadable<Value>;

export interface SendAllOptions extends WaitOptions {
  /**
   * Whether to close the sender after the last message.
   * @defaultValue true
   */
  end?: boolean | undefined;
}

/** Streams of objects that hold back as little as they can. */
const OBJECTS = { objectMode: true, highWaterMark: 1 };

interface Reading {
  read(this: Readable): void;
  destroy(this: Readable, error: Error | null, callback: (error: Error | null) => void): void;
}

function reading(outflow: Outflow): Reading {
  const items = outflow[Symbol.asyncIterator]();
  return {
    read() {
      items.next().then(
        ({ done, value }) => {
          if (done) this.push(null);
          // To a stream of Node it means the end.
          else if (value === null) this.destroy(notStreamable('null'));
          else this.push(value);
        },
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      outflow.close(error === null ? undefined : error);
      callback(error);
    },
  };
}

interface Writing {
  write(value: unknown, encoding: string, callback: (error?: Error) => void): void;
  final(callback: (error?: Error) => void): void;
  destroy(error: Error | null, callback: (error: Error | null) => void): void;
}

/** `fail`, if any, ends the stream when nothing can be sent any more, also while nobody writes. */
function writing(inflow: Inflow, fail?: (error: Error) => void): Writing {
  let isDone = false;
  const unwatch = inflow.whenEnded((error) => {
    // Not before the stream is there.
    if (fail && !isDone) process.nextTick(() => fail(error as Error));
  });
  return {
    write(value, _encoding, callback) {
      inflow.send(value).then(() => callback(), callback);
    },
    final(callback) {
      isDone = true;
      inflow.close().then(() => callback(), callback);
    },
    destroy(error, callback) {
      unwatch();
      const done = () => callback(error);
      if (isDone) return done();
      isDone = true;
      inflow.abort(error || new Error('the stream was destroyed before its end')).then(done, done);
    },
  };
}

export function toReadable(outflow: Outflow): Readable {
  return new Readable({ ...OBJECTS, ...reading(outflow) });
}

export function toWritable(inflow: Inflow): Writable {
  const stream: Writable = new Writable({
    ...OBJECTS,
    ...writing(inflow, (error) => stream.destroy(error)),
  });
  return stream;
}

export function toDuplex(outflow: Outflow, inflow: Inflow): Duplex {
  const { read, destroy: endReading } = reading(outflow);
  // What has come is read, also where the other end takes nothing any more: who writes learns that.
  const { write, final, destroy: endWriting } = writing(inflow);
  return new Duplex({
    ...OBJECTS,
    read,
    write,
    final,
    destroy(error, callback) {
      endReading.call(this, error, () => endWriting(error, callback));
    },
  });
}

export function toWebReadable<Value>(outflow: Outflow<Value>): WebReadable<Value> {
  const { ReadableStream } = webStreams();
  const items = outflow[Symbol.asyncIterator]();
  return new ReadableStream<Value>(
    {
      async pull(controller) {
        const { done, value } = await items.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => outflow.close(reason),
    },
    { highWaterMark: 0 },
  );
}

export function toWebWritable<Value>(inflow: Inflow<Value>): WebWritable<Value> {
  const { WritableStream } = webStreams();
  return new WritableStream<Value>(
    {
      start(controller) {
        inflow.whenEnded((error) => controller.error(error));
      },
      write: (value) => inflow.send(value),
      close: () => inflow.close(),
      abort: (reason) => inflow.abort(reason),
    },
    { highWaterMark: 1 },
  );
}

type WebStreams = Pick<typeof import('node:stream/web'), 'ReadableStream' | 'WritableStream'>;

function webStreams(): WebStreams {
  const { ReadableStream, WritableStream } = globalThis as unknown as Partial<WebStreams>;
  if (ReadableStream && WritableStream) return { ReadableStream, WritableStream };
  throw new ChannelError(
    'ERR_NO_WEB_STREAMS',
    `Node ${process.version} has no Web streams; use toReadable or toWritable`,
  );
}

function notStreamable(what: string): ChannelError {
  return new ChannelError(
    'ERR_NOT_STREAMABLE',
    `${what} cannot pass a stream of Node; iterate the receiver, or use toWeb`,
  );
}

/** A source as it is read. */
interface Pull<Value> {
  next(): IteratorResult<Value> | Promise<IteratorResult<Value>>;
  /** Nothing more is wanted: also while `next` waits. */
  stop(reason: unknown): void;
}

/** See {@link Sender.sendAll}. */
export async function sendAll<Value>(
  inflow: Inflow<Value>,
  source: Sendables<Value>,
  { end = true, ...options }: SendAllOptions = {},
): Promise<void> {
  const pull = pullFrom(source);
  let isRead = false;
  let hasEnded = false;
  let stop = () => {};
  try {
    await wait<void>(
      options,
      'sending all of a source',
      (resolve, reject) => {
        stop = inflow.whenEnded((error) => {
          hasEnded = true;
          reject(error);
        });
        pump().then(resolve, reject);
      },
      () => {},
    );
  } catch (error) {
    stop();
    if (!isRead) pull.stop(error);
    isRead = true;
    // Not awaited: the reader may be what did not answer in time.
    if (!hasEnded) inflow.abort(error).catch(() => {});
    throw error;
  }

  async function pump(): Promise<void> {
    for (;;) {
      let item: IteratorResult<Value>;
      try {
        item = await pull.next();
      } catch (error) {
        isRead = true;
        throw error;
      }
      if (isRead) return;
      if (item.done) break;
      await inflow.send(item.value);
    }
    isRead = true;
    stop();
    if (end) await inflow.close();
  }
}

function pullFrom<Value>(source: Sendables<Value>): Pull<Value> {
  if ('getReader' in source) {
    const reader = source.getReader();
    return {
      next: () => reader.read() as Promise<IteratorResult<Value>>,
      stop: (reason) => void reader.cancel(reason).catch(() => {}),
    };
  }
  const iterator =
    Symbol.asyncIterator in source
      ? source[Symbol.asyncIterator]()
      : (source as Iterable<Value>)[Symbol.iterator]();
  return {
    next: () => iterator.next(),
    stop: () => {
      // A stream's iterator would wait for its next item first.
      if ('destroy' in source) (source as unknown as Readable).destroy();
      else (async () => iterator.return?.())().catch(() => {});
    },
  };
}
