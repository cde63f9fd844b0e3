// Makes a fresh clone ready: installs the pinned pnpm through npm, the dependencies and the build.
// Plain JavaScript without imports from npm, since it runs before anything is installed.
// Does nothing when the lockfile, the sources and the results have not changed since the last run.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = join(root, 'node_modules', '.kinetin-setup.json');
const pnpmVersion = '12.21.0';
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const [major, minor] = process.versions.node.split('.').map(Number);
if (!((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22)) {
  console.error(`Kinetin needs Node ${engines.node}; this is ${process.version}.`);
  process.exit(1);
}

/** One line per source file that the build reads: its path, size and time of change. */
function fingerprint(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules' && entry.name !== 'dist')
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return fingerprint(path);
      const { size, mtimeMs } = statSync(join(root, path));
      return [`${path} ${size} ${mtimeMs}`];
    });
}

const stamp = {
  dependencies: createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .update(process.version)
    .digest('hex'),
  sources: createHash('sha256')
    .update([...fingerprint('packages'), ...fingerprint('scripts')].join('\n'))
    .digest('hex'),
};
const previous = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {};

/** Runs the pinned pnpm, fetched through npm into its cache; nothing is installed globally. */
function pnpm(...args) {
  const npmArgs = ['exec', '--yes', '--', `pnpm@${pnpmVersion}`, ...args];
  const result = spawnSync('npm', npmArgs, { cwd: root, encoding: 'utf8' });
  if (result.status === 0) return;
  console.error(`${result.stdout ?? ''}${result.stderr ?? result.error}`);
  console.error(`"npm ${npmArgs.join(' ')}" failed`);
  process.exit(1);
}

if (previous.dependencies !== stamp.dependencies) {
  console.error('installing dependencies ...');
  pnpm('install', '--frozen-lockfile');
}
if (previous.sources !== stamp.sources || !existsSync(join(root, 'packages/core/dist/pushed'))) {
  console.error('building ...');
  pnpm('run', 'build');
}
mkdirSync(dirname(stampFile), { recursive: true });
writeFileSync(stampFile, JSON.stringify(stamp));
