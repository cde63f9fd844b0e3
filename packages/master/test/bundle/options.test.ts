import { expect } from 'chai';
import { Router } from '../../src/router.js';

describe('bundle/options', () => {
  const plugin = { name: 'plugin', setup() {} };

  it('takes all that makes sense, also nothing', () => {
    for (const bundle of [
      undefined,
      {},
      { external: undefined, allow: undefined, deny: undefined, plugins: undefined },
      { external: [], allow: [], deny: [], plugins: [], loader: {} },
      { external: ['better-sqlite3', '@img/*', '@scope', '*', 'pg/lib/client', 'pg/'] },
      { deny: ['aws-sdk', '@aws-sdk', '.', './package.json', new URL(import.meta.url)] },
      {
        allow: [import.meta.filename, import.meta.url, import.meta.filename.replace('.ts', '.js')],
      },
      { plugins: [plugin, plugin], loader: { '.sql': 'text', '.d.wasm': 'binary' } },
    ] as const) {
      expect(() => new Router({ bundle } as object)).not.to.throw();
    }
  });

  const NAMES = 'give them as imports have them, such as "better-sqlite3" or "@img/*"';
  const PLUGINS =
    'bundle.plugins takes plugins of esbuild: objects with a name and a setup function';
  const WRONG: [bundle: unknown, message: string][] = [
    [null, 'the option bundle takes an object with options, not null'],
    [true, 'the option bundle takes an object with options, not true'],
    [{ externals: [] }, 'the option bundle has no option externals; did you mean external?'],
    [{ external: 'pg' }, 'bundle.external must be an array, not string'],
    [{ external: null }, 'bundle.external must be an array, not null'],
    [{ deny: new Set() }, 'bundle.deny must be an array, not object'],
    [{ deny: null }, 'bundle.deny must be an array, not null'],
    [{ allow: null }, 'bundle.allow must be an array, not null'],
    ...['./pg', '/pg', '', '.pg', 'node:fs', 'a b', 'C:\\pg', '#pg', 5, undefined, null].map(
      (name): [unknown, string] => [
        { external: [name] },
        `bundle.external takes names of packages, not ${typeof name === 'string' ? JSON.stringify(name) : name}; ${NAMES}`,
      ],
    ),
    [{ deny: ['node:fs'] }, `bundle.deny takes names of packages, not "node:fs"; ${NAMES}`],
    [{ deny: ['~/keys'] }, `bundle.deny takes names of packages, not "~/keys"; ${NAMES}; paths`],
    [{ deny: [new URL('http://a/b')] }, 'bundle.deny takes names of packages, not http://a/b'],
    [
      { deny: ['packages/master'] },
      'bundle.deny: there is no such package, but a file or folder "packages/master"; write it as "./packages/master"',
    ],
    [
      { allow: ['docs'] },
      'bundle.allow: there is no such package, but a file or folder "docs"; write it as "./docs"',
    ],
    [
      { deny: ['./no-such'] },
      'bundle.deny: there is no file or folder "./no-such"; correct the path; a package goes by its name',
    ],
    [
      { allow: ['/no/such/*'] },
      'bundle.allow: there is no file or folder "/no/such/*"; correct the path; a package goes by its name',
    ],
    [{ plugins: plugin }, 'bundle.plugins must be an array, not object'],
    [{ plugins: [undefined] }, PLUGINS],
    [{ plugins: [{ name: '', setup() {} }] }, PLUGINS],
    [{ plugins: [() => plugin] }, PLUGINS],
    [{ loader: 'text' }, 'the option bundle: loader must be of type object, not string'],
    ...['sql', '', '.', 'a.sql', '*.sql', '.sql/', '..sql'].map((ending): [unknown, string] => [
      { loader: { [ending]: 'text' } },
      `bundle.loader has "${ending}", which is no ending of file names; write it as { ".sql": "text" }`,
    ]),
    ...[null, 5, 'string', 'toString', ''].map((loader): [unknown, string] => [
      { loader: { '.sql': loader } },
      `bundle.loader: ".sql" cannot be read with ${typeof loader === 'string' ? JSON.stringify(loader) : loader}: ` +
        'take one of base64, binary, dataurl, empty, js, json, jsx, text, ts, tsx',
    ]),
    [
      { loader: { '.bin': 'file' } },
      'bundle.loader: ".bin" cannot be read with "file": it gives the path of a file, which stays on this machine; take "binary" or "text"',
    ],
    [
      { loader: { '.node': 'binary' } },
      'bundle.loader: native addons do not travel (.node); install the package where it is needed and name it in bundle.external',
    ],
  ];

  for (const [bundle, message] of WRONG) {
    it(`refuses with ERR_INVALID_ARG: ${message}`, () => {
      expect(() => new Router({ bundle } as object))
        .to.throw(TypeError, message)
        .with.property('code', 'ERR_INVALID_ARG');
    });
  }

  it('is read once: what becomes of the lists later changes nothing', () => {
    const external: string[] = ['pg'];
    const plugins = [plugin];
    const router = new Router({ bundle: { external, plugins } });
    expect(() => {
      external.push('./wrong');
      plugins.push(undefined as never);
    }).not.to.throw();
    expect(router).to.be.instanceOf(Router);
  });
});
