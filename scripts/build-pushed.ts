/**
 * Builds what is pushed to other machines: packages/core/dist/pushed/*.js and manifest.json with the
 * hash and sizes of each, and *.br beside each: what travels. Run after the compiler.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { build, type Plugin } from 'esbuild';

const core = join(dirname(fileURLToPath(import.meta.url)), '../packages/core');
const pushed = join(core, 'dist/pushed');

/** One live core per process: what extends it requires it instead of containing a copy. */
const liveCore: Plugin = {
  name: 'live-core',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const isCore = !join(resolveDir, path).startsWith(join(core, 'src/parent'));
      return isCore ? { path: '@kinetin/core', external: true } : undefined;
    });
  },
};

const artefacts = [
  { name: 'core', entry: 'src/runtime/main.ts', plugins: [] },
  { name: 'parent', entry: 'src/parent/main.ts', plugins: [liveCore] },
  { name: 'local', entry: 'src/parent/methods/local.ts', plugins: [liveCore] },
  { name: 'ssh', entry: 'src/parent/methods/ssh.ts', plugins: [liveCore] },
  // The library with its optional native parts left out: it does without them.
  { name: 'ssh2', entry: 'src/parent/vendor/ssh2.cjs', plugins: [] },
];

rmSync(pushed, { recursive: true, force: true });
mkdirSync(pushed, { recursive: true });
const manifest: Record<string, { hash: string; bytes: number; packedBytes: number }> = {};
for (const { name, entry, plugins } of artefacts) {
  const { outputFiles } = await build({
    entryPoints: [join(core, entry)],
    plugins,
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node12.22',
    format: 'cjs',
    minify: true,
    mangleProps: name === 'ssh2' ? undefined : /^_/,
    charset: 'ascii',
    legalComments: 'none',
    external: ['cpu-features', '*.node'],
    logLevel: 'warning',
  });
  const text = Buffer.from((outputFiles[0] as { contents: Uint8Array }).contents);
  const packed = brotliCompressSync(text, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
    },
  });
  const hash = createHash('sha256').update(text).digest('hex');
  writeFileSync(join(pushed, `${name}.js`), text);
  writeFileSync(join(pushed, `${name}.js.br`), packed);
  manifest[name] = { hash, bytes: text.length, packedBytes: packed.length };
}
writeFileSync(join(pushed, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
