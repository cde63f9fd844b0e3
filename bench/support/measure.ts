/**
 * Runs what is compared in turns, A B A B, so that a machine that gets slower or faster meanwhile does
 * so for all; medians, so that a moment of other work does not count.
 */

/** Does something once and says what it took: the unit is its own. */
export type Sample = () => Promise<number>;

export interface InterleaveOptions {
  /** Samples of each that count. */
  rounds: number;
  /** Samples of each before that, which do not count: caches fill, code is compiled. */
  warmUps?: number;
}

/** The median of what each of `samples` took. */
export async function interleave<Name extends string>(
  samples: Partial<Record<Name, Sample>>,
  { rounds, warmUps = 1 }: InterleaveOptions,
): Promise<Record<Name, number>> {
  const entries = Object.entries(samples) as [Name, Sample][];
  const taken = new Map<Name, number[]>(entries.map(([name]) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const [name, sample] of entries) {
      const value = await sample();
      if (round >= 0) taken.get(name)!.push(value);
    }
  }
  const medians = [...taken].map(([name, values]) => [name, median(values)]);
  return Object.fromEntries(medians) as Record<Name, number>;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `share` of all are; between two of them, their mix. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** How long `action` takes, in milliseconds. */
export async function milliseconds(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** How long one `action` takes: the median of `count`, one after another. */
export async function medianMicroseconds(
  count: number,
  action: () => Promise<unknown>,
): Promise<number> {
  const taken: number[] = [];
  while (taken.length < count) taken.push(await milliseconds(action));
  return median(taken) * 1000;
}
