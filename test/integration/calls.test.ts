/** What can be called, what cannot, and how failures arrive. */

import { execFile } from 'node:child_process';
import fs, { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os, { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Stream } from '@kinetin/core';
import { type AnyFunction, CallError, type Context, type LogRecord, Router } from '@kinetin/master';
import { expect } from 'chai';
import withoutName, * as callable from '../fixtures/packages/callable.js';
import { startLeaf } from '../fixtures/packages/recording.js';
import { failure } from '../support/failure.js';
import { until } from '../support/processes.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const fixture = (name: string) => new URL(`../fixtures/packages/${name}`, import.meta.url);

const punctuation = '?';

function asked(text: string): string {
  return text + punctuation;
}

/** Notes a text in this process. */
function note(text: string): void {
  const all = globalThis as { noted?: string[] };
  all.noted = [...(all.noted ?? []), text];
}

function noted(): string[] | undefined {
  return (globalThis as { noted?: string[] }).noted;
}

describe('calls', () => {
  const records: LogRecord[] = [];
  const router = new Router({ onLog: (record) => records.push(record) });
  let context: Context;
  let stream: Stream;
  before(async () => {
    ({ context, stream } = await startLeaf(router));
  });
  after(() => router.shutdown());

  describe('take', () => {
    it('built-ins, by identity', async () => {
      expect(await context.call(hostname)).to.equal(hostname());
      expect(await context.call(os.hostname)).to.equal(hostname());
      expect(await context.call(process.cwd)).to.equal(process.cwd());
      expect(await context.call(JSON.parse, '{"a":[1]}')).to.deep.equal({ a: [1] });
      expect(await context.call(fs.promises.readdir, root)).to.include('package.json');
      expect(await context.call(readFileSync, join(root, '.npmrc'), 'utf8')).to.be.a('string');
      expect(await context.call(Math.max, 1, 3, 2)).to.equal(3);
    });

    const forms: Record<string, (text: string) => string | Promise<string>> = {
      'an exported function': callable.exported,
      'an exported arrow function': callable.arrow,
      'an async function': callable.asynchronous,
      'a default export without a name': withoutName,
    };
    for (const [what, fn] of Object.entries(forms)) {
      it(`${what}, with what it uses of its file`, async () => {
        expect(await context.call(fn, '/a/b')).to.equal('b!');
      });
    }

    it('a top-level function that is not exported', async () => {
      expect(await context.call(callable.holder.hidden, '/a/b')).to.equal('hidden b!');
      expect(await context.call(asked, 'a')).to.equal('a?');
    });

    it('a static method, which finds its class', async () => {
      expect(await context.call(callable.Texts.loud, '/a/b')).to.equal('b!b!');
    });

    it('an inline arrow function that uses imports and top-level names', async () => {
      expect(await context.call(() => asked(hostname()))).to.equal(`${hostname()}?`);
    });

    it('an inline function expression, and an async one', async () => {
      const name = await context.call(
        function (this: unknown, first: number, ...rest: number[]) {
          return [join('/', hostname()), asked(`${first + rest.length}`)];
        },
        1,
        2,
        3,
      );
      expect(name).to.deep.equal([`/${hostname()}`, '3?']);
      const text = await context.call(
        async (path: string) => {
          const content = await readFile(path, 'utf8');
          return asked(String(content.length > 0));
        },
        join(root, 'package.json'),
      );
      expect(text).to.equal('true?');
    });
  });

  describe('refuse, before anything is sent,', () => {
    const local = 'a local';
    const cases: [string, AnyFunction, code: string, message: RegExp][] = [
      [
        'a function over local variables, which it names',
        () => local,
        'ERR_FREE_IDENTIFIER',
        /local \(\S*calls\.test\.ts:\d+:\d+\) of the code around it.*pass values as arguments/,
      ],
      ['a bound function', asked.bind(null, 'a'), 'ERR_NOT_CALLABLE', /a bound function.*send the/],
      [
        'native code without a name',
        resolver(),
        'ERR_NOT_CALLABLE',
        /native code.*send a function/,
      ],
      ['a proxy', new Proxy(asked, {}), 'ERR_NOT_CALLABLE', /a proxy.*send a plain function/],
      [
        'a method that needs its object',
        new callable.Texts().quiet,
        'ERR_NOT_CALLABLE',
        /quiet \(\S*callable\.ts:\d+:\d+\): it is a method that uses "this".*send a function that/,
      ],
      [
        'a class',
        callable.Texts as unknown as AnyFunction,
        'ERR_NOT_CALLABLE',
        /Texts.*a class; send/,
      ],
      [
        'what is no function',
        'a' as unknown as AnyFunction,
        'ERR_NOT_CALLABLE',
        /no function; pass/,
      ],
    ];
    for (const [what, fn, code, message] of cases) {
      it(what, async () => {
        const before = stream.bytesSent;
        for (const call of [context.call(fn), context.callNoReply(fn)]) {
          const error = await failure(call);
          expect(error).to.include({ name: 'SliceError', code });
          expect(error.message).to.match(message);
        }
        expect(stream.bytesSent).to.equal(before);
      });
    }

    it('arguments that cannot travel, with their paths', async () => {
      await context.call(callable.exported, 'known');
      const before = stream.bytesSent;
      const taken = callable.exported as (value: unknown) => string;
      const error = await failure(context.call(taken, { deep: [1, () => 2] }));
      expect(error).to.include({ code: 'ERR_NOT_SERIALIZABLE', path: 'args[0].deep[1]' });
      expect(stream.bytesSent).to.equal(before);
    });
  });

  describe('without reply', () => {
    it('leave in the same order as others, also behind those that cannot be sent', async () => {
      const fresh = router.local();
      const local = 'a local';
      const left = [
        fresh.callNoReply(note, 'first'),
        fresh.call(note, 'second'),
        fresh.callNoReply(() => note(local)),
        fresh.callNoReply(note, 'third'),
        fresh.context.callNoReply((text: string) => note(text), 'fourth'),
        fresh.callNoReply(note, 'fifth'),
      ];
      const outcomes = Promise.allSettled(left);
      expect(await fresh.call(noted)).to.deep.equal([
        'first',
        'second',
        'third',
        'fourth',
        'fifth',
      ]);
      const statuses = (await outcomes).map(({ status }) => status === 'fulfilled');
      expect(statuses).to.deep.equal([true, true, false, true, true, true]);
    });

    it('tell of a failure in the log, at the level of errors', async () => {
      await context.callNoReply(callable.failing, '/dev/sda');
      const isIt = ({ text }: LogRecord) => /a call without reply failed.*\/dev\/sda/.test(text);
      await until('it is told', () => records.some(isIt));
      expect(records.find(isIt)).to.include({ context: 'hop.leaf', level: 'error' });
    });

    it('reject what cannot travel, a signal among it', async () => {
      const before = stream.bytesSent;
      const taken = note as (value: unknown) => void;
      const error = await failure(context.callNoReply(taken, Symbol('a')));
      expect(error).to.include({ name: 'SerializeError', path: 'args[0]' });
      const { signal } = new AbortController();
      const other = await failure(context.callNoReply(taken, signal));
      expect(other).to.include({ name: 'SerializeError', code: 'ERR_NOT_SERIALIZABLE' });
      expect(other.message).to.match(/a signal, in a call without reply; use call/);
      expect(stream.bytesSent).to.equal(before);
    });

    it('reject where the context cannot be started, or is lost', async () => {
      const never = router.local({ node: '/nowhere/node' });
      expect(await failure(never.callNoReply(hostname))).to.include({ code: 'ERR_SPAWN' });
      const gone = await router.local();
      await gone.shutdown();
      expect(await failure(gone.callNoReply(hostname))).to.include({ code: 'ERR_NO_ROUTE' });
    });

    it('are not made where the signal of their options came before', async () => {
      const reason = new Error('too late');
      const call = context.with({ signal: AbortSignal.abort(reason) }).callNoReply(note, 'never');
      expect(await failure(call)).to.equal(reason);
      expect(await context.call(noted)).to.equal(undefined);
    });
  });

  it('never run the program itself elsewhere', async () => {
    const folder = await mkdtemp(join(os.tmpdir(), 'kinetin-program-'));
    try {
      const programs = [
        ['--import', 'tsx', fileURLToPath(fixture('program.ts'))],
        [fileURLToPath(fixture('program-plain.mjs'))],
      ];
      for (const [i, args] of programs.entries()) {
        const file = join(folder, `${i}.txt`);
        const { stdout } = await run(process.execPath, [...args, file], { cwd: root });
        const { named, inline, pid } = JSON.parse(stdout);
        expect([named, inline]).to.deep.equal(Array(2).fill(`at ${hostname()} ${pid}`));
        expect(await readFile(file, 'utf8')).to.match(/^ran in \d+\n$/);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  describe('that fail', () => {
    it('reject with the name, message, code and own properties of what was thrown', async () => {
      const error = await failure<CallError>(context.call(callable.failing, '/dev/sda'));
      expect(error).to.be.instanceOf(CallError);
      expect(error).to.include({
        name: 'CallError',
        remoteName: 'DiskError',
        message: 'cannot read /dev/sda',
        code: 'ERR_DISK',
        context: 'hop.leaf',
      });
      expect(error).to.have.deep.property('device', { path: '/dev/sda', sectors: [1, 2] });
    });

    it('have the chain of causes', async () => {
      const error = await failure<CallError>(context.call(callable.failing, '/dev/sda'));
      const cause = error.cause as CallError & { sector: number };
      expect(cause).to.be.instanceOf(CallError);
      expect(cause).to.include({ remoteName: 'RangeError', message: 'beyond the end', sector: 7 });
      expect(cause.cause).to.be.instanceOf(CallError);
      expect(cause.cause).to.include({ remoteName: 'SyntaxError', context: 'hop.leaf' });
    });

    it('lead from lines of the TypeScript file, by way of the context, to the caller', async () => {
      const error = await failure<CallError>(context.call(callable.failing, '/dev/sda'));
      const [thrown, called] = linesOf(
        'callable.ts',
        'throw new DiskError',
        'broken(path, cause);',
      );
      const file = fileURLToPath(fixture('callable.ts'));
      const lines = String(error.stack).split('\n');
      expect(lines[0]).to.match(/^CallError: (DiskError|Error): cannot read \/dev\/sda/);
      expect(lines[1]).to.match(new RegExp(`^    at broken \\(${file}:${thrown}:\\d+\\)$`));
      expect(lines[2]).to.match(new RegExp(`^    at failing \\(${file}:${called}:\\d+\\)$`));
      const separator = lines.indexOf('    -- in context hop.leaf, called from --');
      expect(separator).to.be.above(2);
      expect(lines.slice(separator + 1).join('\n')).to.match(/integration\/calls\.test\.ts:\d+/);
      expect(error.stack).to.not.match(/kinetin:core|packages\/(core|master)\/(src|dist)/);
    });

    it('name an inline function as such', async () => {
      const error = await failure<CallError>(
        context.call(() => {
          throw new Error('inline');
        }),
      );
      expect(error.remoteStack).to.match(
        /^Error: inline\n {4}at <anonymous> \(\S*calls\.test\.ts:/,
      );
    });

    it('report what was thrown and is no error', async () => {
      const error = await failure<CallError>(context.call(callable.failingOddly));
      expect(error).to.include({ code: 'ERR_CALL', message: 'thrown: { odd: true }' });
    });
  });
});

/** Numbers of the lines of a fixture in which the texts stand. */
function linesOf(name: string, ...texts: string[]): number[] {
  const lines = readFileSync(fixture(name), 'utf8').split('\n');
  return texts.map((text) => lines.findIndex((line) => line.includes(text)) + 1);
}

/** A function of V8 that no module has. */
function resolver(): AnyFunction {
  let found: AnyFunction = () => {};
  new Promise((resolve) => {
    found = resolve;
  });
  return found;
}
