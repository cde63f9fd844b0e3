/** Rows that set a figure beside that of each peer that is installed. */

import type { Measured } from './table.js';
import type { PeerName } from './yardsticks.js';

export function versus(
  name: string,
  unit: string,
  value: number,
  medians: Partial<Record<PeerName, number>>,
): Measured[] {
  return (['execnet', 'mitogen'] as const).flatMap((yardstick) => {
    const yardstickValue = medians[yardstick];
    if (yardstickValue === undefined) return [];
    return [{ name: `${name}-vs-${yardstick}`, value, unit, yardstick, yardstickValue }];
  });
}
