import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import type { SliceError } from '../../src/errors.js';
import { referenceClass, referenceFunction } from '../../src/slice/reference.js';
import { evaluate, load } from './evaluate.js';

const classes = await load('classes.mjs');

describe('slice/reference-class', () => {
  const FORMS: [title: string, type: unknown, greeting: string][] = [
    ['an exported class', classes.Declared, 'hello base'],
    [
      'one with a constructor, where V8 says that this is the class',
      classes.WithConstructor,
      'hello made',
    ],
    ['a class expression', classes.expression, 'hello base'],
    ['one with a name of its own', classes.named, 'hello base'],
    ['a member of an object', classes.inObject.Member, 'hello base'],
    ['a default export without a name', classes.default, 'hello base'],
    ['a class that is not exported', classes.local, 'hello base'],
    ['one with private members', classes.Private, 'hello private'],
  ];
  for (const [title, type, greeting] of FORMS) {
    it(`sends ${title}, and nothing that runs on its own`, async () => {
      const { module, path } = await referenceClass(type as never);
      globalThis.sliceEvents.length = 0;
      const Sent = path.reduce((owner, name) => owner[name], evaluate(module));
      expect(globalThis.sliceEvents).to.deep.equal([]);
      expect(new Sent().greet()).to.equal(greeting);
    });
  }

  it('does not make them callable', async () => {
    await referenceClass(classes.Declared);
    const error = await failure<SliceError>(referenceFunction(classes.Declared));
    expect(error).to.include({ code: 'ERR_NOT_CALLABLE' });
    expect(error.message).to.include('a class; send a function that makes and uses an instance');
  });

  const REFUSED: [title: string, type: unknown, words: string][] = [
    ['a class inside of a function', classes.make(), 'a class without a name at the top level'],
    ['one with a constructor', classes.makeWithConstructor(), 'a class without a name at the top'],
    ['a function', classes.make, 'no class'],
    ['a class of Node', Map, 'native code'],
  ];
  for (const [title, type, words] of REFUSED) {
    it(`refuses ${title}`, async () => {
      const error = await failure<SliceError>(referenceClass(type as never));
      expect(error).to.include({ code: 'ERR_NOT_CALLABLE' });
      expect(error.message).to.include(words);
    });
  }
});
