/** A sender that is faster than its reader: the memory of all on the way stays bounded. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const FLOOD = join(import.meta.dirname, '../fixtures/channel-flood.ts');

/** Megabytes by which the peak of a process may grow: garbage included. */
const ROOM = 200;

/** `across`: from one child to another, by way of the master; `hop` is that of the reader. */
describe('the memory of a channel', () => {
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  for (const [direction, megabytes] of [
    ['up', 1000],
    ['down', 1000],
    ['across', 300],
  ] as const) {
    it(`is bounded in master, hop and child while ${megabytes} MB go ${direction}`, async function () {
      this.timeout(600_000);
      const args = ['--import', 'tsx', FLOOD, direction, String(megabytes)];
      const { stdout } = await run(process.execPath, args);
      const { read, ...growth } = JSON.parse(stdout) as Record<string, number>;
      expect(read).to.be.at.least(megabytes * 1e6);
      for (const place of ['master', 'hop', 'child']) {
        expect(growth[place], place).to.be.below(ROOM);
      }
    });
  }
});
