/** Contexts that start contexts: a function that calls itself one level further down. */
import { type TreeNode, thisContext, withRouter } from '@kinetin/master';

/** Sorts by halves, each in a context of its own, down to so many levels. */
async function sort(items: number[], levels: number): Promise<number[]> {
  if (levels === 0 || items.length < 2) return items.sort((a, b) => a - b);
  const { router } = thisContext();
  const middle = Math.ceil(items.length / 2);
  const halves = [items.slice(0, middle), items.slice(middle)];
  const sorted = await Promise.all(
    halves.map((half, i) => router.local({ name: `half${i + 1}` }).call(sort, half, levels - 1)),
  );
  return merge(sorted as [number[], number[]]);
}

function merge([left, right]: [number[], number[]]): number[] {
  const merged: number[] = [];
  while (left.length > 0 && right.length > 0) {
    merged.push((left[0]! <= right[0]! ? left : right).shift()!);
  }
  return [...merged, ...left, ...right];
}

function print({ name, children }: TreeNode, depth = 0): void {
  console.log(`${'  '.repeat(depth)}${name}`);
  const byName = [...children].sort((a, b) => a.name.localeCompare(b.name));
  for (const child of byName) print(child, depth + 1);
}

await withRouter(async (router) => {
  const context = await router.local({ name: 'sorter' });
  console.log(await context.call(sort, [5, 3, 8, 1, 9, 2, 7, 4], 2));
  print(await router.tree());
});
