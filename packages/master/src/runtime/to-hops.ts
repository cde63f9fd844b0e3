/**
 * Runtimes for hops: a hop whose target is of another platform than itself asks for a Node, and gets it
 * piece by piece. One that was not sent to connect gets nothing, and each attempt one runtime: what a
 * hop can make this process fetch, hold and send is bounded by what the program has started.
 */

import { type Router as CoreRouter, handles } from '@kinetin/core';
import { type GetRuntime, loadRuntime, type Runtime } from '@kinetin/core/parent';

/** An attempt that a hop makes. */
interface Attempt {
  readonly hop: number;
  /** What to do when it is over; undefined from then on. */
  ends: (() => void)[] | undefined;
  /** Whether it has asked. */
  isServed: boolean;
}

const REFUSAL =
  'the master gives a Node of another platform only for a context that the program itself has started';
/** A hop is told at most so often that a download moves, in ms: its own deadline is a multiple. */
const NEWS_INTERVAL_MS = 1000;
/**
 * Of a compressed piece, what a hop is told at once: each is progress for it, and a slow connection takes
 * long for a piece. It leaves without waiting for credit.
 */
const PART_BYTES = 196_512;

export class RuntimesForHops {
  readonly #core: CoreRouter;
  readonly #getRuntime: GetRuntime;
  readonly #module: Buffer;
  /** By the id of the child to be. */
  readonly #attempts = new Map<number, Attempt>();

  /** `module` is the hash of the bundle `runtime`, which a hop that asks has loaded. */
  constructor(core: CoreRouter, getRuntime: GetRuntime, module: string) {
    this.#core = core;
    this.#getRuntime = getRuntime;
    this.#module = Buffer.from(module, 'hex');
    core.listen(
      {
        onMessage: (message) => {
          const asked = core.decode(message);
          const [id, platform, arch] = Array.isArray(asked) ? asked : [];
          const attempt = this.#attempts.get(id);
          const isQuestion = typeof platform === 'string' && typeof arch === 'string';
          if (attempt?.hop !== message.source || attempt.isServed || !isQuestion) {
            return core.replyDead(message, 'ERR_REFUSED', REFUSAL);
          }
          attempt.isServed = true;
          core.reply(message, core.encode(undefined));
          void this.#serve(attempt, id, platform, arch);
        },
      },
      handles.GET_RUNTIME,
    );
  }

  /** Context `hop` may ask for a runtime for `id`, until what is returned is called. */
  expect(id: number, hop: number): () => void {
    const attempt: Attempt = { hop, ends: [], isServed: false };
    this.#attempts.set(id, attempt);
    return () => {
      this.#attempts.delete(id);
      const { ends = [] } = attempt;
      attempt.ends = undefined;
      for (const end of ends) end();
    };
  }

  async #serve(attempt: Attempt, id: number, platform: string, arch: string): Promise<void> {
    const tell = (name: string, ...args: unknown[]) => {
      const call = this.#core.encode([this.#module, [name], [id, ...args]]);
      return this.#core.request(attempt.hop, handles.CALL_MAIN, call, undefined, name);
    };
    // A hop that does not answer holds nothing here, once its attempt is over.
    const over = new Promise<never>((_, reject) => {
      attempt.ends?.push(() => reject(new Error('the attempt is over')));
    });
    over.catch(() => {
      // Nobody may wait at that moment.
    });
    const ask: typeof tell = (...words) =>
      attempt.ends ? Promise.race([tell(...words), over]) : over;
    try {
      await this.#send(await this.#fetch(attempt, platform, arch, tell), ask);
    } catch (error) {
      // The hop knows, and what it has asked for may be for others by now.
      if (!attempt.ends) return;
      tell('refuseRuntime', (error as Error).message).catch(() => {
        // The hop is gone, and the attempt with it.
      });
    }
  }

  #fetch(
    attempt: Attempt,
    platform: string,
    arch: string,
    tell: (name: string) => Promise<unknown>,
  ): Promise<Runtime> {
    let told = 0;
    const onProgress = () => {
      if (Date.now() - told < NEWS_INTERVAL_MS) return;
      told = Date.now();
      tell('runtimeMoves').catch(() => {
        // As above.
      });
    };
    const onEnd = (end: () => void) => {
      if (attempt.ends) attempt.ends.push(end);
      else end();
    };
    return this.#getRuntime(platform, arch, { onProgress, onEnd });
  }

  /** One piece is under way while the next is compressed. Ends when the hop wants no more. */
  async #send(
    { description, files }: Runtime,
    tell: (name: string, ...args: unknown[]) => Promise<unknown>,
  ): Promise<void> {
    const { getPiece, hashFile, PIECE_BYTES, usePieces } = await loadRuntime();
    const news = files.map(async (file) => [file.name, file.size, await hashFile(file)]);
    await tell('offerRuntime', description, await Promise.all(news));
    const release = usePieces();
    try {
      let isWanted: Promise<unknown> = Promise.resolve(true);
      for (const file of files) {
        for (let at = 0; at < file.size; at += PIECE_BYTES) {
          const piece = await getPiece(file, at, true);
          if (!(await isWanted)) return;
          for (let from = 0; from < piece.length; from += PART_BYTES) {
            const end = from + PART_BYTES;
            const part = piece.subarray(from, end);
            isWanted = tell('takePiece', file.name, at, part, from, end >= piece.length);
            isWanted.catch(() => {
              // What fails one fails the last, which is awaited in the next turn, or below.
            });
          }
        }
      }
      await isWanted;
    } finally {
      release();
    }
  }
}
