/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * The first stage: the texts that stand in a child's command line. They may hold no single quote, no
 * exclamation mark, no double backslash and no newline, so that one pair of single quotes carries
 * them through sh, bash, dash, zsh, fish, csh and tcsh alike.
 */

/** The oldest Node that the core runs on. */
const OLDEST_MAJOR = 12;
const OLDEST_MINOR = 22;

/** Seconds that the first stage waits for the core before it gives up: its parent is gone then. */
const FIRST_STAGE_SECONDS = 60;

/**
 * Seconds that a program may take to say its version, where the target has a `timeout` that waits for
 * it. That of busybox, which knows no `--version`, leaves a process behind that nobody may collect.
 */
const VERSION_SECONDS = 9;

/** Folders where Node is found, beyond those in PATH. Of all that are found the newest wins. */
const PLACES = [
  '/usr/local/bin',
  '/usr/bin',
  '/snap/bin',
  '/opt/homebrew/bin',
  '/opt/node*/bin',
  '~/.nvm/versions/node/*/bin',
  '~/.local/share/fnm/node-versions/*/installation/bin',
  '~/.fnm/node-versions/*/installation/bin',
  '~/.volta/tools/image/node/*/bin',
  '~/.asdf/installs/nodejs/*/bin',
  '~/.local/share/mise/installs/node/*/bin',
  '~/.nodenv/versions/*/bin',
  '~/n/bin',
  '~/.local/bin',
  // What was pushed before: see runtime/host-script.ts.
  '${XDG_CACHE_HOME:-~/.cache}/kinetin/*',
];

/**
 * The end of the shell's part: becomes Node. Standard input and output become file descriptors 3 and
 * 4, so that nothing that user code starts can touch the stream.
 */
export const EXEC_NODE = '-e "$2" "$3" "$1" $4 $5 4 $6 3<&0 4>&1 </dev/null >&2';

/**
 * POSIX sh: says that it runs, tries every Node that it finds, and becomes the newest; says what it
 * found where none is new enough. It then carries out each line of its input that begins with the
 * marker and a space, until the end of that; all else there it drops, whatever was sent before the
 * parent knew. `read` takes no byte beyond the end of a line from a pipe. $1: marker; $2: program for Node; $3: title; $4, $5: byte counts;
 * $6: 1 where a work thread is wanted at once.
 */
export const SHELL_STAGE = [
  'echo "$1 shell"',
  'b=0 c=0 w= t= IFS=:',
  `timeout --version >/dev/null 2>&1 && t=timeout:-s:9:${VERSION_SECONDS}`,
  `for d in $PATH ${PLACES.join(' ')}; do for n in "$d/node" "$d/nodejs"; do ` +
    'case "$w " in *" $n="*) continue;; esac; ' +
    '[ -x "$n" ] || continue; ' +
    'v=$($t "$n" -v 2>/dev/null </dev/null); w="$w $n=${v:-broken}"; ' +
    'v=${v#v}; m=${v#*.}; M=${v%%.*} m=${m%%.*}; ' +
    '{ [ "$M" -eq $b ] && [ "$m" -gt $c ] || [ "$M" -gt $b ]; } 2>/dev/null && b=$M c=$m f=$n; ' +
    'done; done',
  `[ $b -eq ${OLDEST_MAJOR} ] && [ $c -ge ${OLDEST_MINOR} ] || [ $b -gt ${OLDEST_MAJOR} ] && exec "$f" ${EXEC_NODE}`,
  'echo "$1 none$w"',
  'while read -r l; do case $l in "$1 "*) eval "${l#* }";; esac; done',
  'exit 127',
].join('; ');

/**
 * JavaScript for `node -e`: says that it runs, reads the core and the CONFIG frame, and evaluates the
 * core with a {@link MainBoot}. Arguments: title, marker, bytes of the compressed core, bytes of
 * both, output fd (the input fd is 3, which may be both), 1 where a work thread is to start: before
 * all else, since nothing takes longer. The thread evaluates the core that comes as its first message;
 * it has no `execArgv`, or `fork` in user code would run this program again.
 */
export const NODE_STAGE =
  'var p=process,a=p.argv,c=+a[3],' +
  'w=(W=require("worker_threads"))=>new W.Worker("require(`worker_threads`).parentPort.once(`message`,boot=>eval(boot.core))",' +
  '{eval:true,env:W.SHARE_ENV,execArgv:[]}),' +
  'e=a[6]&&w(),' +
  'n=require("net").Socket,u=a[5]<4,' +
  's=(f,r,w)=>new n({fd:f,readable:r,writable:w}),' +
  'i=s(3,true,u),o=u?i:s(4,false,true),b=[],l=0,' +
  'x=_=>{b&&(console.error("core cut short at byte "+l),p.exit(1))},' +
  `t=setTimeout(x,${FIRST_STAGE_SECONDS}e3);` +
  'p.title=a[1];' +
  'o.write(a[2]+" node "+p.version+" "+p.pid+"\\n");' +
  'i.on("end",x).on("error",x).on("data",d=>{' +
  'b.push(d);' +
  'if((l+=d.length)<a[4])return;' +
  'clearTimeout(t);' +
  'i.removeAllListeners("data");' +
  'd=Buffer.concat(b);b=0;' +
  't=require("zlib").brotliDecompressSync(n=d.slice(0,c))+"";' +
  'Function("boot",t)([i,o,a[2],t,n,d.slice(c),_=>(_=e,e=0,_||w())])' +
  '})';
