/**
 * Pushed: part of the `runtime` bundle, in contexts that start children; master has it too.
 *
 * Files on their way to a host: cut into pieces, each compressed on its own, so that their lengths
 * are known and no file is ever in memory as a whole. What one push has compressed, others that run at
 * the same time use too.
 */

import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { RemoteContents, RuntimeFile } from './runtime.js';

/** Of a file, before compression. The host says of each piece that it has it. */
export const PIECE_BYTES = 4194304;
/** Compressed pieces that are kept for other pushes, about 2 MB each. */
const MAX_PIECES = 8;
/** What is hashed in one go: about a millisecond. */
const HASH_BYTES = 1048576;

const decompress = promisify(gunzip) as (bytes: Buffer) => Promise<Buffer>;
const compress = promisify(gzip) as (bytes: Buffer, options: { level: number }) => Promise<Buffer>;

/** By file and position, those used last at the end; emptied when the last push ends. */
const pieces: Map<string, Promise<Buffer>> = new Map();
let users = 0;
/** SHA-256 of files, by path, size and time of change. */
const hashes: Map<string, string> = new Map();

/** While a push runs. Call what is returned when it ends. */
export function usePieces(): () => void {
  users++;
  return () => {
    if (--users === 0) pieces.clear();
  };
}

/** The piece of a file that begins at `at`, compressed where `isPacked`. */
export function getPiece(file: RuntimeFile, at: number, isPacked: boolean): Promise<Buffer> {
  const { from } = file;
  if (isRemote(from)) {
    const piece = from.piece(at);
    return isPacked ? piece : piece.then(decompress);
  }
  if (!isPacked) return readPiece(file, at, PIECE_BYTES);
  const key = `${at} ${file.name} ${typeof from === 'string' ? from : ''}`;
  const kept = pieces.get(key) || packPiece(file, at);
  pieces.delete(key);
  pieces.set(key, kept);
  kept.catch(() => pieces.delete(key));
  for (const [oldest] of pieces) {
    if (pieces.size <= MAX_PIECES) break;
    pieces.delete(oldest);
  }
  return kept;
}

async function packPiece(file: RuntimeFile, at: number): Promise<Buffer> {
  return compress(await readPiece(file, at, PIECE_BYTES), { level: 1 });
}

/** Names a set of files by what they hold. */
export async function hashFiles(files: RuntimeFile[]): Promise<string> {
  const lines: string[] = [];
  for (const file of files) lines.push(`${file.name} ${await hashFile(file)}\n`);
  return createHash('sha256').update(lines.sort().join('')).digest('hex').slice(0, 32);
}

/** SHA-256 in hex. */
export async function hashFile(file: RuntimeFile): Promise<string> {
  const { from, size } = file;
  if (isRemote(from)) return from.hash;
  const isFile = typeof from === 'string';
  const key = isFile ? `${(await fs.stat(from as string)).mtimeMs} ${size} ${from}` : '';
  const known = hashes.get(key);
  if (known) return known;
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += HASH_BYTES) hash.update(await readPiece(file, at, HASH_BYTES));
  const digest = hash.digest('hex');
  if (isFile) hashes.set(key, digest);
  return digest;
}

const isRemote = (from: RuntimeFile['from']): from is RemoteContents =>
  typeof from !== 'string' && !Buffer.isBuffer(from);

async function readPiece({ from, size }: RuntimeFile, at: number, limit: number): Promise<Buffer> {
  const bytes = Math.min(limit, size - at);
  if (typeof from !== 'string') return (from as Buffer).slice(at, at + bytes);
  const piece = Buffer.alloc(bytes);
  const handle = await fs.open(from, 'r');
  try {
    const { bytesRead } = await handle.read(piece, 0, bytes, at);
    if (bytesRead < bytes) throw new Error(`${from} is shorter than it was`);
  } finally {
    await handle.close();
  }
  return piece;
}
