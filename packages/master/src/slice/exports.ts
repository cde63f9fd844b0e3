/**
 * CommonJS exports as names: `exports.x` for a member, `exports.*` for the object itself. Compiled
 * code refers to its own exports this way: `(0, exports.helper)()`. Master only; pure.
 */
import type { AnyNode } from 'acorn';

export const ALL_EXPORTS = 'exports.*';

/** The name that `exports`, `module.exports` or a member of it stands for; undefined for others. */
export function exportName(node: AnyNode): string | undefined {
  if (node.type === 'Identifier') return node.name === 'exports' ? ALL_EXPORTS : undefined;
  if (node.type !== 'MemberExpression') return undefined;
  const key = memberKey(node);
  if (key === undefined) return undefined;
  if (node.object.type === 'Identifier' && node.object.name === 'module') {
    return key === 'exports' ? ALL_EXPORTS : undefined;
  }
  return exportName(node.object) === ALL_EXPORTS ? `exports.${key}` : undefined;
}

export function isExportName(name: string): boolean {
  return name.startsWith('exports.');
}

function memberKey(node: AnyNode & { type: 'MemberExpression' }): string | undefined {
  if (!node.computed) return node.property.type === 'Identifier' ? node.property.name : undefined;
  return node.property.type === 'Literal' ? String(node.property.value) : undefined;
}
