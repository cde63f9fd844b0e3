import { expect } from 'chai';
import {
  type ContextOptions,
  dockerTarget,
  resolveContextOptions,
} from '../../src/context/options.js';
import { MAX_WORK_THREADS } from '../../src/wire/limits.js';

const refuses = (options: object, message: RegExp) =>
  expect(() => resolveContextOptions(options as ContextOptions), JSON.stringify(options))
    .to.throw(TypeError, message)
    .with.property('code', 'ERR_INVALID_ARG');

describe('context/options', () => {
  it('has the defaults that docs/limits.md has', () => {
    const { title, ...resolved } = resolveContextOptions({});
    expect(title).to.match(/^kinetin:\w+@[\w.-]+:\d+$/);
    expect(resolved).to.deep.include({
      workThread: 'eager',
      timeoutMs: 30_000,
      stageTimeoutsMs: {
        resolve: 15_000,
        tcp: 15_000,
        'host key': 15_000,
        auth: 25_000,
        shell: 15_000,
        node: 15_000,
        bootstrap: 15_000,
        runtime: 30_000,
      },
      heartbeat: { intervalMs: 15_000, countMax: 3, silenceMs: 120_000 },
      unidirectional: false,
      lendAuthority: false,
    });
  });

  it('has no heartbeat where calls run on the main thread, unless it is asked for', () => {
    const none = { intervalMs: 0, countMax: 0, silenceMs: 0 };
    expect(resolveContextOptions({ workThread: 'none' }).heartbeat).to.deep.equal(none);
    expect(resolveContextOptions({ heartbeat: false }).heartbeat).to.deep.equal(none);
    expect(resolveContextOptions({ heartbeat: { intervalMs: 0 } }).heartbeat).to.deep.equal(none);
    const asked = resolveContextOptions({ workThread: 'none', heartbeat: { countMax: 9 } });
    expect(asked.heartbeat).to.deep.equal({ intervalMs: 15_000, countMax: 9, silenceMs: 120_000 });
  });

  it('takes as many work threads as have a number, and no others', () => {
    const threads = (workThreads: number) => resolveContextOptions({ workThreads }).workThreads;
    expect([1, 2, MAX_WORK_THREADS].map(threads)).to.deep.equal([undefined, 2, MAX_WORK_THREADS]);
    for (const workThreads of [-1, 0, 1.5, MAX_WORK_THREADS + 1, Number.NaN]) {
      refuses({ workThreads }, /workThreads must be an integer from 1 to 15/);
    }
  });

  it('takes times from their lowest to their highest, and no others', () => {
    for (const name of ['intervalMs', 'countMax', 'silenceMs']) {
      for (const value of [0, 2 ** 31 - 1]) {
        expect(() => resolveContextOptions({ heartbeat: { [name]: value } })).not.to.throw();
      }
      for (const value of [-1, 2 ** 31, Number.NaN]) {
        refuses({ heartbeat: { [name]: value } }, new RegExp(`heartbeat\\.${name} must be`));
      }
    }
    expect(resolveContextOptions({ connectTimeout: 1 }).timeoutMs).to.equal(1);
    for (const connectTimeout of [0, -1, Number.NaN]) {
      refuses({ connectTimeout }, /connectTimeout must be a number of ms above 0/);
    }
    const { stageTimeoutsMs } = resolveContextOptions({
      stageTimeouts: { node: 0, auth: undefined as never, ready: 7 },
    });
    expect(stageTimeoutsMs).to.include({ node: 0, auth: 25_000, ready: 7 });
    for (const node of [-1, Number.NaN])
      refuses({ stageTimeouts: { node } }, /stageTimeouts\.node/);
  });

  it('names what can be said instead of what was said', () => {
    refuses({ workThread: 'main' }, /must be 'eager', 'lazy' or 'none', not "main"/);
    refuses({ via: {} }, /via must be a context/);
    refuses(
      { heartbeat: { interval: 5 } },
      /heartbeat has no option interval; did you mean intervalMs/,
    );
  });

  it('wants a client for containers', () => {
    for (const docker of ['', [], [''], ['sudo', 5]]) {
      expect(() => dockerTarget({ container: 'web', docker: docker as string[] }))
        .to.throw(TypeError, 'docker must be the name of the client, or a list that begins with it')
        .with.property('code', 'ERR_INVALID_ARG');
    }
  });

  it('leaves nothing in a title that a shell or ps could take for more', () => {
    const titleOf = (title: string) => resolveContextOptions({ title }).title;
    expect(titleOf('-rm /; `x`')).to.equal('_rm_____x_');
    expect(titleOf('kinetin:me@host:5')).to.equal('kinetin:me@host:5');
  });
});
