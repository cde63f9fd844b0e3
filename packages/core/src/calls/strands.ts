/**
 * Which calls have one thread of their context, where that has several. docs/protocol.md, section
 * "Threads".
 */

import { STRAND_SHIFT, THREAD_SHIFT } from '../wire/handles.js';
import { MAX_WORK_THREADS } from '../wire/limits.js';

/** The bits of a thread's number that are its strand. */
const STRAND_BITS = MAX_WORK_THREADS;
/** Strands of chains, from 1: 2, 3, 4, 6 and 12 threads get them evenly. */
const STRANDS = 12;

let chains = Math.floor(Math.random() * STRANDS);

/**
 * The id of a new chain, which nobody else has: those that are made one after another have different
 * strands.
 */
export function newChainId(): number {
  chains = (chains + 1) % STRANDS;
  return Math.floor(Math.random() * (Number.MAX_SAFE_INTEGER / STRANDS - 1)) * STRANDS + chains;
}

/** The flags of a call: its strand is that of its chain, or of the thread that has what it calls. */
export function flagsOfCall([module, , , place]: readonly unknown[]): number {
  if (typeof module === 'number') return ((module >>> THREAD_SHIFT) & STRAND_BITS) << STRAND_SHIFT;
  const chain = Array.isArray(place) ? place[0] : undefined;
  return typeof chain === 'number' ? ((chain % STRANDS) + 1) << STRAND_SHIFT : 0;
}
