/**
 * The contexts that are known somewhere: one object for each, whoever speaks of it.
 */

import { CONTEXT, type Endpoints, OF_ANOTHER_ROUTER } from '../wire/endpoints.js';
import { MAX_NAME_CHARS } from '../wire/limits.js';
import { printable } from '../wire/printable.js';
import { Context, NOBODY } from './context.js';

/** What Node 12 lacks: there, one who speaks of a context twice gets two objects. */
const { WeakRef: Weak, FinalizationRegistry: Registry } = globalThis as {
  WeakRef?: new <Value extends object>(value: Value) => { deref(): Value | undefined };
  FinalizationRegistry?: new (
    forget: (id: number) => void,
  ) => { register(value: object, id: number): void };
};

export class Contexts<Known extends Context = Context> {
  /** Those that were started, until they are lost. */
  private _byId: Map<number, Known> = new Map();
  /** Those that somebody has only spoken of, who may have made them up: as long as they are used. */
  private _heardOf: Map<number, { deref(): Known | undefined }> = new Map();
  private _unused = Registry && new Registry((id) => this._forget(id));

  /** `make` makes the object for a context that was not known. */
  constructor(private _make: (id: number, name: string) => Known) {}

  get(id: number): Known | undefined {
    return this._byId.get(id);
  }

  add(context: Known): void {
    this._byId.set(context.id, context);
  }

  /** It is lost: its id is never used again. */
  remove(id: number): void {
    this._byId.delete(id);
    this._heardOf.delete(id);
  }

  all(): Known[] {
    return [...this._byId.values()];
  }

  /** The context of a message, or of a value: the known one where it is known. */
  find(id: number, name: string): Known {
    const known = this._byId.get(id) || this._heardOf.get(id)?.deref();
    if (known) return known;
    const context = this._make(id, printable(name).slice(0, MAX_NAME_CHARS));
    if (Weak && this._unused) {
      this._heardOf.set(id, new Weak(context));
      this._unused.register(context, id);
    }
    return context;
  }

  private _forget(id: number): void {
    // Another one may have taken its place meanwhile.
    if (!this._heardOf.get(id)?.deref()) this._heardOf.delete(id);
  }
}

/** Lets contexts be arguments and results. Instances of `types` are contexts, or have one. */
export function installContextEndpoint(
  endpoints: Endpoints,
  contexts: Contexts,
  types: readonly { prototype: { readonly origin: Context } }[] = [Context],
): void {
  for (const type of types) {
    endpoints.travels(type, CONTEXT, ({ origin: { id, name, caller } }) => {
      if (caller.host.core.codec !== endpoints) throw new TypeError(OF_ANOTHER_ROUTER);
      if (id === NOBODY) {
        throw new TypeError('that it has no id yet; await the context before you pass it on');
      }
      return [id, name];
    });
  }
  endpoints.arrives(CONTEXT, (plain) => {
    const [id, name] = Array.isArray(plain) ? plain : [];
    if (!Number.isInteger(id) || id < 0 || id >= NOBODY || typeof name !== 'string') {
      throw new TypeError('a context has no id or no name');
    }
    return contexts.find(id, name);
  });
}
