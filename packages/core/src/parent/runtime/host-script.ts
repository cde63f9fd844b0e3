/**
 * Pushed: part of the `runtime` bundle, in contexts that start children; master has it too.
 *
 * What the shell of a host without Node is told to do: lines of POSIX sh, each complete in itself,
 * for dash, bash, zsh, ksh and busybox. The first stage (first-stage.ts) carries them out one by one,
 * so that functions and variables stay; positional parameters at the top level are those of the first
 * stage. Variables begin with `k_`, so as not to change what Node finds in its environment.
 *
 * Answers are lines `MARKER runtime WORD ...`, described with each function.
 */

import { EXEC_NODE } from '../first-stage.js';

/** How many places there are, numbered from 1 in the order in which they are tried. */
export const PLACES = 7;

/** What goes in front of a line after bytes that are none: bash takes a newline for the rest of one character. */
export const RESYNC = '\n\n\n\n';

/** Node in place of this shell, with the umask and the signals as they were. `k_f`: its path. */
export const START = `umask $k_k; trap - 0 1 2 13 15; exec "$k_f" ${EXEC_NODE}`;

export const FUNCTIONS = [
  // k_w: in front of a program that may hang; empty where there is no `timeout` that waits for it.
  'unset IFS; k_m=$1 k_k=$(umask) k_f= k_t= k_w=; umask 077; ' +
    'timeout --version >/dev/null 2>&1 && k_w="timeout -s 9 25"',
  // Whether a program runs: a busybox that cannot find itself knows the names of its parts all the same.
  'k_has() { $1 --help >/dev/null 2>&1 </dev/null; [ $? -lt 126 ]; }',
  // No functions of the account (bash has them from the environment); a busybox without links to its parts.
  'for k_a in id uname ls head gzip df mkdir rmdir rm mv chmod wc find tail cat; do ' +
    'unset -f $k_a 2>/dev/null; k_has $k_a || ! command -v busybox >/dev/null || ' +
    'eval "$k_a() { busybox $k_a \\"\\$@\\"; }"; done; k_u=$(id -u)',
  'k_say() { printf "%s\\n" "$k_m runtime $*"; }',
  // k_d: the folder of place $1; empty where this host or account has no such place.
  'k_place() { case $1 in ' +
    '1) k_d=$XDG_CACHE_HOME; [ "$k_d" ] || { [ "$HOME" ] && [ -d "$HOME" ] && k_d=$HOME/.cache; };; ' +
    '2) k_d=$XDG_RUNTIME_DIR;; 3) k_d=/run/user/$k_u;; 4) k_d=/dev/shm;; ' +
    '5) k_d=$TMPDIR;; 6) k_d=/tmp;; 7) k_d=/var/tmp;; esac; ' +
    'case $1$k_d in 1/*) k_d=$k_d/kinetin;; ' +
    '?/*) if [ -d "$k_d" ]; then k_d=$k_d/kinetin-$k_u; else k_d=; fi;; *) k_d=;; esac; }',
  // Whether k_d is a folder, no link, of this account, in which nobody else can write.
  'k_mine() { [ -d "$k_d" ] && k_own $(ls -ldn "$k_d"); }',
  'k_own() { case $1 in d????-??-*) [ "$3" = "$k_u" ];; *) false;; esac; }',
  // Whether a program says that it is Node. The status alone says little: an empty file has 0.
  'k_node() { case $($k_w "$1" -v 2>/dev/null </dev/null) in v[0-9]*) ;; *) false;; esac; }',
  // k_f: a Node that was stored in k_d and starts.
  'k_seek() { for k_n in "$k_d"/*/node; do k_node "$k_n" && k_f=$k_n && return; done; return 1; }',
  // `no I TEXT`: why place $1 cannot be used.
  'k_no() { rmdir "$k_d" 2>/dev/null; k_say no "$1" "$k_d: $2"; return 1; }',
  'k_free() { printf %s "$4"; }',
  // Prepares the folder of place $1 for $2 KiB: k_t is empty then, and goes with this shell.
  'k_try() { k_place "$1"; [ "$k_d" ] || return 1; ' +
    'k_e=$(mkdir -p "$k_d" 2>&1) || { k_no "$1" "$k_e"; return; }; ' +
    'k_mine || { k_no "$1" "it does not belong to this account alone"; return; }; ' +
    'k_x=$k_d/.try.$$; ' +
    'k_e=$( (printf "#!/bin/sh\\n" >"$k_x" && chmod 700 "$k_x") 2>&1) || ' +
    '{ rm -f "$k_x"; k_no "$1" "$k_e"; return; }; ' +
    '"$k_x" >/dev/null 2>&1 </dev/null; k_e=$?; rm -f "$k_x"; ' +
    '[ $k_e = 0 ] || { k_no "$1" "programs there cannot be run (noexec)"; return; }; ' +
    'k_e=$(k_free $(df -Pk "$k_d" 2>/dev/null | tail -n 1)); ' +
    'case $k_e in ""|*[!0-9]*) ;; *) [ "$k_e" -ge "$2" ] || ' +
    '{ k_no "$1" "$((k_e / 1024)) MB free of $(($2 / 1024)) MB needed"; return; };; esac; ' +
    'for k_o in "$k_d"/.new.*; do k_q=${k_o##*/.new.}; [ -d "$k_o" ] && ' +
    '[ "$(find "$k_o" -prune -mtime +0 2>/dev/null)" ] && ' +
    '! kill -0 "${k_q%%.*}" 2>/dev/null && rm -rf "$k_o"; done; ' +
    'k_t=$k_d/.new.$$.$3; k_e=$(mkdir "$k_t" 2>&1) || { k_t=; k_no "$1" "$k_e"; return; }; }',
  'k_drop() { [ -z "$k_t" ] || rm -rf "$k_t" "$k_t.old"; k_t=; }',
  "trap k_drop 0; trap 'k_drop; exit 129' 1 2 13 15",
  // `place I`, or `nowhere`: the first of the places from $1 on with $2 KiB; $3: random.
  `k_choose() { k_i=$1; while [ $k_i -le ${PLACES} ]; do ` +
    'if k_try $k_i "$2" "$3"; then k_say place $k_i; return; fi; k_i=$((k_i + 1)); done; k_say nowhere; }',
  // `took`, or `no I TEXT`: adds to file $1 what comes next, $2 bytes, through $3.
  'k_take() { k_e=$({ head -c "$2" | $3 >>"$k_t/$1"; } 2>&1) && k_say took || ' +
    '{ k_drop; k_no $k_i "$k_e"; }; }',
  'k_run() { $k_w "$k_t/node" -p process.version </dev/null; }',
  // `stored`, `broken TEXT`, or `no I TEXT`: $1: hash; then NAME=BYTES of each file.
  'k_store() { k_h=$k_d/$1; shift; for k_n; do ' +
    '[ "$(($(wc -c <"$k_t/${k_n%%=*}")))" = "${k_n#*=}" ] || ' +
    '{ k_drop; k_no $k_i "${k_n%%=*} has another size than was sent"; return; }; done; ' +
    // Again for what it says: a warning is no failure.
    'chmod 700 "$k_t"/*; case $(k_run 2>/dev/null) in v[0-9]*) ;; ' +
    '*) k_e=$(k_run 2>&1); k_drop; k_say broken "$k_e"; return;; esac; ' +
    'k_e=$({ [ ! -e "$k_h" ] || k_node "$k_h/node" || mv "$k_h" "$k_t.old"; ' +
    '[ -e "$k_h" ] || mv "$k_t" "$k_h"; } 2>&1); rm -rf "$k_h/${k_t##*/}"; k_drop; ' +
    'k_node "$k_h/node" || { k_no $k_i "$k_e"; return; }; k_f=$k_h/node; k_say stored; }',
];

/** `running`: Node is started from a folder of this account; else `host SYSTEM MACHINE RELEASE GZIP`. */
export const PROBE =
  `k_i=1; while [ -z "$k_f" ] && [ $k_i -le ${PLACES} ]; do k_place $k_i; ` +
  '[ "$k_d" ] && k_mine && k_seek; k_i=$((k_i + 1)); done; ' +
  `if [ "$k_f" ]; then k_say running; ${START}; fi; ` +
  'k_say host "$(uname -s)" "$(uname -m)" "$(uname -r)" "$(k_has gzip && echo gzip)"';

export const choose = (place: number, kib: number, random: string): string =>
  `k_choose ${place} ${kib} ${random}`;

export const take = (name: string, bytes: number, isPacked: boolean): string =>
  `k_take ${name} ${bytes} "${isPacked ? 'gzip -dc' : 'cat'}"`;

export const store = (hash: string, files: { name: string; size: number }[]): string =>
  `k_store ${hash} ${files.map(({ name, size }) => `${name}=${size}`).join(' ')}`;
