/**
 * The public names of each entry. Changing one shows as a change of exports.json, which
 * UPDATE_EXPORTS=1 writes anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';

const ENTRIES = [
  '@kinetin/core',
  '@kinetin/core/parent',
  '@kinetin/core/ssh-options',
  '@kinetin/master',
];
const snapshot = new URL('./exports.json', import.meta.url);

describe('exports', () => {
  it('are those of exports.json, for every entry', async () => {
    const names: Record<string, Record<string, string>> = {};
    for (const entry of ENTRIES) names[entry] = kinds(await import(entry));
    if (process.env.UPDATE_EXPORTS === '1') {
      writeFileSync(snapshot, `${JSON.stringify(names, null, 2)}\n`);
    }
    expect(names).to.deep.equal(JSON.parse(readFileSync(snapshot, 'utf8')));
  });
});

/** Each name with the type of its value. */
function kinds(exported: object): Record<string, string> {
  const entries = Object.entries(exported).map(([name, value]) => [name, typeof value]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a! < b! ? -1 : 1)));
}
