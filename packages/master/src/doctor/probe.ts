/**
 * What the doctor runs in place of the bootstrap: a small program that says what the host is like and
 * ends, and the reading of its answer.
 */

import { commandLine } from '@kinetin/core/parent';
import { clean, type DoctorFolder, type DoctorNode } from './report.js';

/** Bytes that are read; a host that prints more before it answers is not listened to any longer. */
export const MAX_PROBE_BYTES = 262_144;

/** What a host has answered. Text has passed through `printable`. */
export interface ProbeAnswer {
  /** The shell has run. */
  hasShell: boolean;
  /** Everything has been said. */
  isComplete: boolean;
  /** Bytes that were printed before the answer, or instead of it, and the lines of them. */
  noiseBytes: number;
  noise: string[];
  login: string;
  home: string;
  path: string;
  user: string;
  system: string;
  missing: string[];
  nodes: DoctorNode[];
  folders: DoctorFolder[];
}

/** Where the first stage looks for Node besides PATH: read from it, so that both look alike. */
function places(): string {
  const line = commandLine({
    marker: 'm',
    title: 't',
    coreBytes: 0,
    preambleBytes: 0,
    workThread: false,
  });
  const found = /for d in \$PATH ([^;]+); do for n in /.exec(line)?.[1];
  if (found === undefined) throw new Error('the first stage does not tell where it looks for Node');
  return found;
}

/**
 * POSIX sh, under the rules of the first stage: no single quote, exclamation mark, double backslash or
 * newline. $1: marker; $2: the interpreter to use, empty for all that are found. In each folder it makes
 * a script of its own, runs it, and removes it; the folders are those where a runtime would be kept.
 */
export function probeScript(): string {
  return [
    'm=$1; echo "$m shell"',
    'r() { echo "$m $*"; }; h() { command -v $1 >/dev/null 2>&1; }',
    // A busybox without links to its parts.
    'for t in id uname df rm chmod; do h $t || { h busybox && eval "$t() { busybox $t \\"\\$@\\"; }"; }; done',
    'r login "$SHELL"; r home "$HOME"; r path "$PATH"',
    'u=$(id -u 2>/dev/null); r user "$(id -un 2>/dev/null)"; r system "$(uname -srm 2>/dev/null)"',
    // They are run: a busybox without links and without /proc says that it has them, and has not.
    'for t in gzip head; do if h $t; then $t; else busybox $t; fi </dev/null >/dev/null 2>&1 || ' +
      'r missing $t; done',
    'for d in "${XDG_CACHE_HOME:-$HOME/.cache}" "$XDG_RUNTIME_DIR" "/run/user/$u" /dev/shm "$TMPDIR" /tmp /var/tmp; do ' +
      'case $d in /*) ;; *) continue;; esac; ' +
      '[ -d "$d" ] || case $d in */.cache) d=${d%/*};; esac; ' +
      '[ -d "$d" ] || { r folder absent - "$d"; continue; }; ' +
      'f=$d/.kinetin-doctor-$$ s=usable; ' +
      'k=$(df -Pk "$d" 2>/dev/null | { read -r a; read -r a b c k a; echo "$k"; }); ' +
      'if h rm && h chmod; then ' +
      'if (set -C; printf "#\\041/bin/sh\\n" >"$f") 2>/dev/null; then ' +
      'chmod 700 "$f"; "$f" </dev/null >/dev/null 2>&1 || s=noexec; rm -f "$f"; ' +
      'else s=unwritable; fi; else s=unknown; fi; ' +
      'r folder $s "${k:--}" "$d"; done',
    'if [ -n "$2" ]; then v=$("$2" -v 2>/dev/null </dev/null); r node "${v:-broken}" "$2"; ' +
      `else IFS=:; for d in $PATH ${places()}; do for n in "$d/node" "$d/nodejs"; do ` +
      'case "$w " in *" $n="*) continue;; esac; [ -x "$n" ] || continue; w="$w $n="; ' +
      'v=$("$n" -v 2>/dev/null </dev/null); echo "$m node ${v:-broken} $n"; done; done; fi',
    'echo "$m end"',
  ].join('; ');
}

/** One line for a login shell, whichever that is. */
export function probeCommandLine(marker: string, node: string | undefined): string {
  const words = [probeScript(), 'kinetin-doctor', marker, node ?? ''];
  // As in the bootstrap: what no quotes carry through all shells is replaced.
  return `exec /bin/sh -c ${words.map((word) => `'${word.replace(/['!\n]|\\$/g, '_')}'`).join(' ')}`;
}

/** The same for a Node of this host, which needs no shell. It answers on file descriptor 3. */
export function probeNodeArgs(marker: string): string[] {
  const program =
    'var p=process,m=p.argv[1];' +
    'require("fs").writeSync(3,[m+" shell",m+" node "+p.version+" "+p.execPath,m+" end",""].join("\\n"))';
  return ['-e', program, marker];
}

/** Reads all that has been printed so far. */
export function readAnswer(output: Buffer, marker: string): ProbeAnswer {
  const answer: ProbeAnswer = {
    hasShell: false,
    isComplete: false,
    noiseBytes: 0,
    noise: [],
    login: '',
    home: '',
    path: '',
    user: '',
    system: '',
    missing: [],
    nodes: [],
    folders: [],
  };
  const first = output.indexOf(`${marker} shell`);
  const before = first < 0 ? output : output.subarray(0, first);
  answer.noiseBytes = before.length;
  answer.noise = before
    .toString()
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map(clean);
  if (first < 0) return answer;
  for (const line of output.subarray(first).toString().split('\n')) {
    if (line.startsWith(`${marker} `)) readLine(answer, line.slice(marker.length + 1));
  }
  return answer;
}

function readLine(answer: ProbeAnswer, line: string): void {
  const text = clean(line);
  const [word = '', ...rest] = text.split(' ');
  const value = rest.join(' ').trim();
  switch (word) {
    case 'shell':
      answer.hasShell = true;
      break;
    case 'end':
      answer.isComplete = true;
      break;
    case 'missing':
      answer.missing.push(value);
      break;
    case 'node':
      answer.nodes.push(readNode(rest[0] ?? '', rest.slice(1).join(' ')));
      break;
    case 'folder':
      readFolder(answer.folders, rest);
      break;
    case 'login':
    case 'home':
    case 'path':
    case 'user':
    case 'system':
      answer[word] = value;
      break;
  }
}

function readNode(version: string, path: string): DoctorNode {
  return { path, version, isUsable: isUsable(version) };
}

/** 12.22 or later, as the first stage wants it. */
function isUsable(version: string): boolean {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  return Number(major) > 12 || (major === '12' && Number(minor) >= 22);
}

function readFolder(folders: DoctorFolder[], [state, kilobytes, ...path]: string[]): void {
  const states: Record<string, DoctorFolder['state']> = {
    usable: 'usable',
    noexec: 'noexec',
    unwritable: 'not writable',
    absent: 'absent',
  };
  const free = /^\d+$/.test(kilobytes ?? '') ? Number(kilobytes) * 1024 : undefined;
  const folder = { path: path.join(' '), state: states[state ?? ''] ?? 'unknown', freeBytes: free };
  if (!folders.some((known) => known.path === folder.path)) folders.push(folder);
}
