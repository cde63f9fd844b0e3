/**
 * Runs every example (a folder of examples/ with main.ts, expected.txt and README.md) and compares
 * what it prints with expected.txt, where `<number>`, `<word>` and `<any>` (to the line's end) stand
 * for what differs from run to run, and any run of spaces for any other.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { report, root } from './files.js';

const FILES = ['main.ts', 'expected.txt', 'README.md'];
const DEADLINE_MS = 300_000;
/** A clock a thousand times as slow: the doctor finds fault with what takes seconds, as on a busy machine. */
const SLOW_CLOCK =
  'data:text/javascript,const { now } = performance; performance.now = () => now.call(performance) / 1000;';
const PLACEHOLDERS: Record<string, string> = {
  '<number>': '-?\\d+(?:\\.\\d+)?',
  '<word>': '\\S+',
  '<any>': '.*',
};

const complaints: string[] = [];
const names = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
for (const name of names) complaints.push(...(await checkExample(name)));
report(complaints, `${names.length} examples print what they should`);

async function checkExample(name: string): Promise<string[]> {
  const folder = join('examples', name);
  const missing = FILES.filter((file) => !existsSync(join(root, folder, file)));
  if (missing.length > 0) return missing.map((file) => `${folder}: there is no ${file}`);
  const { status, output, errors } = await run(join(folder, 'main.ts'));
  const expected = readFileSync(join(root, folder, 'expected.txt'), 'utf8');
  const difference = compare(toLines(expected), toLines(output));
  if (status === 0 && difference.length === 0) return [];
  return [
    `${folder}: ${status === 0 ? 'prints something else' : `ends with ${status}`}`,
    ...difference,
    ...(errors === '' ? [] : [errors]),
  ];
}

/** Runs a program; `status` is its exit status or the signal that ended it. */
async function run(
  program: string,
): Promise<{ status: number | string; output: string; errors: string }> {
  const imports = ['tsx', SLOW_CLOCK].map((one) => `--import=${one}`);
  const child = spawn(process.execPath, [...imports, program], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
  });
  const ended = new Promise<number | string>((resolve) =>
    child.on('close', (code, signal) => resolve(signal ?? code ?? 0)),
  );
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await ended, output, errors };
}

function toLines(text: string): string[] {
  return text.trimEnd().split('\n');
}

/** Nothing where all lines match; else both texts, as diff shows them: expected `-`, printed `+`. */
function compare(expected: string[], printed: string[]): string[] {
  const isSame =
    expected.length === printed.length &&
    expected.every((line, i) => toPattern(line).test(printed[i]!));
  if (isSame) return [];
  const length = Math.max(expected.length, printed.length);
  return Array.from({ length }, (_, i) => [expected[i], printed[i]]).flatMap(([want, got]) => {
    if (want !== undefined && got !== undefined && toPattern(want).test(got)) return [`  ${got}`];
    return [
      ...(want === undefined ? [] : [`- ${want}`]),
      ...(got === undefined ? [] : [`+ ${got}`]),
    ];
  });
}

function toPattern(line: string): RegExp {
  const parts = line.trimEnd().split(/(<number>|<word>|<any>| +)/);
  const source = parts.map((part) => {
    if (/^ +$/.test(part)) return ' +';
    return PLACEHOLDERS[part] ?? part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source.join('')} *$`);
}
