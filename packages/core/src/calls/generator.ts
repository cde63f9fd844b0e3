/**
 * Generators that run in a context: the caller has their methods, each of which is a call.
 */

/** A generator that a call has returned, as it travels: it stays where it runs. */
export class GeneratorReference {
  /** Names it to its context. */
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }
}

/** Calls a method of the generator there. */
export type GeneratorStep = (
  method: 'next' | 'return' | 'throw',
  value: unknown,
) => Promise<IteratorResult<unknown>>;

/**
 * The generator, as its caller iterates it: one item is on its way at a time. Leaving the loop ends
 * the generator there.
 */
export class RemoteGenerator implements AsyncGenerator<unknown, unknown, unknown> {
  private readonly _step: GeneratorStep;
  /** Whether it has ended: nothing is asked of it any more. */
  private _isDone = false;

  constructor(step: GeneratorStep) {
    this._step = step;
  }

  next(value?: unknown): Promise<IteratorResult<unknown>> {
    return this._take('next', value, undefined);
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    return this._take('return', value, value);
  }

  async throw(error: unknown): Promise<IteratorResult<unknown>> {
    if (this._isDone) throw error;
    return this._take('throw', error, undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  private async _take(
    method: 'next' | 'return' | 'throw',
    value: unknown,
    last: unknown,
  ): Promise<IteratorResult<unknown>> {
    if (this._isDone) return { done: true, value: await last };
    try {
      const item = await this._step(method, value);
      this._isDone ||= item.done === true;
      return item;
    } catch (error) {
      this._isDone = true;
      throw error;
    }
  }
}
