/**
 * Pushed: part of the core, in every context.
 *
 * The error classes. Each instance has a `code` that a program can test; docs/errors.md explains
 * every code. A message reads "what failed: why; what to do". Instances are made where they are
 * thrown, never shared, so that their stacks tell the truth.
 */

export class KinetinError extends Error {
  /** What went wrong, as a stable string: see docs/errors.md. */
  readonly code: string;

  /** Own properties of `details` become own properties of the error. */
  constructor(name: string, code: string, message: string, details?: object) {
    super(message);
    // Not a class field: a subclass's name must survive minification, and stay off the own keys.
    Object.defineProperty(this, 'name', { value: name, configurable: true, writable: true });
    this.code = code;
    Object.assign(this, details);
  }
}

/**
 * Bytes that are not as the protocol wants them. In frames they close the stream that they came in on,
 * in one message they fail that message; nothing else is touched.
 */
export class ProtocolError extends KinetinError {
  constructor(code: string, message: string) {
    super('ProtocolError', code, message);
  }
}

/** A message reached nobody: there is no such context or handle, it was refused, or it was lost. */
export class DeadLetterError extends KinetinError {
  /** Of a call: the context that was called, as in `bastion.web1`. */
  declare context?: string;

  constructor(code: string, message: string) {
    super('DeadLetterError', code, message);
  }
}

/** A value cannot travel. `path` names it, as in `args[0].socket`. */
export class SerializeError extends KinetinError {
  declare readonly path: string;

  constructor(message: string, path: string) {
    super('SerializeError', 'ERR_NOT_SERIALIZABLE', message, { path });
  }
}

/** A module could not be had or run in a context. */
export class ModuleError extends KinetinError {
  constructor(code: string, message: string) {
    super('ModuleError', code, message);
  }
}
