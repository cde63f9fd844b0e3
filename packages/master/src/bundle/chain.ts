/** By which imports a file came into a bundle, for people. Master only; pure. */
import type { Metafile } from 'esbuild';
import { withoutMark } from './entry.js';

/** The shortest way by imports among files of `used`, from one that none of these imports to `end`. */
export function importChain(
  inputs: Metafile['inputs'],
  used: readonly string[],
  end: string,
): string[] {
  const chain = [end];
  for (const target of chain) {
    const importer = used.find((path) => {
      const imports = inputs[path]?.imports ?? [];
      return !chain.includes(path) && imports.some((one) => one.path === target);
    });
    if (importer !== undefined) chain.push(importer);
  }
  const names = chain.reverse().map(withoutMark);
  // The text of an entry stands for the file that it imports.
  return names.filter((name, i) => name !== names[i - 1]);
}
