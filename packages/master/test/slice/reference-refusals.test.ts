import { relative } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { SliceError } from '../../src/errors.js';
import { referenceFunction } from '../../src/slice/reference.js';
import { load } from './evaluate.js';

const forms = await load('forms.mjs');
const common = await load('common.cjs');

const inLoop: unknown[] = [];
for (const host of ['web1']) inLoop.push(() => host);

const { inner, Tasks, tasks } = forms;
const folder = fileURLToPath(new URL('../fixtures/slice', import.meta.url));

describe('slice/reference-refusals', () => {
  it('lists the variables of the code around a function, with their places', async () => {
    const error = await failure(inner.free);
    expect(error.code).to.equal('ERR_FREE_IDENTIFIER');
    const names = error.identifiers!.map(({ name, file, line }) => [
      name,
      relative(folder, file),
      line,
    ]);
    const line = names[0]![2];
    expect(names).to.deep.equal(
      ['host', 'listen', 'seconds', 'block'].map((name) => [name, 'forms.mjs', line]),
    );
    expect(error.message).to.match(
      /^cannot send free \(.*forms\.mjs:\d+:13\): it uses host \(.*forms\.mjs:\d+:23\), listen /,
    );
    expect(error.message).to.include('pass values as arguments');
  });

  it('lists this, arguments and new.target of the function around an arrow', async () => {
    expect(names(await failure(inner.usesThis))).to.deep.equal(['this']);
    expect(names(await failure(inner.usesArguments))).to.deep.equal(['arguments']);
    function Around(this: { fn: () => unknown }) {
      this.fn = () => new.target;
    }
    const made = Reflect.construct(Around, []);
    expect(names(await failure(made.fn))).to.deep.equal(['new.target']);
  });

  it('lists private names of the class around an arrow', async () => {
    class Around {
      #secret = 1;
      make() {
        return (other: Around) => other.#secret;
      }
    }
    expect(names(await failure(new Around().make()))).to.deep.equal(['#secret']);
  });

  it('lists parameters in CommonJS files and loop variables at the top level', async () => {
    expect(names(await failure(common.makeInline('x').bad))).to.deep.equal(['secret']);
    expect(names(await failure(inLoop[0]))).to.deep.equal(['host']);
  });

  it('names a variable that gets its value from a top-level await', async () => {
    const error = await failure(forms.usesAwaited);
    expect(error.code).to.equal('ERR_FREE_IDENTIFIER');
    expect(names(error)).to.deep.equal(['awaited']);
    expect(error.message).to.include('await at the top level');
    expect(names(await failure(forms.mixed.usesThis))).to.deep.equal(['awaited']);
  });

  it('names a variable that a statement with other effects changes', async () => {
    const error = await failure(forms.usesChanging);
    expect(names(error)).to.deep.equal(['changing']);
    expect(error.message).to.include('does other things too');
  });

  const REFUSED: readonly [string, unknown, RegExp][] = [
    ['a value that is no function', 3, /no function/],
    ['a bound function', forms.bound, /bound/],
    ['a proxy', forms.proxy, /proxy/],
    ['native code without a name', Array.prototype.map.call, /native/],
    ["a function of Node's own without a name", Readable.prototype.unshift, /native/],
    ['a class', Tasks, /class/],
    ['a method that uses this', Tasks.prototype.own, /"this"/],
    ['a private method', Tasks.hidden(), /private/],
    ['a getter of a class', getter(Tasks.prototype, 'value'), /getter/],
    ['a getter of an object', getter(tasks, 'value'), /getter/],
    ['a method that uses this in an object without a name', nested(), /"this"/],
  ];
  for (const [title, fn, words] of REFUSED) {
    it(`refuses ${title}`, async () => {
      const error = await failure(fn);
      expect(error.code).to.equal('ERR_NOT_CALLABLE');
      expect(error.message)
        .to.match(/^cannot send .*: it is .*; \w+/)
        .and.match(words);
    });
  }
});

function getter(owner: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(owner, name)!.get;
}

function nested(): unknown {
  const made = {
    factor: 2,
    times(x: number) {
      return x * this.factor;
    },
  };
  return made.times;
}

function names(error: SliceError): string[] {
  return error.identifiers!.map(({ name }) => name);
}

async function failure(fn: unknown): Promise<SliceError> {
  try {
    await referenceFunction(fn as () => void);
  } catch (error) {
    expect(error).to.be.instanceOf(SliceError);
    return error as SliceError;
  }
  throw new Error('it was not refused');
}
