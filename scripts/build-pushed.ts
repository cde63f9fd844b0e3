/**
 * Builds what is pushed to other machines: packages/core/dist/pushed/*.js and manifest.json with the
 * hash and sizes of each, and *.br beside each: what travels. Run after the compiler. With `--trace`,
 * builds contexts that tell of each frame, in dist/traced: see trace.ts.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';
import { build, type OutputFile, type Plugin } from 'esbuild';
import { minify } from 'terser';
import { api } from '../packages/core/src/runtime/api.js';
import { SHORTENED } from './shortened.js';

const core = join(dirname(fileURLToPath(import.meta.url)), '../packages/core');
const { values } = parseArgs({ options: { trace: { type: 'boolean', default: false } } });
const pushed = join(core, values.trace ? 'dist/traced' : 'dist/pushed');

/**
 * One live core per process: what extends it requires it instead of containing a copy. A name that
 * the live core does not export fails the build.
 */
const liveCore: Plugin = {
  name: 'live-core',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const file = join(resolveDir, path);
      const isOwn =
        /src.(arguments|calls|channels|context|inspect|parent|services|ssh-options|thread)\b/.test(
          file.slice(core.length),
        );
      // Constants and text tools are not part of a living core: each bundle has its own.
      const isConstant =
        /(wire.(endpoints|flags|handles|levels|limits|lines|printable|tags)|routing.broker)\.js$/.test(
          file,
        );
      return !isOwn && !isConstant ? { path: 'api', namespace: 'live-core' } : undefined;
    });
    onResolve({ filter: /^@kinetin\/core$/ }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /./, namespace: 'live-core' }, () => ({
      contents: [
        "const core = require('@kinetin/core');",
        ...Object.keys(api).map(
          (name) => `export const ${name} = /* @__PURE__ */ (() => core.${name})();`,
        ),
      ].join('\n'),
    }));
  },
};

/** What only the main thread uses is loaded with its first use: it would take a work thread 5 ms. */
const LATE: Record<string, string> = {
  'node:crypto':
    "export const createHash = (name) => require('crypto').createHash(name);" +
    "export const randomBytes = (size) => require('crypto').randomBytes(size)",
  'node:zlib':
    "export const brotliDecompressSync = (packed) => require('zlib').brotliDecompressSync(packed)",
};
const lateBuiltins: Plugin = {
  name: 'late-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:(crypto|zlib)$/ }, ({ path }) => ({ path, namespace: 'late' }));
    onLoad({ filter: /./, namespace: 'late' }, ({ path }) => ({ contents: LATE[path] as string }));
  },
};

/** Private members, and those that the bundles share but nothing outside of them sees. */
const mangleProps = new RegExp(`^(_.*|${SHORTENED.join('|')})$`);
/** The short names, found with the first bundle. */
let mangleCache: Record<string, string | false> = {};

const artefacts = [
  { name: 'core', entry: 'src/runtime/main.ts', plugins: [lateBuiltins] },
  { name: 'runtime', entry: 'src/parent/runtime/main.ts', plugins: [liveCore] },
  { name: 'parent', entry: 'src/parent/main.ts', plugins: [liveCore] },
  { name: 'local', entry: 'src/parent/methods/local.ts', plugins: [liveCore] },
  { name: 'docker', entry: 'src/parent/methods/docker.ts', plugins: [liveCore] },
  { name: 'ssh', entry: 'src/parent/methods/ssh.ts', plugins: [liveCore] },
  // The library with its optional native parts left out: it does without them.
  { name: 'ssh2', entry: 'src/parent/vendor/ssh2.cjs', plugins: [] },
  { name: 'ssh-options', entry: 'src/ssh-options/main.ts', plugins: [liveCore] },
  { name: 'context', entry: 'src/context/main.ts', plugins: [lateBuiltins, liveCore] },
  { name: 'threads', entry: 'src/thread/several.ts', plugins: [liveCore] },
  { name: 'thread', entry: 'src/thread/main.ts', plugins: [liveCore] },
  { name: 'inspect', entry: 'src/inspect/main.ts', plugins: [liveCore] },
];

/** What esbuild leaves, smaller by some hundreds of bytes; a library travels as it was tested. */
async function minified(name: string, text: string): Promise<string> {
  if (name === 'ssh2') return text;
  const options = {
    ecma: 2018,
    toplevel: true,
    compress: { passes: 3, keep_fargs: false, unsafe_arrows: true },
    format: { ascii_only: true },
  } as const;
  return (await minify(text, options)).code as string;
}

/** Written all at once, when nothing can fail any more. */
const files: Record<string, string | Buffer> = {};
const manifest: Record<string, { hash: string; bytes: number; packedBytes: number }> = {};
for (const { name, entry, plugins } of artefacts) {
  const result = await build({
    entryPoints: [join(core, entry)],
    plugins,
    bundle: true,
    write: false as const,
    platform: 'node',
    target: 'node12.22',
    format: 'cjs',
    minify: true,
    ...(name === 'ssh2' ? {} : { mangleProps, mangleCache }),
    charset: 'ascii',
    legalComments: 'none',
    define: {
      TRACE: String(values.trace),
      // Those that were built before it.
      ...Object.fromEntries(
        Object.entries(manifest).map(([one, { hash }]) => [
          `${one.replace('-', '_').toUpperCase()}_MODULE`,
          JSON.stringify(hash),
        ]),
      ),
    },
    external: ['cpu-features', '*.node'],
    logLevel: 'warning',
  });
  mangleCache = result.mangleCache ?? mangleCache;
  const [output] = result.outputFiles as [OutputFile];
  // The core is evaluated from a string: without a name its frames could not be told from others.
  const footer = name === 'core' ? '//# sourceURL=kinetin:core' : '';
  const text = Buffer.from((await minified(name, output.text)) + footer);
  const packed = brotliCompressSync(text, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
    },
  });
  const hash = createHash('sha256').update(text).digest('hex');
  files[`${name}.js`] = text;
  files[`${name}.js.br`] = packed;
  manifest[name] = { hash, bytes: text.length, packedBytes: packed.length };
}
files['manifest.json'] = `${JSON.stringify(manifest, null, 2)}\n`;
rmSync(pushed, { recursive: true, force: true });
mkdirSync(pushed, { recursive: true });
for (const [file, content] of Object.entries(files)) writeFileSync(join(pushed, file), content);
