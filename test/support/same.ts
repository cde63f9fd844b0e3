/** Whether what came out is what went in, down to types, identities and order. */

/**
 * Whether two values have the same types, the same parts in the same order, and the same identities
 * among their objects. Views count by what they show, not by the memory behind.
 */
export function isSame(a: unknown, b: unknown, pairs = new Map<object, object>()): boolean {
  if (typeof a !== 'object' || a === null) return Object.is(a, b);
  if (typeof b !== 'object' || b === null) return false;
  if (pairs.has(a)) return pairs.get(a) === b;
  if ([...pairs.values()].includes(b)) return false;
  pairs.set(a, b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof ArrayBuffer) return Buffer.from(a).equals(Buffer.from(b as ArrayBuffer));
  if (a instanceof Error) {
    const [one, two] = [a, b as Error];
    const texts = ['name', 'message', 'stack'] as const;
    if (!texts.every((key) => one[key] === two[key])) return false;
    return 'cause' in one === 'cause' in two && isSame(one.cause, two.cause, pairs);
  }
  if (ArrayBuffer.isView(a)) return bytesOf(a).equals(bytesOf(b as ArrayBufferView));
  const parts = (value: object): [unknown, unknown][] =>
    value instanceof Map
      ? [...value]
      : value instanceof Set
        ? [...value].map((item) => [item, item])
        : Object.entries(value);
  const [ofA, ofB] = [parts(a), parts(b)];
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
  return (
    ofA.length === ofB.length &&
    ofA.every(([key, part], i) => isSame(key, ofB[i]![0], pairs) && isSame(part, ofB[i]![1], pairs))
  );
}

const bytesOf = (view: ArrayBufferView) =>
  Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
