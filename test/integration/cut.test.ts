/** A connection that is cut at any byte, in either direction, and input of any kind. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { type Duplex, PassThrough, Transform, type Writable } from 'node:stream';
import { Broker, handles, listenForRoutes, ModuleStore, Router } from '@kinetin/core';
import { type ConnectError, connectChild, type OpenPipe } from '@kinetin/core/parent';
import { expect } from 'chai';
import { isAlive, until } from '../support/processes.js';

const { resolve } = createRequire(import.meta.url);
const read = (file: string) => readFileSync(resolve(`@kinetin/core/pushed/${file}`));
const pushedCore = read('core.js.br');
const threadHash: string = JSON.parse(read('manifest.json').toString()).thread.hash;

/** A root of a tree without anything above the core. */
function makeHost() {
  const router = new Router({ id: 0, parentIds: [] });
  const broker = new Broker(router);
  listenForRoutes(router);
  new ModuleStore(router).add(threadHash, read('thread.js.br'));
  router.onStreamClosed = (stream) => broker.release(stream.peer);
  const none = () => Promise.reject();
  return { router, broker, pushedCore, log: () => {}, vendor: none, runtime: none };
}

const request = {
  id: 1,
  target: undefined,
  config: {
    parentIds: [0],
    name: 'cut',
    logLevel: 20,
    maxMessageBytes: 1 << 20,
    workThread: 'eager' as const,
    silenceMs: 0,
    threadModule: Buffer.from(threadHash, 'hex'),
  },
  title: 'kinetin:test',
  runtime: 'never' as const,
  timeoutMs: 60_000,
  stageTimeoutsMs: {},
  keepalive: { intervalMs: 0, countMax: 3 },
};

/** Starts Node as a shell would, by way of the same command line that goes over SSH. */
function startShell(commandLine: string): ChildProcess {
  return spawn('/bin/sh', ['-c', commandLine], { detached: true, stdio: 'pipe' });
}

function pipeOf(child: ChildProcess, input: Writable, output: NodeJS.ReadableStream) {
  return {
    input,
    output: output as Duplex,
    diagnostics: [child.stderr as Duplex],
    exit: once(child, 'close').then(([code, signal]) => (signal ? { signal } : { code })),
    destroy: () => child.stdin?.destroy(),
    pid: child.pid as number,
  };
}

/** Lets `bytes` bytes pass and then ends `onCut`. */
function cutAfter(bytes: number, onCut: () => void): Transform {
  let left = bytes;
  if (left === 0) setImmediate(onCut);
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const passed = chunk.subarray(0, left);
      if (left > 0 && passed.length === left) setImmediate(onCut);
      left -= passed.length;
      done(null, passed);
    },
  });
}

/** Every byte would take minutes: all near the borders, and a prime stride between them. */
function* cuts(total: number, borders: number[]): Generator<number> {
  for (let at = 0; at < total; at++) {
    const isNear = borders.some((border) => Math.abs(at - border) <= 3);
    if (isNear || at % 397 === 0) yield at;
  }
}

