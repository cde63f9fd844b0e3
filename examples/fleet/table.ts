/** How the fleet report looks on a terminal: a table of the hosts, and the tree of contexts. */
import type { TreeNode } from '@kinetin/master';
import type { Disk, HostReport } from './report.js';

/** A host's line: its report, or why there is none. */
export interface Row {
  name: string;
  via: string;
  /** From the call of `router.ssh` to the answer. */
  milliseconds: number;
  outcome: { report: HostReport } | { reason: string };
}

const HEADINGS = ['host', 'via', 'name', 'node', 'load', 'free on /', 'up', 'first result'];

/** A failed host's reason takes the place of all that is not known of it. */
export function formatTable(rows: readonly Row[]): string {
  const known = rows.map((row) => ('report' in row.outcome ? cells(row, row.outcome.report) : []));
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...known.map((cell) => cell[column]?.length ?? 0)),
  );
  for (const { name, via } of rows) {
    widths[0] = Math.max(widths[0]!, name.length);
    widths[1] = Math.max(widths[1]!, via.length);
  }
  const line = (cell: readonly string[]) =>
    cell
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  const lines = rows.map((row, i) =>
    'reason' in row.outcome
      ? line([row.name, row.via, `failed: ${row.outcome.reason}`])
      : line(known[i]!),
  );
  return [line(HEADINGS), line(widths.map((width) => '-'.repeat(width))), ...lines].join('\n');
}

function cells({ name, via, milliseconds }: Row, report: HostReport): string[] {
  return [
    name,
    via,
    report.hostName,
    report.nodeVersion,
    report.load.toFixed(2),
    formatDisk(report.disk),
    formatDays(report.uptimeSeconds),
    `${Math.round(milliseconds)} ms`,
  ];
}

function formatDisk({ freeBytes, totalBytes }: Disk): string {
  return `${gigabytes(freeBytes)} of ${gigabytes(totalBytes)} GB`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

function formatDays(seconds: number): string {
  return `${(seconds / 86_400).toFixed(1)} d`;
}

/** One line for each context, children below their parent. */
export function formatTree(root: TreeNode): string {
  return [describe(root, ''), ...branches(root, '', '')].join('\n');
}

/** The lines of a node's children. `path` begins their names, which say where they are. */
function branches({ children }: TreeNode, indent: string, path: string): string[] {
  return children.flatMap((child, i) => {
    const isLast = i === children.length - 1;
    return [
      `${indent}${isLast ? '└─ ' : '├─ '}${describe(child, path)}`,
      ...branches(child, `${indent}${isLast ? '   ' : '│  '}`, `${child.name}.`),
    ];
  });
}

function describe({ name, method, pid, nodeVersion, roundTripMs }: TreeNode, path: string): string {
  const away = roundTripMs === undefined ? 'no answer' : `${roundTripMs.toFixed(1)} ms away`;
  const state = pid === undefined ? 'connecting' : `pid ${pid}, Node ${nodeVersion}, ${away}`;
  return `${name.slice(path.length)} (${method}, ${state})`;
}
