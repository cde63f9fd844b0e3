/**
 * Pushed: part of the core, in every context.
 *
 * A value that must not be printed: travels like its text, shows as a fixed word everywhere else.
 */

const values = new WeakMap<Secret, string>();

/** Hides a text from logs, traces, errors and JSON. */
export class Secret {
  constructor(value: string) {
    values.set(this, value);
  }

  /** The text itself: the only way to it. */
  reveal(): string {
    return values.get(this) as string;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
