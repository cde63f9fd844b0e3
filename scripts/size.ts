/**
 * Prints what each pushed artefact takes on the wire, in bytes, and fails over budget. Rewrites the
 * tables in README.md, of what each start takes, and in docs/sizes.md, of all. `--json FILE` writes `[{ name, bytes, budget }]`.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commandLine, encodePreamble, newMarker, nodeArgs } from '@kinetin/core/parent';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { json: { type: 'string' } } });
const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const budgets: Record<string, { budget: number; when: string }> = read('size-budget.json');
const manifest: Record<string, { packedBytes: number }> = read(
  'packages/core/dist/pushed/manifest.json',
);

/** A child as most are: the names are of usual length. */
const pushedCore = readFileSync(join(root, 'packages/core/dist/pushed/core.js.br'));
const preamble = encodePreamble(pushedCore, 0, 1, {
  parentIds: [0],
  name: 'web1',
  logLevel: 20,
  maxMessageBytes: 134217728,
  workThread: 'eager',
  silenceMs: 120000,
  threadModule: Buffer.alloc(32),
});
const command = {
  ...preamble,
  marker: newMarker(),
  title: 'kinetin:deploy@build.example.com:12345',
  workThread: true,
};
const local = ['/usr/bin/node', ...nodeArgs(command)].join(' ');
const measured: Record<string, number> = {
  bootstrap: local.length + preamble.bytes.length,
  'bootstrap over SSH': commandLine(command).length + preamble.bytes.length,
};
const rows = Object.entries(budgets).map(([name, { budget, when }]) => ({
  name,
  bytes: measured[name] ?? manifest[name]?.packedBytes ?? Number.NaN,
  budget,
  when,
}));
for (const name of Object.keys(manifest)) {
  if (!budgets[name]) throw new Error(`${name} has no budget in size-budget.json`);
}
const number = (value: number) => value.toLocaleString('en');

for (const { name, bytes, budget } of rows) {
  const verdict = bytes <= budget ? '' : '  over budget';
  console.log(`${name.padEnd(20)}${number(bytes).padStart(8)} of ${number(budget)}${verdict}`);
}
if (values.json) {
  const plain = rows.map(({ name, bytes, budget }) => ({ name, bytes, budget }));
  writeFileSync(values.json, `${JSON.stringify(plain, null, 2)}\n`);
}

/** Rewrites the table of a document that stands between its marks. */
function write(file: string, shown: typeof rows): void {
  const table = [
    '| pushed | when | bytes | budget |',
    '|---|---|---:|---:|',
    ...shown.map(
      ({ name, when, bytes, budget }) =>
        `| ${name} | ${when} | ${number(bytes)} | ${number(budget)} |`,
    ),
  ].join('\n');
  const text = readFileSync(join(root, file), 'utf8');
  const marked = /(<!-- size -->\n)[\s\S]*(\n<!-- \/size -->)/;
  if (!marked.test(text)) {
    throw new Error(`${file} has no <!-- size --> and <!-- /size --> lines`);
  }
  writeFileSync(join(root, file), text.replace(marked, `$1${table}$2`));
}
write(
  'README.md',
  rows.filter(({ name }) => name in measured),
);
write('docs/sizes.md', rows);

if (!rows.every(({ bytes, budget }) => bytes <= budget)) process.exit(1);
