/**
 * Pushed: part of the `runtime` bundle, in contexts that start children; master has it too.
 *
 * The Node that runs this, as files that run on any Linux of the same architecture: the program, the
 * libraries that it has loaded, and their dynamic loader.
 */

import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readElf } from './elf.js';
import type { Runtime, RuntimeFile } from './runtime.js';
import { nodeScript, PRELOAD } from './wrapper.js';

/** Loaded by the resolver of glibc when a name is looked up, and so perhaps not yet. */
const RESOLVERS = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];

/** Throws an Error that says why there is none. */
export function ownRuntime(): Runtime {
  const folder = dirname(process.execPath);
  // Passed on as it is: also where /proc is missing.
  const files = isPushed(folder) ? filesIn(folder) : collect();
  for (const { name } of files) {
    if (!/^[a-z][\w.+-]*$/i.test(name)) throw new Error(`unexpected file name ${name}`);
  }
  return { description: `Node ${process.version} of this process`, files };
}

function isPushed(folder: string): boolean {
  return existsSync(join(folder, 'preload.js')) && existsSync(join(folder, 'node.bin'));
}

function filesIn(folder: string): RuntimeFile[] {
  const names = readdirSync(folder).filter((name) => !name.startsWith('.'));
  return names.map((name) => file(name, join(folder, name)));
}

function collect(): RuntimeFile[] {
  const program = readlinkSync('/proc/self/exe');
  const elf = readElf(program);
  if (!elf) throw new Error(`${program} is of a kind that is not known`);
  // Linked statically: nothing else is needed.
  if (elf.interpreter === undefined) return [file('node', program)];
  const loader = realpathSync(elf.interpreter);
  const mapped = mappedFiles();
  const found: Map<string, string> = new Map();
  const wanted = [...elf.needed];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (found.has(name)) continue;
    const path = mapped.get(name);
    if (path === undefined) throw new Error(`${program} needs ${name}, which is not loaded`);
    // It is there already, and knows by which name others need it.
    if (path === loader) continue;
    found.set(name, path);
    wanted.push(...(readElf(path) as { needed: string[] }).needed);
  }
  for (const path of [...found.values()]) {
    for (const name of RESOLVERS) {
      const beside = join(dirname(path), name);
      if (/^libc\b/.test(basename(path)) && existsSync(beside)) found.set(name, beside);
    }
  }
  const files = [
    file('node.bin', program),
    file('ld', loader),
    ...[...found].map(([name, path]) => file(name, path)),
    text('preload.js', PRELOAD),
  ];
  return [...files, text('node', nodeScript(files.map(({ name }) => name)))];
}

/** The libraries of this process, by the name that others need. */
function mappedFiles(): Map<string, string> {
  const byName: Map<string, string> = new Map();
  const maps = readFileSync('/proc/self/maps', 'latin1');
  for (const path of new Set(maps.match(/\/.*\.so\b.*/g) || [])) {
    if (!existsSync(path)) continue;
    const elf = readElf(path);
    if (elf) byName.set(elf.soname || basename(path), path);
  }
  return byName;
}

const file = (name: string, path: string): RuntimeFile => ({
  name,
  size: statSync(path).size,
  from: path,
});

function text(name: string, content: string): RuntimeFile {
  const bytes = Buffer.from(content);
  return { name, size: bytes.length, from: bytes };
}
