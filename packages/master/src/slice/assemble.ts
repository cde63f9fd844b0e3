/**
 * Cuts text without moving what stays. Master only; pure.
 *
 * Invariant: what is kept stands at the line and column where it stood, so a source map of the
 * whole text holds for the slice. The one exception is a line on which two kept parts leave no
 * room for what must stand between them.
 */
import type { Range } from './reach.js';

/** Text that is written over what was blanked out. */
export interface Mark {
  readonly at: number;
  readonly text: string;
}

/** `text` with everything blanked out but the ranges `kept`, and with `marks` written over it. */
export function assemble(text: string, kept: readonly Range[], marks: readonly Mark[]): string {
  const parts = [
    ...mergeRanges(kept).map(({ start, end }) => ({ start, end, text: text.slice(start, end) })),
    ...marks.map((mark) => ({ start: mark.at, end: room(text, mark), text: mark.text })),
  ].sort((a, b) => a.start - b.start || a.end - b.end);
  let result = '';
  let done = 0;
  for (const [i, part] of parts.entries()) {
    result += blank(text.slice(done, part.start)) + part.text;
    done = Math.max(done, Math.min(part.end, parts[i + 1]?.start ?? part.end));
  }
  return result;
}

function blank(text: string): string {
  return text.replace(/[^\r\n\u2028\u2029]/g, ' ');
}

/** Where a mark ends: it replaces no line end. */
function room(text: string, { at, text: mark }: Mark): number {
  let end = at;
  while (end < at + mark.length && end < text.length && !/[\r\n\u2028\u2029]/.test(text[end]!))
    end++;
  return end;
}

function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (!last || range.start > last.end) merged.push({ start: range.start, end: range.end });
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
  }
  return merged;
}
