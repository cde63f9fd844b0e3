import { inspect } from 'node:util';
import { expect } from 'chai';
import { deserialize } from '../../src/wire/deserialize.js';
import { Secret } from '../../src/wire/secret.js';
import { serialize } from '../../src/wire/serialize.js';

const WORD = 'hunter2-is-not-printed';

describe('wire/secret', () => {
  const secret = new Secret(WORD);

  it('gives its text to those who ask for it', () => {
    expect(secret.reveal()).to.equal(WORD);
  });

  it('is not shown by anything that prints', () => {
    const shown = [
      String(secret),
      `${secret}`,
      `x${secret as unknown as string}`,
      JSON.stringify({ secret }),
      inspect({ deep: { secret } }, { showHidden: true, depth: 9, getters: true }),
      inspect(secret, { customInspect: false, showHidden: true }),
      String(new Error('x', { cause: secret }).stack) + inspect(new Error('x', { cause: secret })),
      JSON.stringify(Object.getOwnPropertyDescriptors(secret)),
      Reflect.ownKeys(secret).join(),
      Object.values(secret).join(),
    ];
    for (const text of shown) expect(text).not.to.contain('hunter2');
    expect(shown[0]).to.equal('[secret]');
  });

  it('travels with its text, is a Secret again, and keeps identity', () => {
    const [a, b] = deserialize(serialize([secret, { secret }])) as [Secret, { secret: Secret }];
    expect(a).to.be.instanceOf(Secret);
    expect(a.reveal()).to.equal(WORD);
    expect(b.secret).to.equal(a);
    const odd = ['', 'ä😀', 'x'.repeat(10_000)];
    const got = deserialize(serialize(odd.map((text) => new Secret(text)))) as Secret[];
    expect(got.map((one) => one.reveal())).to.deep.equal(odd);
  });

  it('is not shown by the refusal of what it stands in', () => {
    expect(() => serialize([secret, { secret, f: () => {} }]))
      .to.throw()
      .with.property('message')
      .not.contain('hunter2');
    const error = Object.assign(new Error('x'), { options: { secret, f: () => {} } });
    const got = deserialize(serialize(error)) as { options: string };
    expect(got.options).to.contain('cannot travel').and.not.contain('hunter2');
  });

  it('cannot be revealed by another object', () => {
    expect(Secret.prototype.reveal.call({} as Secret)).to.equal(undefined);
    expect(Object.create(secret).reveal()).to.equal(undefined);
  });
});
