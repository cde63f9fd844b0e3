/** Evaluates what would be sent, as a context does: a CommonJS text under its own file name. */
import { Module } from 'node:module';
import { moduleFileName } from '@kinetin/core';
import { type CallTarget, referenceFunction } from '../../src/slice/reference.js';

declare global {
  /** What fixtures did on their own when they were evaluated. */
  var sliceEvents: string[];
}
globalThis.sliceEvents = [];

// biome-ignore lint/suspicious/noExplicitAny: functions of any shape are tried
export type Anything = any;

export interface Sent {
  readonly target: CallTarget & { kind: 'module' };
  /** Calls the function as evaluated, its owner as `this`. */
  call(...args: unknown[]): Anything;
}

/** A fresh instance of a fixture; what it does on its own is left in `sliceEvents`. */
export async function load(name: string): Promise<Anything> {
  const url = new URL(`../fixtures/slice/${name}`, import.meta.url);
  if (name.endsWith('.mjs')) url.search = `?instance=${instances++}`;
  const module = await import(url.href);
  return name.endsWith('.cjs') ? module.default : module;
}

/** References, bundles and evaluates a function. */
export async function send(fn: Anything): Promise<Sent> {
  const target = await referenceFunction(fn);
  if (target.kind !== 'module') throw new Error(`a built-in: ${target.path.join('.')}`);
  return { target, call: callerOf(evaluate(target.module), target.path) };
}

let instances = 0;

/** The exports of a module text. */
export function evaluate({ text, hash }: { text: string; hash: string }): Anything {
  const module = new Module('sent') as Module & { _compile(text: string, file: string): void };
  module.paths = [];
  module._compile(text, moduleFileName(hash));
  return module.exports;
}

function callerOf(exports: Anything, path: readonly string[]): Sent['call'] {
  const owner = path.slice(0, -1).reduce((value, key) => value[key], exports);
  return (...args) => owner[path.at(-1)!](...args);
}
