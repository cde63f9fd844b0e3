/**
 * Pushed: part of the `context` bundle; npm has it too.
 *
 * Mistakes in what a user has passed in: found at the public edge, before anything is done.
 */

/** `message` reads "what is wrong: why; what to do". */
export function invalidArgument(message: string, cause?: unknown): TypeError & { code: string } {
  const error = new TypeError(message);
  if (cause !== undefined) {
    Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
  }
  return Object.assign(error, { code: 'ERR_INVALID_ARG' });
}

/** A wrong value, as code has it. */
export const shown = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : String(value);

/** What `typeof` says of the values of each option; empty where that is checked elsewhere. */
export type OptionTypes<Options> = {
  readonly [Name in keyof Required<Options>]:
    | 'string'
    | 'number'
    | 'boolean'
    | 'object'
    | 'function'
    | '';
};

/**
 * Throws a TypeError with the code ERR_INVALID_ARG where `options` is no object, has an option that is
 * not in `types`, or one of another type; undefined is of every type. `what` takes the options, as
 * people call it.
 */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  types: OptionTypes<Options>,
): void {
  if (typeof options !== 'object' || !options) {
    throw invalidArgument(`${what} takes an object with options, not ${String(options)}`);
  }
  const names = Object.keys(types) as (keyof Options & string)[];
  for (const name of Object.keys(options) as typeof names) {
    if (!names.includes(name)) {
      const near =
        names.find((known) => isSame(known, name)) || names.find((known) => isNear(known, name));
      const hint = near ? `did you mean ${near}?` : `it has ${names.join(', ')}`;
      throw invalidArgument(`${what} has no option ${name}; ${hint}`);
    }
    const type = types[name];
    const value = options[name];
    const isOther = value === null || typeof value !== type;
    if (type && value !== undefined && isOther) {
      const given = value === null ? 'null' : typeof value;
      throw invalidArgument(`${what}: ${name} must be of type ${type}, not ${given}`);
    }
  }
}

const isSame = (known: string, name: string): boolean => known.toLowerCase() === name.toLowerCase();

/** One begins or ends with the other, or their first four letters are the same. */
function isNear(known: string, name: string): boolean {
  const [one, other] = [known.toLowerCase(), name.toLowerCase()].sort(
    (a, b) => a.length - b.length,
  ) as [string, string];
  return (
    one.slice(0, 4) === other.slice(0, 4) ||
    (one.length > 3 && (other.startsWith(one) || other.endsWith(one)))
  );
}
