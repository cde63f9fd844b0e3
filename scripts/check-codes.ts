/**
 * Checks that the tables of the code and of the documents are the same: every error code is
 * explained in docs/errors.md and provoked by name in a test, every well-known handle stands with
 * its number in docs/protocol.md, and every limit with its number in docs/limits.md.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as handles from '../packages/core/src/wire/handles.js';
import * as limits from '../packages/core/src/wire/limits.js';
import { listFiles, report, root } from './files.js';

report(
  [
    ...checkErrorCodes(),
    ...checkNumbers('a handle', handles, 'docs/protocol.md'),
    ...checkNumbers('a limit', limits, 'docs/limits.md'),
  ],
  'error codes, handles and limits are as documented',
);

function checkErrorCodes(): string[] {
  const documented = new Set(findCodes(read('docs/errors.md')));
  const tested = new Set([...listTests()].flatMap((file) => findCodes(read(file))));
  const used = new Map<string, string>();
  for (const file of listFiles('packages', /^packages\/[^/]+\/src\/.*\.ts$/)) {
    for (const code of findCodes(read(file))) used.set(code, used.get(code) ?? file);
  }
  return [
    ...[...used].flatMap(([code, file]) => [
      ...(documented.has(code) ? [] : [`${code} (${file}) is not in docs/errors.md`]),
      ...(tested.has(code) ? [] : [`${code} (${file}) is provoked by no test`]),
    ]),
    ...[...documented]
      .filter((code) => !used.has(code))
      .map((code) => `${code} is in docs/errors.md, and nothing throws it`),
  ];
}

function listTests(): string[] {
  return [...listFiles('packages', /\/test\/.*\.test\.ts$/), ...listFiles('test', /\.test\.ts$/)];
}

function findCodes(text: string): string[] {
  return text.match(/\bERR_[A-Z0-9_]*[A-Z0-9]\b/g) ?? [];
}

/** Each constant must stand in one line of the document with its number: `65536` or `65,536`. */
function checkNumbers(kind: string, constants: object, document: string): string[] {
  const lines = read(document).split('\n');
  return Object.entries(constants as Record<string, number>).flatMap(([name, value]) => {
    const mentions = lines.filter((line) => new RegExp(`\\b${name}\\b`).test(line));
    if (mentions.length === 0) return [`${name}, ${kind}, is not in ${document}`];
    const isSame = mentions.some((line) => findNumbers(line).includes(value));
    return isSame ? [] : [`${name} is ${value}; ${document} says otherwise: ${mentions[0]}`];
  });
}

function findNumbers(line: string): number[] {
  return (line.match(/\b\d+(?:,\d{3})*\b/g) ?? []).map((text) => Number(text.replaceAll(',', '')));
}

function read(path: string): string {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
}
