/**
 * Checks that what is pushed as text is 7-bit: it passes through shells, argument lists and locales
 * that would change anything else. These are the command line of the first stage and the text of
 * every artefact in the manifest, which is what the compressed files beside them hold.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine } from '../packages/core/src/parent/command.js';
import { report, root } from './files.js';

const PUSHED = 'packages/core/dist/pushed';

const firstStage = commandLine({
  marker: 'm',
  title: 't',
  coreBytes: 1,
  preambleBytes: 1,
  workThread: true,
});
report(
  [...findForeign('the first stage', Buffer.from(firstStage)), ...checkArtefacts()],
  'what is pushed as text is 7-bit',
);

function checkArtefacts(): string[] {
  const file = join(root, PUSHED, 'manifest.json');
  if (!existsSync(file)) return [`there is no ${PUSHED}/manifest.json: build first`];
  const manifest: Record<string, { hash: string }> = JSON.parse(readFileSync(file, 'utf8'));
  return Object.entries(manifest).flatMap(([name, { hash }]) => {
    const path = `${PUSHED}/${name}.js`;
    const text = readFileSync(join(root, path));
    const actual = createHash('sha256').update(text).digest('hex');
    if (actual !== hash) return [`${path} is not what the manifest says: build again`];
    return findForeign(path, text);
  });
}

/** The first byte that is not 7-bit, with where it stands. */
function findForeign(name: string, text: Buffer): string[] {
  const index = text.findIndex((byte) => byte > 127);
  if (index < 0) return [];
  const around = text.subarray(Math.max(0, index - 20), index + 20).toString();
  return [`${name}: byte ${index} is not ASCII: ${JSON.stringify(around)}`];
}
