/**
 * Checks docs/parity.md: every test that it names by file and title is there and is not skipped, every
 * row has a verdict, and none that claims something is without a test.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { report, root } from './files.js';

const DOCUMENT = 'docs/parity.md';

/** What a verdict says; true where a test must show it. */
const VERDICTS = new Map([
  ['here', true],
  ['better', true],
  ['not', false],
  ['n/a', false],
]);

interface Row {
  id: string;
  verdict: string;
  tests: { file: string; title: string }[];
}

const rows = readRows(readFileSync(join(root, DOCUMENT), 'utf8'));
const titlesOf = new Map<string, Set<string>>();

report(
  [...checkIds(), ...rows.flatMap(checkRow)],
  `the ${rows.length} rows of ${DOCUMENT} name tests that exist`,
);

/** Rows of tables whose first cell is a number, or a letter and a number. */
function readRows(text: string): Row[] {
  return [...text.matchAll(/^\| ([A-Z]?\d+) \|.*$/gm)].map(([line, id]) => {
    const cells = line.split(' | ');
    return { id: id!, verdict: cells[2] ?? '', tests: readTests(cells.at(-1)!) };
  });
}

/** Of `[name](../path.test.ts) "title", "title"; [name](...) "title"`. */
function readTests(cell: string): Row['tests'] {
  const groups = cell.matchAll(/\]\(([^)]+\.test\.ts)\)((?:,? "[^"]+")*)/g);
  return [...groups].flatMap(([, link, titles]) => {
    const file = posix.join(posix.dirname(DOCUMENT), link!);
    const named = [...titles!.matchAll(/"([^"]+)"/g)].map(([, title]) => ({ file, title: title! }));
    return named.length > 0 ? named : [{ file, title: '' }];
  });
}

/** A row that stands twice, or out of order, is a mistake of copying. */
function checkIds(): string[] {
  const place = (id: string) => Number(id.replace(/^\D/, '')) + 1000 * 'WD'.indexOf(id.charAt(0));
  return rows
    .filter(({ id }, i) => i > 0 && place(id) <= place(rows[i - 1]!.id))
    .map(({ id }) => `${DOCUMENT}: row ${id} stands twice, or out of order`);
}

function checkRow({ id, verdict, tests }: Row): string[] {
  const complain = (text: string) => `${DOCUMENT}: row ${id}: ${text}`;
  const mustShow = VERDICTS.get(verdict);
  if (mustShow === undefined) return [complain(`"${verdict}" is no verdict`)];
  if (mustShow && tests.length === 0) return [complain(`"${verdict}", and no test shows it`)];
  return tests
    .filter(({ file, title }) => !findTitles(file).has(title))
    .map(({ file, title }) => complain(`${file} has no test "${title}" that is not skipped`));
}

/** The titles of the tests and suites of a file, as they stand there. */
function findTitles(file: string): Set<string> {
  const known = titlesOf.get(file);
  if (known) return known;
  const path = join(root, file);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const tests = text.matchAll(/\b(?:describe|it)\(\s*(?:'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`)/g);
  const titles = new Set([...tests].map(([, ...quoted]) => quoted.find(Boolean)!));
  titlesOf.set(file, titles);
  return titles;
}
