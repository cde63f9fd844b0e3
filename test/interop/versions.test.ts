/** The part of the matrix of versions that runs every time; `npm run matrix` runs all of it. */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { CHECK_NAMES } from '../fixtures/matrix/checks.js';
import { describePlan, fetchAll, PINNED, runPlan } from '../support/matrix.js';
import { requirePart } from '../support/parts.js';
import { canFetchNode, fetchNode } from '../support/real-node.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** Which public modules of Node, or what is behind its lazy globals, finding a built-in loads. */
const LOADED = `
  import { availableParallelism } from 'node:os';
  import { findBuiltin } from '@kinetin/core';
  const before = new Set(process.moduleLoadList);
  const { module } = findBuiltin(availableParallelism);
  const names = process.moduleLoadList.filter(
    (name) => !before.has(name) && /NativeModule (?!internal)|undici/.test(name),
  );
  console.log(JSON.stringify({ module, names }));
`;

const FETCH_TIMEOUT_MS = 600_000;
const RUN_TIMEOUT_MS = 600_000;

describe('versions of Node', () => {
  before(async function () {
    this.timeout(FETCH_TIMEOUT_MS);
    await requirePart('Linux on x64', canFetchNode, () => fetchAll(PINNED)).call(this);
  });

  for (const plan of PINNED) {
    const chains = plan.chains.map((chain) => chain.join(' -> ')).join('; ');
    it(`work together below a master with ${plan.master}: ${chains}`, async function () {
      this.timeout(RUN_TIMEOUT_MS);
      const expected = plan.chains.map((chain) => ({
        versions: chain.map((version) => `v${version}`),
        passed: CHECK_NAMES,
        failed: {},
      }));
      expect(await runPlan(plan)).to.deep.equal(expected);
    });

    it(`load nothing to find a built-in, as ${plan.master}`, async () => {
      const args = ['--input-type=module', '--eval', LOADED];
      const { stdout } = await run(await fetchNode(plan.master), args, { cwd: root });
      expect(JSON.parse(stdout)).to.deep.equal({ module: 'os', names: [] });
    });
  }

  it('and what is done with them are as docs/support-matrix.md says', async () => {
    const file = join(root, 'docs/support-matrix.md');
    const lines = (await readFile(file, 'utf8')).split('\n');
    const listed = lines.filter((line) => line.startsWith('- ')).map((line) => line.slice(2));
    const pinned = PINNED.flatMap(describePlan);
    expect(listed).to.deep.equal([...CHECK_NAMES, ...pinned.map((chain) => `\`${chain}\``)]);
    const majors = new Set(PINNED.flatMap(({ master, chains }) => [master, ...chains.flat()]));
    for (const version of majors) {
      const row = lines.find((line) => line.startsWith(`| ${version.split('.')[0]}.`));
      expect(row, `the row of Node ${version}`).to.be.a('string');
      expect(row).not.to.include('no:');
    }
  });
});
