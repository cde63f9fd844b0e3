/**
 * Pushed: part of the `runtime` bundle, in contexts that start children; master has it too.
 *
 * What a Linux program or library says of the libraries that it needs.
 */

import { closeSync, openSync, readSync } from 'node:fs';

export interface Elf {
  /** The path of its dynamic loader; only programs have one. */
  interpreter: string | undefined;
  /** The name by which others need it. */
  soname: string | undefined;
  /** The names that it needs. */
  needed: string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_SONAME = 14;
/** Far more than any has; a file that says otherwise is none. */
const MAX_TABLE = 16777216;

interface Segment {
  type: number;
  offset: number;
  address: number;
  size: number;
}

/** Undefined where it is no 64-bit little-endian ELF file. Throws where it cannot be read. */
export function readElf(path: string): Elf | undefined {
  const fd = openSync(path, 'r');
  try {
    return parse((offset, size) => {
      if (!(size >= 0 && size <= MAX_TABLE)) throw new Error(`${path}: its tables make no sense`);
      const bytes = Buffer.alloc(size);
      return bytes.slice(0, readSync(fd, bytes, 0, size, offset));
    });
  } finally {
    closeSync(fd);
  }
}

function parse(read: (offset: number, size: number) => Buffer): Elf | undefined {
  const header = read(0, 64);
  // Magic, 64 bits, little-endian.
  if (header.length < 64 || header.slice(0, 6).toString('hex') !== '7f454c460201') return undefined;
  const entrySize = header.readUInt16LE(54);
  const table = read(word(header, 32), entrySize * header.readUInt16LE(56));
  const segments: Segment[] = [];
  for (let at = 0; at + 40 <= table.length && entrySize; at += entrySize) {
    segments.push({
      type: table.readUInt32LE(at),
      offset: word(table, at + 8),
      address: word(table, at + 16),
      size: word(table, at + 32),
    });
  }
  const bytesOf = (type: number): Buffer | undefined => {
    const segment = segments.find((one) => one.type === type);
    return segment && read(segment.offset, segment.size);
  };
  const interpreter = bytesOf(PT_INTERP);
  const dynamic = bytesOf(PT_DYNAMIC) || Buffer.alloc(0);
  const entries: [number, number][] = [];
  for (let at = 0; at + 16 <= dynamic.length; at += 16) {
    entries.push([word(dynamic, at), word(dynamic, at + 8)]);
  }
  const value = (tag: number): number => (entries.find(([one]) => one === tag) || [0, 0])[1];
  const address = value(DT_STRTAB);
  const home = segments.find(
    (one) => one.type === PT_LOAD && one.address <= address && address < one.address + one.size,
  );
  const strings = home
    ? read(address - home.address + home.offset, value(DT_STRSZ))
    : Buffer.alloc(0);
  const names = (tag: number): string[] =>
    entries.filter(([one]) => one === tag).map(([, at]) => textAt(strings, at));
  return {
    interpreter: interpreter && textAt(interpreter, 0),
    soname: names(DT_SONAME)[0],
    needed: names(DT_NEEDED),
  };
}

const word = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

function textAt(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.slice(at, end < 0 ? bytes.length : end).toString();
}
