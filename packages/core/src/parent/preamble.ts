/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * The preamble: all that a child reads before it is one.
 */

import type { Config } from '../runtime/config.js';
import { encodeFrame } from '../wire/frame.js';
import { CONFIG } from '../wire/handles.js';
import { serialize } from '../wire/serialize.js';

export interface Preamble {
  bytes: Buffer;
  /** Bytes of the compressed core, and of the whole: the first stage is told both. */
  coreBytes: number;
  preambleBytes: number;
}

/** The core and the CONFIG frame of child `id` of `parentId`. */
export function encodePreamble(
  pushedCore: Buffer,
  parentId: number,
  id: number,
  config: Config,
): Preamble {
  const header = { flags: 0, destination: id, source: parentId, authority: parentId };
  const configFrame = encodeFrame(
    { ...header, handle: CONFIG, replyHandle: 0, number: 0 },
    serialize(config),
  );
  const bytes = Buffer.concat([pushedCore, configFrame]);
  return { bytes, coreBytes: pushedCore.length, preambleBytes: bytes.length };
}
