/** What the public edge says to those who pass in what makes no sense. */

import { hostname } from 'node:os';
import {
  type Context,
  Router,
  Select,
  Service,
  type ServiceClass,
  thisContext,
} from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';

const isInvalid = (error: unknown, message: RegExp) => {
  expect(error).to.be.instanceOf(TypeError).and.have.property('code', 'ERR_INVALID_ARG');
  expect((error as Error).message).to.match(message);
};

class NotServed extends Service {
  static readonly serviceName = 'not-served';
  static readonly exposed = {};
}

/** As user code in a context meets it. */
function misuseThere(): string[] {
  const { router } = thisContext();
  const uses: (() => unknown)[] = [
    () => router.local({ nam: 'x' } as object),
    () => router.local({ via: 5 } as object),
    () => router.receiver({ policy: 'all' } as object),
    () => router.channel({ once: true } as object),
  ];
  return uses.map((use) => {
    try {
      use();
    } catch (error) {
      return `${(error as { code?: string }).code}: ${(error as Error).message}`;
    }
    return 'it was taken';
  });
}

describe('misuse', () => {
  let router: Router;
  let context: Context;
  before(async () => {
    router = new Router({ onLog: () => {} });
    context = await router.local({ name: 'c' });
  });
  after(() => router.shutdown());

  describe('is refused, and said how to mend,', () => {
    const USES: [what: string, use: () => unknown, message: RegExp][] = [
      ['unknown option of Router', () => new Router({ onlog: 1 } as object), /mean onLog\?/],
      ['onLog that is no function', () => new Router({ onLog: 'x' as never }), /onLog must be/],
      ['unknown option of local', () => router.local({ nam: 'x' } as object), /it has name, via/],
      [
        'unknown option of ssh',
        () => router.ssh({ hostname: 'x', prot: 22 } as never),
        /router\.ssh has no option prot; it has .*hostname, port/,
      ],
      [
        'option of local in another case',
        () => router.local({ workthreads: 4 } as object),
        /did you mean workThreads\?/,
      ],
      ['ssh without options', () => router.ssh(undefined as never), /takes an object with options/],
      ['name', () => router.local({ name: 5 as never }), /name must be of type string/],
      ['node', () => router.local({ node: 5 as never }), /node must be of type string/],
      ['title', () => router.local({ title: 5 as never }), /title must be of type string/],
      ['connectTimeout', () => router.local({ connectTimeout: '5' as never }), /of type number/],
      ['unidirectional', () => router.local({ unidirectional: 'no' as never }), /of type boolean/],
      ['lendAuthority', () => router.local({ lendAuthority: 1 as never }), /of type boolean/],
      ['heartbeat', () => router.local({ heartbeat: true as never }), /heartbeat takes an object/],
      [
        'unknown part of heartbeat',
        () => router.local({ heartbeat: { interval: 5 } as object }),
        /did you mean intervalMs\?/,
      ],
      [
        'unknown stage',
        () => router.local({ stageTimeouts: { login: 5 } as object }),
        /stageTimeouts has no option login; it has resolve, .*host key.*ready/,
      ],
      [
        'time of a stage',
        () => router.local({ stageTimeouts: { node: -5 } }),
        /stageTimeouts\.node must be a number of ms, not -5/,
      ],
      ['via that is no context', () => router.local({ via: {} as never }), /via must be a context/],
      ['policy of a receiver', () => router.receiver({ policy: 'all' as never }), /not all/],
      ['respondent', () => router.receiver({ respondent: {} as never }), /must be a context/],
      ['window', () => router.receiver({ windowBytes: 1 }), /windowBytes must be a whole number/],
      ['option of a channel', () => router.channel({ once: true } as object), /no option once/],
      ['member of a select', () => new Select([context.call(hostname) as never]), /use callAsync/],
      ['option of a select', () => new Select([], { onshot: true } as object), /it has oneshot/],
      ['option of with', () => context.with({ timeOut: 5 } as object), /did you mean timeout\?/],
      ['grace', () => context.with({ grace: -1 }), /grace must be a number of ms, 0 or more/],
      ['name of a service', () => context.service(5 as never), /takes the class of a service/],
      ['empty name of a service', () => context.service(''), /takes the class of a service/],
      ['service that is a function', () => context.service((() => {}) as never), /the class of a/],
      ['service that is null', () => router.serve(null as never), /cannot serve null: it is no/],
      ['class to be served', () => router.serve(NotServed as never), /make one with new/],
    ];
    for (const [what, use, message] of USES) {
      it(what, () => {
        let thrown: unknown;
        try {
          use();
        } catch (error) {
          thrown = error;
        }
        isInvalid(thrown, message);
      });
    }

    for (const bytes of [0, 65_503, 65_536.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY]) {
      it(`maxMessageBytes of ${bytes}`, () => {
        expect(() => new Router({ maxMessageBytes: bytes }))
          .to.throw(TypeError, `maxMessageBytes must be a whole number`)
          .with.property('code', 'ERR_INVALID_ARG');
      });
    }

    for (const bytes of [0, 262_015, 262_016.5, 2 ** 26 + 1, Number.NaN]) {
      it(`maxWindowBytes of ${bytes}`, () => {
        expect(() => new Router({ maxWindowBytes: bytes }))
          .to.throw(
            TypeError,
            'maxWindowBytes must be a whole number from 262016 to 67108864, not ',
          )
          .with.property('code', 'ERR_INVALID_ARG');
      });
    }

    for (const address of ['', 'registry', 'ftp://registry', 'http://', '//registry/']) {
      it(`npmRegistry of ${JSON.stringify(address)}`, () => {
        expect(() => new Router({ npmRegistry: address }))
          .to.throw(TypeError, `npmRegistry must be an http or https address`)
          .with.property('code', 'ERR_INVALID_ARG');
      });
    }

    for (const blocks of [-1, 0.5, 4_294_968, Number.NaN, Number.POSITIVE_INFINITY]) {
      it(`maxIdBlocks of ${blocks}`, () => {
        expect(() => new Router({ maxIdBlocks: blocks }))
          .to.throw(TypeError, 'maxIdBlocks must be a whole number from 0 to 4294967, not ')
          .with.property('code', 'ERR_INVALID_ARG');
      });
    }

    it('the grace of a shutdown, which then does not begin', async () => {
      await using other = new Router();
      const wrong: [options: object, message: RegExp][] = [
        [{ grace: -1 }, /grace must be a number of ms, 0 to 2147483647, not -1/],
        [{ grace: 2 ** 31 }, /grace must be a number/],
        [{ grace: Number.NaN }, /grace must be a number/],
        [{ grace: '5' }, /grace must be of type number, not string/],
        [{ graceMs: 5 }, /did you mean grace\?/],
      ];
      for (const [options, message] of wrong) {
        isInvalid(await failure(other.shutdown(options)), message);
      }
      expect(await other.local().call(hostname)).to.equal(hostname());
    });

    it('a signal that is none', async () => {
      const controller = new AbortController() as never;
      const call = context.with({ signal: controller, timeout: 2 ** 30 }).call(hostname);
      isInvalid(await failure(call), /signal must be an AbortSignal/);
    });

    it('a timeout that is none, of what waits for many', async () => {
      isInvalid(await failure(router.tree({ timeout: 'x' as never })), /timeout must be a number/);
    });

    it('a via of another router', async () => {
      await using other = new Router();
      expect(() => other.local({ via: context })).to.throw(TypeError, /belongs to another router/);
    });

    it('what is called and is no function', async () => {
      const none = undefined as unknown as () => void;
      for (const call of [
        context.call(none),
        context.callNoReply(none),
        context.with({ timeout: 5000 }).call(none),
        context.callAsync(none).get(),
      ]) {
        expect(await failure(call)).to.include({ name: 'SliceError', code: 'ERR_NOT_CALLABLE' });
      }
    });

    it('in a context, too', async () => {
      const [unknown, ...others] = await context.call(misuseThere);
      expect(unknown).to.match(
        /^ERR_INVALID_ARG: router\.local has no option nam; it has name, via,/,
      );
      expect(others).to.deep.equal([
        'ERR_INVALID_ARG: router.local: via must be of type object, not number',
        "ERR_INVALID_ARG: policy must be 'above', 'anybody' or a function, not all",
        'ERR_INVALID_ARG: channel has no option once; it has policy, respondent, windowBytes',
      ]);
    });
  });

  it('leaves the smallest and the largest maxMessageBytes, with which logs and errors pass', async () => {
    const texts: string[] = [];
    const onLog = ({ text }: { text: string }) => void texts.push(text);
    await using small = new Router({ maxMessageBytes: 65_536, onLog });
    await using large = new Router({ maxMessageBytes: 2 ** 31 - 1 });
    const child = await small.local();
    // Characters of three bytes.
    const print = () => console.log('\u20ac'.repeat(20_000));
    await child.call(print);
    await child.callNoReply(() => {
      throw new Error('\u20ac'.repeat(70_000));
    });
    const error = await failure(
      child.call(() => {
        throw new Error('\u20ac'.repeat(70_000));
      }),
    );
    expect(error.code).to.equal('ERR_MESSAGE_TOO_LARGE');
    expect(await child.call(hostname)).to.equal(hostname());
    expect(texts.map(({ length }) => length)).to.deep.equal([16_384, 20_000 - 16_384, 16_384]);
    expect(await large.local().call(hostname)).to.equal(hostname());
  });

  describe('of a proxy of a service does no harm:', () => {
    const proxies = (): [string, Record<string, unknown>][] => [
      ['by its class', context.service(NotServed as ServiceClass)],
      ['by its name', context.service('nothing')],
    ];

    it('it is printed, written, joined and awaited without a call', async () => {
      const { inspect, format } = await import('node:util');
      const unhandled: unknown[] = [];
      const note = (reason: unknown) => void unhandled.push(reason);
      process.on('unhandledRejection', note);
      try {
        for (const [how, proxy] of proxies()) {
          const shown = inspect(proxy);
          expect(shown, how).to.match(/^Object \[service (not-served|nothing) in c\]/);
          expect(format('%s %o %j', proxy, proxy, proxy)).to.contain('service');
          expect(JSON.stringify({ proxy }), how).to.equal('{"proxy":{}}');
          expect(`${proxy}`, how).to.match(/^\[object service/);
          expect(Object.keys(proxy), how).to.deep.equal([]);
          expect({ ...proxy }).to.not.have.property('then');
          expect(proxy[Symbol.iterator as never], how).to.equal(undefined);
          expect(proxy.constructor, how).to.equal(Object);
          expect(await proxy, how).to.equal(proxy);
          expect(await Promise.all([proxy]), how).to.deep.equal([proxy]);
          expect(proxy instanceof Service, how).to.equal(false);
        }
        // Behind whatever has been sent.
        expect(await context.call(hostname)).to.equal(hostname());
        expect(unhandled).to.deep.equal([]);
      } finally {
        process.off('unhandledRejection', note);
      }
    });
  });
});
