/** The frames that pass, as text: in the master, and in contexts that were built for it. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { handles } from '@kinetin/core';
import { expect } from 'chai';
import { failure } from '../support/failure.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const PROGRAM = join(root, 'test/fixtures/hop-and-secret.ts');
const TRACE = join(root, 'scripts/trace.ts');

/** Runs a program of this project. */
function runProgram(args: string[], debug?: string): Promise<{ stdout: string; stderr: string }> {
  const { DEBUG: _, ...env } = process.env;
  if (debug !== undefined) env.DEBUG = debug;
  return run(process.execPath, ['--import', 'tsx', ...args], { cwd: root, env });
}

const pushed = (file: string, folder = 'pushed') =>
  readFileSync(join(root, 'packages/core/dist', folder, file), 'utf8');

/** The names of handles that stand in a text: only what describes frames has them. */
const handleNames = (text: string) =>
  Object.keys(handles).filter((name) => name.includes('_') && text.includes(name));

describe('a trace of frames', () => {
  it('is printed by a master with DEBUG=kinetin:frames, with neighbours and directions', async () => {
    const { stdout, stderr } = await runProgram([PROGRAM], 'kinetin:frames');
    expect(stdout).to.equal('hunter2\n');
    const lines = stderr.trimEnd().split('\n');
    for (const line of lines) {
      expect(line).to.match(/kinetin:frames (to|from) hop \(1\): \d -> \d \S+.*, \d+ B/);
    }
    const text = lines.join('\n');
    expect(text).to.match(/ to hop \(1\): 0 -> 1 ADD_ROUTE, 6 B: \[2,1\]/);
    expect(text).to.match(
      / to hop \(1\): 0 -> 1 CALL_MAIN reply \d+, \d+ B: \[<32.*>,\["connect"\]\]/,
    );
    const call =
      / to hop \(1\): 0 -> 2 CALL reply (\d+), .*: \[<32.*>,\["default"\],\[\[secret\]\]\]/;
    expect(text).to.match(call);
    const [, replyHandle] = call.exec(text) as RegExpExecArray;
    expect(text).to.match(new RegExp(` from hop \\(1\\): 2 -> 0 ${replyHandle}, 9 B: "hunter2"`));
  });

  it('is not printed without it, nor with another name', async () => {
    expect(await runProgram([PROGRAM])).to.deep.equal({ stdout: 'hunter2\n', stderr: '' });
    const { stderr } = await runProgram([PROGRAM], 'kinetin:router');
    expect(stderr).not.to.include('kinetin:frames');
  });

  it('has no code in what is pushed, nor a constant that could be set there', () => {
    for (const name of ['core', 'thread', 'parent', 'local', 'ssh']) {
      const text = pushed(`${name}.js`);
      expect(text.length).to.be.above(1000);
      expect(handleNames(text), name).to.deep.equal([]);
      expect(text, name).not.to.match(/\bTRACE\b/);
    }
  });

  it('of all contexts comes as log records from a build of its own', async () => {
    const before = pushed('manifest.json');
    const { stdout, stderr } = await runProgram([TRACE, PROGRAM]);
    expect(stdout).to.equal('hunter2\n');
    for (const line of [
      /kinetin:frames to hop \(1\): 0 -> 2 CALL reply \d+, /,
      /^hop: from parent 0: 0 -> 2 CALL reply \d+, .*\[secret\]/m,
      /^hop: to child 2: 0 -> 2 CALL reply \d+, .*\[secret\]/m,
      /^hop\.inner: from parent 1: 0 -> 2 CALL reply \d+, /m,
      /^hop\.inner: to thread: 0 -> 2 CALL reply \d+, /m,
      /^hop\.inner: from thread: 2 -> 0 \d+, 9 B: "hunter2"$/m,
      /^hop: to parent 0: 2 -> 0 \d+, 9 B: "hunter2"$/m,
    ]) {
      expect(stderr).to.match(line);
    }
    expect(stderr, 'a trace of the trace').not.to.match(/ LOG,/);
    expect(handleNames(pushed('core.js', 'traced'))).to.include('GET_MODULE');
    expect(pushed('manifest.json'), 'what is pushed otherwise').to.equal(before);
    expect(handleNames(pushed('core.js'))).to.deep.equal([]);
  });

  it('of no program is refused', async () => {
    const error = await failure<{ code: number; stderr: string }>(runProgram([TRACE]));
    expect(error.code).to.equal(2);
    expect(error.stderr).to.match(/usage: npm run trace -- PROGRAM/);
  });
});
