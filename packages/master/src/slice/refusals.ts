/** Why a function cannot travel, in words. Master only. */
import { SliceError } from '../errors.js';
import type { Unlocated } from './inspect.js';
import { describeOrigin, type Origins } from './origin.js';
import type { Obstacle } from './reach.js';

// biome-ignore lint/complexity/noBannedTypes: any function at all
type AnyFunction = Function;

export function nameOf(fn: AnyFunction): string {
  return typeof fn.name === 'string' && fn.name !== '' ? fn.name : 'an unnamed function';
}

const UNLOCATED: Record<Unlocated['kind'], string> = {
  bound: 'a bound function, and what it is bound to does not travel; send the function itself',
  proxy: 'a proxy, and its traps do not travel; send a plain function',
  native: 'native code without a name in any loaded module; send a function that calls it',
};

export function notLocated(fn: AnyFunction, kind: Unlocated['kind']): SliceError {
  return notCallable(nameOf(fn), UNLOCATED[kind]);
}

export function notCallable(what: string, reason: string): SliceError {
  return new SliceError('ERR_NOT_CALLABLE', `cannot send ${what}: it is ${reason}`);
}

const REASONS: Record<Obstacle['reason'], string> = {
  enclosing: 'of the code around it, which does not travel',
  awaits: 'whose value comes from an await at the top level',
  changed: 'which a top-level statement changes that does other things too',
};

export function freeIdentifiers(
  what: string,
  obstacles: readonly Obstacle[],
  origins: Origins,
): SliceError {
  const identifiers = obstacles.map(({ name, offset }) => ({ name, ...origins.at(offset) }));
  const uses = Object.entries(REASONS).flatMap(([reason, words]) => {
    const those = obstacles.filter((obstacle) => obstacle.reason === reason);
    const names = those.map(
      ({ name, offset }) => `${name} (${describeOrigin(origins.at(offset))})`,
    );
    return names.length > 0 ? [`${names.join(', ')} ${words}`] : [];
  });
  const advice = 'pass values as arguments, and declare functions at the top level of a file';
  const message = `cannot send ${what}: it uses ${uses.join(', and ')}; ${advice}`;
  return new SliceError('ERR_FREE_IDENTIFIER', message, identifiers);
}
