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
  readonly #step: GeneratorStep;
  /** Whether it has ended: nothing is asked of it any more. */
  #isDone = false;

  constructor(step: GeneratorStep) {
    this.#step = step;
  }

  next(value?: unknown): Promise<IteratorResult<unknown>> {
    return this.#take('next', value, undefined);
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    return this.#take('return', value, value);
  }

  async throw(error: unknown): Promise<IteratorResult<unknown>> {
    if (this.#isDone) throw error;
    return this.#take('throw', error, undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #take(
    method: 'next' | 'return' | 'throw',
    value: unknown,
    last: unknown,
  ): Promise<IteratorResult<unknown>> {
    if (this.#isDone) return { done: true, value: await last };
    try {
      const item = await this.#step(method, value);
      this.#isDone ||= item.done === true;
      return item;
    } catch (error) {
      this.#isDone = true;
      throw error;
    }
  }
}
