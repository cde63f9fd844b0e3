/**
 * The artefacts that are pushed to other machines, as built with @kinetin/core.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A prebuilt module. */
export interface PushedModule {
  /** SHA-256 of its text, in hex. */
  readonly hash: string;
  /** Its text, compressed with brotli. */
  readonly packed: Buffer;
}

export type PushedName =
  | 'core'
  | 'context'
  | 'inspect'
  | 'thread'
  | 'threads'
  | 'parent'
  | 'runtime'
  | 'local'
  | 'docker'
  | 'ssh-options'
  | 'ssh'
  | 'ssh2';

const { resolve } = createRequire(import.meta.url);
let manifest: Record<PushedName, { hash: string }> | undefined;
const loaded = new Map<PushedName, PushedModule>();

const read = (file: string): Buffer => readFileSync(resolve(`@kinetin/core/pushed/${file}`));

/** Reads an artefact, once. */
export function pushedModule(name: PushedName): PushedModule {
  let module = loaded.get(name);
  if (!module) {
    manifest ??= JSON.parse(read('manifest.json').toString()) as typeof manifest & object;
    module = { hash: manifest[name].hash, packed: read(`${name}.js.br`) };
    loaded.set(name, module);
  }
  return module;
}