describe('a connection that is cut', () => {
  it('on the way to the child, at any byte of the bootstrap: fails clearly, leaves no process', async () => {
    const total = pushedCore.length + 60;
    for (const at of cuts(total, [0, pushedCore.length, total])) {
      let child: ChildProcess | undefined;
      const open: OpenPipe<undefined> = async (_, attempt) => {
        attempt.enter('shell');
        child = startShell(attempt.commandLine);
        const cut = cutAfter(at, () => child?.stdin?.destroy());
        cut.pipe(child.stdin as Writable).on('error', () => {});
        return pipeOf(child, cut, child.stdout as Duplex);
      };
      const error = await connectChild(makeHost(), open, request).done.catch((reason) => reason);
      expect(error, `cut at ${at}`).to.include({ name: 'ConnectError', code: 'ERR_HANDSHAKE' });
      expect(error.stage, `cut at ${at}`).to.be.oneOf(['node', 'bootstrap']);
      expect(error.exit, `cut at ${at}`).to.deep.equal({ code: 1 });
      expect(error.output.join(), `cut at ${at}`).to.match(/core cut short at byte \d+/);
      await until(`the child is gone, cut at ${at}`, () => !isAlive(child?.pid as number));
    }
  });

  it('on the way back, at any byte of the handshake: fails clearly, leaves no process', async () => {
    for (let at = 0; at < 70; at += 3) {
      let child: ChildProcess | undefined;
      const open: OpenPipe<undefined> = async (_, attempt) => {
        attempt.enter('shell');
        child = startShell(attempt.commandLine);
        const cut = cutAfter(at, () => {
          cut.end();
          child?.stdout?.destroy();
          child?.stdin?.destroy();
        });
        child.stdout?.on('error', () => {}).pipe(cut);
        return pipeOf(child, child.stdin as Writable, cut);
      };
      const error = (await connectChild(makeHost(), open, request).done.then(
        () => new Error(`connected in spite of the cut at ${at}`),
        (reason) => reason,
      )) as ConnectError;
      expect(error, `cut at ${at}`).to.include({ name: 'ConnectError', code: 'ERR_HANDSHAKE' });
      await until(`the child is gone, cut at ${at}`, () => !isAlive(child?.pid as number));
    }
  });

  it('after the child was ready: it goes, and the loss is told', async () => {
    const host = makeHost();
    let child: ChildProcess | undefined;
    const open: OpenPipe<undefined> = async (_, attempt) => {
      child = startShell(attempt.commandLine);
      return pipeOf(child, child.stdin as Writable, child.stdout as Duplex);
    };
    await connectChild(host, open, request).done;
    const lost = new Promise((told) => {
      host.router.onContextLost = told;
    });
    const call = host.router
      .request(1, handles.CALL, host.router.encode(['', ['setTimeout'], [1e6]]))
      .catch((error) => error);
    child?.stdin?.destroy();
    expect(await lost).to.equal(1);
    expect(await call).to.be.an('error');
    await until('the child is gone', () => !isAlive(child?.pid as number));
  });
});

describe('the input of a child', () => {
  /** A child over a TCP socket, whose descriptor is non-blocking on both sides. */
  async function overSocket(commandLine: string): Promise<{ child: ChildProcess; near: Socket }> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const near = dial((server.address() as AddressInfo).port, '127.0.0.1');
    const [far] = (await once(server, 'connection')) as [Socket];
    const child = spawn('/bin/sh', ['-c', commandLine], {
      detached: true,
      stdio: [far, far, 'pipe'],
    });
    far.destroy();
    server.close();
    return { child, near };
  }

  it('may be a non-blocking socket', async () => {
    const host = makeHost();
    const open: OpenPipe<undefined> = async (_, attempt) => {
      const { child, near } = await overSocket(attempt.commandLine);
      const pipe = pipeOf(child, near, near);
      return { ...pipe, destroy: () => near.destroy() };
    };
    const { pid } = await connectChild(host, open, request).done;
    const answer = host.router.request(
      1,
      handles.CALL,
      host.router.encode(['os', ['platform'], []]),
    );
    expect(await answer).to.equal('linux');
    await host.broker.shutdown(1000);
    await until('the child is gone', () => !isAlive(pid));
  });

  it('may come byte by byte', async () => {
    const host = makeHost();
    const open: OpenPipe<undefined> = async (_, attempt) => {
      const child = startShell(attempt.commandLine);
      const slow = new PassThrough();
      const passOn = async () => {
        for await (const chunk of slow) {
          for (const byte of chunk as Buffer) {
            if (!child.stdin?.write(Buffer.of(byte))) await once(child.stdin as Writable, 'drain');
          }
        }
        child.stdin?.end();
      };
      // It may be gone before the last bytes are.
      child.stdin?.on('error', () => {});
      passOn().catch(() => {});
      return pipeOf(child, slow, child.stdout as Duplex);
    };
    const { pid } = await connectChild(host, open, request).done;
    await host.broker.shutdown(1000);
    await until('the child is gone', () => !isAlive(pid));
  });
});
