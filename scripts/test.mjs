// Runs the tests: `npm test [-- files and arguments for mocha]`, all without files. Installs what the tests need beyond Node where
// it may (root on Debian), and says aloud what is missing elsewhere. The last line of the output is
// `N passed, N failed[, N skipped]`; the exit status is 0 only if none failed and one passed.
// KINETIN_REQUIRE_ALL=1: a missing part and a skipped test are failures.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// What some tests need: the part, the Debian package that has it, a file that shows it is there.
const PARTS = [
  { part: 'an SSH server', aptPackage: 'openssh-server', program: 'sshd' },
  { part: 'the OpenSSH client', aptPackage: 'openssh-client', program: 'ssh' },
  { part: 'dropbear', aptPackage: 'dropbear-bin', program: 'dropbear' },
  { part: 'zsh', aptPackage: 'zsh', program: 'zsh' },
  { part: 'fish', aptPackage: 'fish', program: 'fish' },
  { part: 'tcsh', aptPackage: 'tcsh', program: 'tcsh' },
  { part: 'ps', aptPackage: 'procps', program: 'ps' },
  { part: 'openssl', aptPackage: 'openssl', program: 'openssl' },
  { part: 'a static busybox', aptPackage: 'busybox-static', program: 'busybox' },
  { part: 'a Docker daemon', aptPackage: 'docker.io', program: 'dockerd' },
  { part: 'what Node 26 loads', aptPackage: 'libatomic1', library: 'libatomic.so.1' },
];

const LIBRARY_FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/lib64', '/lib'];

const SPECS = ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'];

// How long mocha may live on after its last test before that counts as something left behind.
const EXIT_GRACE_MS = 60_000;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const requiresAll = process.env.KINETIN_REQUIRE_ALL === '1';

const missing = provideParts();
const { passed, failed, skipped } = await runMocha(process.argv.slice(2));
const failures = failed + (requiresAll ? missing.length : 0);
process.exitCode = failures === 0 && passed > 0 ? 0 : 1;
console.log(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);

// Returns the parts that are still missing.
function provideParts() {
  const absent = PARTS.filter((part) => !isInstalled(part));
  if (absent.length === 0) return absent;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) aptInstall(absent);
  const stillAbsent = absent.filter((part) => !isInstalled(part));
  for (const { part, aptPackage, program, library } of stillAbsent) {
    const consequence = requiresAll ? 'this counts as a failure' : 'the tests with it are skipped';
    console.log(
      `MISSING: ${part} ("${program ?? library}", Debian package ${aptPackage}): ${consequence}`,
    );
  }
  return stillAbsent;
}

function isInstalled({ program, library }) {
  // Not on the PATH of an ordinary user, but usable by one: sbin.
  const folders = program
    ? [...process.env.PATH.split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
    : LIBRARY_FOLDERS;
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program ?? library), program ? constants.X_OK : constants.R_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function aptInstall(parts) {
  const packages = parts.map(({ aptPackage }) => aptPackage);
  console.log(`installing for the tests: ${packages.join(' ')}`);
  apt('update');
  // One at a time: a package that this release lacks must not keep the others away.
  for (const name of packages) apt('install', '--yes', '--no-install-recommends', name);
}

// Prints apt's output only where it failed; what is then missing is reported by the caller.
function apt(...args) {
  const { status, stdout, stderr, error } = spawnSync('apt-get', ['-q', ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) console.log(`${stdout}${stderr}${error ?? ''}apt-get ${args[0]} failed`);
}

// Resolves with the counts; a mocha that dies or does not exit is one failure more.
function runMocha(args) {
  const env = { ...process.env };
  // Certificates for npm's downloads, on machines that set it: no test needs them, and every Node
  // that a test starts would read and parse them first, which spoils timings.
  delete env.NODE_EXTRA_CA_CERTS;
  const flags = ['--reporter', './scripts/reporter.mjs'];
  if (requiresAll) flags.push('--forbid-only', '--forbid-pending');
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const specs = args.some((arg) => arg.endsWith('.ts')) ? [] : SPECS;
  const child = spawn(process.execPath, [mocha, ...flags, ...specs, ...args], {
    cwd: root,
    env,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });

  let counts = { passed: 0, failed: 0, skipped: 0, isDone: false };
  let complaint = '';
  let timer;
  child.on('message', (message) => {
    counts = message;
    if (!counts.isDone) return;
    timer = setTimeout(() => {
      complaint = 'mocha did not exit after the last test: something is still open';
      child.kill('SIGKILL');
    }, EXIT_GRACE_MS);
  });
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status !== 0 && counts.failed === 0) complaint ||= `mocha ended with ${signal ?? status}`;
      if (!counts.isDone) complaint ||= 'mocha ended before the last test';
      if (complaint) console.log(complaint);
      resolve({ ...counts, failed: counts.failed + (complaint ? 1 : 0) });
    });
  });
}
