import dns from 'node:dns';
import fs from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { runPlain } from '../../../master/test/slice/plain.js';
import { findBuiltin } from '../../src/calls/builtins.js';

describe('slice/builtins', () => {
  const CASES: readonly [fn: unknown, module: string, path: readonly string[]][] = [
    [os.hostname, 'os', ['hostname']],
    [os.cpus, 'os', ['cpus']],
    [fs.readFileSync, 'fs', ['readFileSync']],
    [fs.promises.readdir, 'fs', ['promises', 'readdir']],
    [readFile, 'fs', ['promises', 'readFile']],
    [dns.promises.lookup, 'dns', ['promises', 'lookup']],
    [path.join, 'path', ['join']],
    [path.win32.join, 'path', ['win32', 'join']],
    [process.cwd, '', ['process', 'cwd']],
    [process.memoryUsage, '', ['process', 'memoryUsage']],
    [Math.max, '', ['Math', 'max']],
    [JSON.stringify, '', ['JSON', 'stringify']],
    [console.log, '', ['console', 'log']],
    [Buffer.from, '', ['Buffer', 'from']],
    [setTimeout, '', ['setTimeout']],
    [Array.isArray, '', ['Array', 'isArray']],
    [parseInt, '', ['parseInt']],
  ];
  for (const [fn, module, names] of CASES) {
    it(`finds ${[module, ...names].join('.')}`, () => {
      expect(findBuiltin(fn)).to.deep.equal({ module, path: names });
    });
  }

  it('does not take functions for built-ins that the program put on the global object', () => {
    const name = 'kinetinTestGlobal';
    const fn = () => name;
    Reflect.set(globalThis, name, fn);
    expect(findBuiltin(fn)).to.equal(undefined);
    Reflect.deleteProperty(globalThis, name);
  });

  it('loads no module and warns of nothing', () => {
    const program = `
      import { availableParallelism } from 'node:os';
      const warnings = [];
      process.on('warning', (warning) => warnings.push(warning.name));
      const loaded = () => process.moduleLoadList.filter((name) => /NativeModule [^_i]/.test(name)).length;
      const before = loaded();
      await send(availableParallelism).catch(() => {});
      const opened = loaded() - before;
      setImmediate(() => report({ warnings, opened }));
    `;
    expect(runPlain(program)).to.deep.equal({ warnings: [], opened: 0 });
  });
});
