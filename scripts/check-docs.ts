/**
 * Checks the documents: every link to a file or to a heading of this project leads somewhere, and
 * every ```ts block of README.md and docs/ compiles. A block is compiled in a folder of its document,
 * so that one headed "```ts tasks.ts" can be imported by the others as './tasks.js'; one headed
 * "```ts ignore" is not compiled.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { listFiles, report, root } from './files.js';

/** Git ignores `dist`; inside the project, the packages' names resolve as they do for its code. */
const WORK_FOLDER = 'dist/check-docs';

const documents = new Map(
  listFiles('.', /\.md$/).map((path) => [path, readFileSync(join(root, path), 'utf8')]),
);

report([...checkLinks(), ...compileBlocks()], 'links lead somewhere and code blocks compile');

function checkLinks(): string[] {
  return [...documents].flatMap(([path, text]) =>
    findLinks(text)
      .filter((link) => !/^[a-z]+:/.test(link))
      .flatMap((link) => checkLink(path, link)),
  );
}

function checkLink(path: string, link: string): string[] {
  const [file = '', fragment] = link.split('#') as [string?, string?];
  const target = file === '' ? path : posix.join(posix.dirname(path), decodeURI(file));
  if (!existsSync(join(root, target))) return [`${path}: "${link}": there is no ${target}`];
  const text = documents.get(target);
  if (fragment === undefined || text === undefined) return [];
  if (findAnchors(text).has(fragment)) return [];
  return [`${path}: "${link}": ${target} has no heading #${fragment}`];
}

/** Targets of `[text](target)`, of `[name]: target` and of `<a href="target">`, outside code. */
function findLinks(text: string): string[] {
  const prose = withoutCode(text);
  const patterns = [/\]\(\s*<?([^)\s>]+)/g, /^\[[^\]]+\]:\s*(\S+)/gm, /\bhref="([^"]+)"/g];
  return patterns.flatMap((pattern) => [...prose.matchAll(pattern)].map(([, target]) => target!));
}

function withoutCode(text: string): string {
  return text.replace(/^(```+)[\s\S]*?^\1/gm, '').replace(/(`+)[^`][\s\S]*?\1/g, 'code');
}

/** What GitHub makes of the headings; a heading that stands twice gets a number. */
function findAnchors(text: string): Set<string> {
  const anchors = new Set<string>();
  const prose = text.replace(/^(```+)[\s\S]*?^\1/gm, '');
  for (const [, heading] of prose.matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const anchor = slug(heading!);
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n += 1) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  for (const [, id] of prose.matchAll(/\b(?:id|name)="([^"]+)"/g)) anchors.add(id!);
  return anchors;
}

function slug(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return text.replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');
}

/** Compiles all blocks at once. Blocks keep their line numbers, so that errors point into the text. */
function compileBlocks(): string[] {
  const folder = join(root, WORK_FOLDER);
  rmSync(folder, { recursive: true, force: true });
  const origins = new Map<string, string>();
  for (const [path, text] of documents) {
    if (!/^(README\.md|docs\/|examples\/|packages\/[^/]+\/README\.md)/.test(path)) continue;
    for (const block of findBlocks(text)) {
      const file = posix.join(WORK_FOLDER, path.replace(/\.md$/, ''), block.fileName);
      mkdirSync(join(root, dirname(file)), { recursive: true });
      writeFileSync(join(root, file), block.text);
      origins.set(file, path);
    }
  }
  if (origins.size === 0) return [];
  const config = { extends: '../../tsconfig.json', include: ['.'], exclude: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status, stdout, stderr } = spawnSync(
    tsc,
    ['--project', WORK_FOLDER, '--pretty', 'false'],
    { cwd: root, encoding: 'utf8' },
  );
  if (status === 0) rmSync(folder, { recursive: true });
  const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return status === 0 ? [] : complaints.map((line) => pointIntoDocument(line, origins));
}

function pointIntoDocument(line: string, origins: Map<string, string>): string {
  return line.replace(/^([^(\s]+)\((\d+),\d+\)/, (match, file: string, number: string) => {
    const document = origins.get(file);
    return document === undefined ? match : `${document}:${number}`;
  });
}

interface Block {
  fileName: string;
  /** The code, at the lines where it stands in the document. */
  text: string;
}

function findBlocks(text: string): Block[] {
  return [...text.matchAll(/^```ts(?:[ \t]+(\S+))?[ \t]*\n([\s\S]*?)^```/gm)]
    .filter(([, title]) => title !== 'ignore')
    .map(({ 1: title, 2: code, index }) => {
      const line = text.slice(0, index).split('\n').length;
      const isModule = /^\s*(import|export)\b/m.test(code!);
      return {
        fileName: title === undefined ? `line-${line}.ts` : basename(title),
        text: `${'\n'.repeat(line)}${code}${isModule ? '' : 'export {};\n'}`,
      };
    });
}
