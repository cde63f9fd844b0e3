/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * The first stage: the texts that stand in a child's command line. They may hold no single quote, no
 * exclamation mark, no double backslash and no newline, so that one pair of single quotes carries
 * them through sh, bash, dash, zsh, fish, csh and tcsh alike.
 */

/** The oldest Node that the core runs on, as the shell computes it: major * 10^6 + minor * 10^3. */
const OLDEST_NODE = 12022000;

/** Seconds that the first stage waits for the core before it gives up: its parent is gone then. */
const FIRST_STAGE_SECONDS = 60;

/** Where Node is found beyond PATH, in the order of the test; the newest wins whatever the order. */
const PLACES = [
  '/usr/local/bin/node',
  '/usr/bin/node',
  '/usr/bin/nodejs',
  '/snap/bin/node',
  '/opt/homebrew/bin/node',
  '/opt/node*/bin/node',
  '~/.nvm/versions/node/*/bin/node',
  '~/.local/share/fnm/node-versions/*/installation/bin/node',
  '~/.fnm/node-versions/*/installation/bin/node',
  '~/.volta/tools/image/node/*/bin/node',
  '~/.asdf/installs/nodejs/*/bin/node',
  '~/.local/share/mise/installs/node/*/bin/node',
  '~/.nodenv/versions/*/bin/node',
  '~/n/bin/node',
  '~/.local/bin/node',
];

/**
 * POSIX sh: says that it runs, tries every Node that it finds, and becomes the newest; says what it
 * found where none is new enough. $1: marker; $2: program for Node; $3: title; $4, $5: byte counts.
 * Standard input and output become file descriptors 3 and 4, so that nothing that user code starts
 * can touch the stream.
 */
export const SHELL_STAGE = [
  'echo "$1 shell"',
  'b=0',
  `for n in "$(command -v node)" "$(command -v nodejs)" ${PLACES.join(' ')}; do ` +
    'case "$w " in *" $n="*) continue;; esac; ' +
    '[ -x "$n" ] || continue; ' +
    'v=$("$n" -v 2>/dev/null </dev/null); w="$w $n=${v:-broken}"; ' +
    'case $v in v[0-9]*.[0-9]*) ;; *) continue;; esac; ' +
    'v=${v#v}; m=${v#*.}; k=$((${v%%.*}*1000000+${m%%.*}*1000)); ' +
    '[ $k -gt $b ] && b=$k f=$n; ' +
    'done',
  `[ $b -ge ${OLDEST_NODE} ] && exec "$f" -e "$2" "$3" "$1" $4 $5 3 4 3<&0 4>&1 </dev/null >&2`,
  'echo "$1 none$w"',
  'exit 127',
].join('; ');

/**
 * JavaScript for `node -e`: says that it runs, reads the core and the CONFIG frame, and evaluates the
 * core. Arguments: title, marker, bytes of the compressed core, bytes of both, input fd, output fd.
 */
export const NODE_STAGE =
  'var a=process.argv,c=+a[3],n=require("net").Socket,' +
  's=function(f,r,w){return new n({fd:+f,readable:r,writable:w})},' +
  'u=a[5]==a[6],i=s(a[5],true,u),o=u?i:s(a[6],false,true),b=[],l=0,' +
  'x=function(){console.error("core cut short at byte "+l);process.exit(1)},' +
  `t=setTimeout(x,${FIRST_STAGE_SECONDS}e3);` +
  'process.title=a[1];' +
  'o.write(a[2]+" node "+process.version+" "+process.pid+"\\n");' +
  'i.on("end",x).on("error",x).on("data",function(d){' +
  'b.push(d);' +
  'if((l+=d.length)<a[4])return;' +
  'clearTimeout(t);' +
  'i.removeAllListeners("data").removeListener("end",x).removeListener("error",x);' +
  'd=Buffer.concat(b);' +
  't=require("zlib").brotliDecompressSync(b=d.slice(0,c))+"";' +
  'Function("require","boot",t)(require,{input:i,output:o,marker:a[2],core:t,pushedCore:b,leftover:d.slice(c)})' +
  '})';
