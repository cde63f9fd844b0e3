/** Runs a program in plain Node, against the slicer compiled to JavaScript. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const master = fileURLToPath(new URL('../..', import.meta.url));

/** Ends in an error if the program does not end by itself. Units: ms. */
const DEADLINE_MS = 120_000;

/** `program` may use `send`, `mapStack` and `report`, whose argument is the result. */
export function runPlain<T>(program: string, args: readonly string[] = []): T {
  const folder = mkdtempSync(join(tmpdir(), 'kinetin-plain-'));
  try {
    symlinkSync(join(master, 'node_modules'), join(folder, 'node_modules'));
    compileInto(folder);
    const file = join(folder, 'program.mjs');
    writeFileSync(
      file,
      `import { send, mapStack, stopBundler } from './slicer.mjs';
      const report = (result) => console.log(JSON.stringify(result));
      ${program}`,
    );
    const env = { ...process.env, NODE_OPTIONS: '' };
    const options = { env, timeout: DEADLINE_MS, encoding: 'utf8' } as const;
    return JSON.parse(execFileSync(process.execPath, [file, ...args], options));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compileInto(folder: string): void {
  const contents = `
    export { send } from './test/slice/evaluate.js';
    export { mapStack } from './src/stacks.js';
    export { stopBundler } from './src/bundle/module.js';`;
  buildSync({
    stdin: { contents, resolveDir: master },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: join(folder, 'slicer.mjs'),
  });
}
