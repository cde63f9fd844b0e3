/**
 * What the types of services accept and refuse when they are compiled: nothing here runs. A line that
 * is to be refused has `@ts-expect-error`, which fails where it is accepted.
 */

import { type Context, type Exposed, type Router, Service } from '@kinetin/master';

declare const context: Context;
declare const router: Router;

/** A compile error where the type of `value` is not exactly `Expected`. */
function is<Expected>() {
  return <Actual>(
    _value: Actual,
    ..._same: (<T>() => T extends Actual ? 1 : 2) extends <T>() => T extends Expected ? 1 : 2
      ? []
      : [expected: Expected]
  ): void => {};
}

class Store extends Service {
  static readonly serviceName = 'store';
  static readonly exposed = {
    get: { policy: 'anybody', args: ['string'] },
    put: { policy: ({ id }) => id === 1, args: ['string', 'any', 'number?'] },
    list: { policy: 'above' },
    log: { policy: 'above', args: ['string'], noReply: true },
    pick: { policy: 'above', args: [(value) => value === 'a' || value === 'b'] },
    onEach: { policy: 'above', args: ['any'] },
  } satisfies Exposed<Store>;

  get(key: string): Map<string, number> | undefined {
    return key === '' ? undefined : new Map();
  }
  async put(_key: string, _value: unknown, _ttl?: number): Promise<boolean> {
    return true;
  }
  list(): string[] {
    return [];
  }
  log(_text: string): number {
    return 1;
  }
  pick(_which: 'a' | 'b'): void {}
  onEach(_callback: () => void): void {}
  hidden(): void {}
}

// --- The calling side

const store = context.service(Store);
is<Promise<Map<string, number> | undefined>>()(store.get('a'));
is<Promise<boolean>>()(store.put('a', { b: 1 }, 5));
is<Promise<string[]>>()(store.list());
is<Promise<void>>()(store.log('text'));
store.pick('a');
// @ts-expect-error: not of the type of the parameter
store.get(5);
// @ts-expect-error: an argument is missing
store.put('a');
// @ts-expect-error: not of the type of the parameter
store.pick('c');
// @ts-expect-error: not exposed
store.hidden();
// @ts-expect-error: nor is what the base class has
store.onStop();
// @ts-expect-error: functions stay here
store.onEach(() => {});

is<Promise<string[]>>()(context.with({ timeout: 5 }).service<typeof Store>('store').list());
// @ts-expect-error: the name of another
context.service<typeof Store>('stores');
// @ts-expect-error: no service
context.service(Map);

router.serve(new Store());
router.unserve(Store);
router.unserve('store');
// @ts-expect-error: the class, not an instance
router.serve(Store);

// --- What is exposed

class Shape {
  text(_text: string): void {}
  none(): void {}
  readonly field = 1;
}

export const checks = [
  { text: { policy: 'anybody', args: ['string'] }, none: { policy: 'above', args: [] } },
] satisfies Exposed<Shape>[];
// @ts-expect-error: no policy
export const a = { text: { args: ['string'] } } satisfies Exposed<Shape>;
// @ts-expect-error: no such policy
export const b = { none: { policy: 'everybody' } } satisfies Exposed<Shape>;
// @ts-expect-error: another type than the parameter has
export const c = { text: { policy: 'above', args: ['number'] } } satisfies Exposed<Shape>;
// @ts-expect-error: the parameter cannot be left out
export const d = { text: { policy: 'above', args: ['string?'] } } satisfies Exposed<Shape>;
// @ts-expect-error: nothing said of the parameter
export const e = { text: { policy: 'above' } } satisfies Exposed<Shape>;
// @ts-expect-error: more than there are parameters
export const f = { none: { policy: 'above', args: ['string'] } } satisfies Exposed<Shape>;
// @ts-expect-error: no method
export const g = { field: { policy: 'above' } } satisfies Exposed<Shape>;
// @ts-expect-error: no member at all
export const h = { play: { policy: 'above' } } satisfies Exposed<Shape>;
