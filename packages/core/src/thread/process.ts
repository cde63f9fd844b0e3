/**
 * Pushed: part of the `thread` bundle; runs in the work thread.
 *
 * Makes `process` in a work thread what it is in a program: functions that Node refuses there are
 * carried out by the main thread, while this one waits.
 */

import { MessageChannel, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import type { ProcessRequest } from './host.js';

const FUNCTIONS = [
  'chdir',
  'umask',
  'setuid',
  'setgid',
  'seteuid',
  'setegid',
  'setgroups',
  'initgroups',
];

export function installProcess(): void {
  const functions = process as unknown as Record<string, unknown>;
  for (const name of FUNCTIONS) {
    if (typeof functions[name] === 'function') {
      functions[name] = (...args: unknown[]) => inMainThread(name, args);
    }
  }
}

function inMainThread(run: string, args: unknown[]): unknown {
  const { port1, port2 } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  const request: ProcessRequest = { run, args, done, port: port2 };
  (parentPort as unknown as import('worker_threads').MessagePort).postMessage(request, [port2]);
  Atomics.wait(done, 0, 0);
  const { message } = receiveMessageOnPort(port1) as { message: Record<string, unknown> };
  port1.close();
  if (message.message === undefined) return message.value;
  throw Object.assign(new Error(String(message.message)), { code: message.code });
}
