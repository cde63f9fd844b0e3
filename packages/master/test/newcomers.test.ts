import { Context, Contexts } from '@kinetin/core';
import { expect } from 'chai';
import { Newcomers } from '../src/newcomers.js';

const [PARENT, CHILD] = [1, 2];

describe('newcomers', () => {
  const host = {} as never;
  let contexts: Contexts;
  let newcomers: Newcomers;
  const add = (id: number, name: string, via?: Context) => {
    const connected = Promise.resolve({ pid: id, nodeVersion: 'v20.0.0' });
    const context = new Context(host, { id, name, method: 'local', via, connected });
    contexts.add(context);
    return context;
  };
  beforeEach(() => {
    contexts = new Contexts((id, name) => {
      throw new Error(`nobody speaks of ${name}, ${id}`);
    });
    newcomers = new Newcomers(host, contexts);
  });

  it('do not take the place of contexts that were started here', () => {
    const child = add(CHILD, 'parent.child', add(PARENT, 'parent'));
    newcomers.receive([CHILD, PARENT, 'renamed', 'local']);
    expect(contexts.get(CHILD)).to.equal(child);
  });

  it('are announced once, also after they were connected', () => {
    add(PARENT, 'parent');
    newcomers.receive([CHILD, PARENT, 'new', 'local']);
    const child = contexts.get(CHILD);
    expect(child).to.include({ name: 'parent.new', method: 'local' });
    newcomers.receive([CHILD, PARENT, 'new', 'local', 4711, 'v20.0.0']);
    newcomers.receive([CHILD, PARENT, 'renamed', 'local']);
    expect(contexts.get(CHILD)).to.equal(child);
  });
});
