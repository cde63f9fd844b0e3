/**
 * A root hook of mocha: after each test file, nothing that its tests started may be left. Not a
 * process (also not an orphan), not a socket, a server or a timer that keeps this process alive, and no
 * rejection that nobody has handled. A file that leaves something fails with the names of it; the next
 * one starts from what is then there.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** How long what is ending may take to end, where the machine has much to do. */
const PATIENCE_MS = 25_000;
const POLL_MS = 20;

/**
 * Inherited by every process that a test starts: finds those whose parent has died, too. A process
 * that clears its environment is found as long as it is a child of this one.
 */
const MARK = 'KINETIN_TEST_RUN';
const mark = `${MARK}=${randomBytes(8).toString('hex')}`;
process.env[MARK] = mark.slice(MARK.length + 1);

/** Of process.getActiveResourcesInfo(): work of Node's own that ends by itself, or goes on for ever. */
const HARMLESS = new Set(['CloseReq', 'FSReqCallback', 'FSReqPromise', 'Immediate', 'TTYWrap']);

/** Rejections without a handler; one that gets a handler later is not left. */
const unhandled = new Map<Promise<unknown>, unknown>();
process.on('unhandledRejection', (reason, promise) => unhandled.set(promise, reason));
process.on('rejectionHandled', (promise) => unhandled.delete(promise));

/** What is alive at one moment. */
interface Census {
  /** Process ids with the command line, for the report. */
  processes: Map<number, string>;
  /** How many there are of each kind of resource. */
  resources: Map<string, number>;
  /** The handles behind them, of those kinds that have one. */
  handles: Set<object>;
}

interface Suite {
  file?: string;
  suites: Suite[];
  afterAll(title: string, check: () => Promise<void>): void;
}

/** What was there before the file that is running; not its fault. */
let before: Census;

export const mochaHooks = {
  async beforeAll(this: { test: { parent: Suite } }): Promise<void> {
    await mochaTimerSet();
    before = takeCensus();
    for (const [file, suite] of lastSuites(this.test.parent)) {
      suite.afterAll('leaves nothing behind', () => checkForLeaks(file));
    }
  },
  /** For tests outside any `describe`. */
  afterAll: () => checkForLeaks('the test run'),
};

/** The last top-level suite of each file: its end is the file's end. */
function lastSuites(root: Suite): Map<string, Suite> {
  return new Map(
    root.suites.map((suite) => [relative(process.cwd(), suite.file ?? 'no file'), suite]),
  );
}

/** Mocha's own timer for the hook that is running counts in each census, so that it never differs. */
const mochaTimerSet = nextTurn;

async function checkForLeaks(file: string): Promise<void> {
  await mochaTimerSet();
  const deadline = Date.now() + PATIENCE_MS;
  let leaks = findLeaks();
  while (leaks.length > 0 && Date.now() < deadline) {
    await sleep(POLL_MS);
    leaks = findLeaks();
  }
  for (const pid of newProcesses(takeCensus()).keys()) endProcess(pid);
  before = takeCensus();
  for (const reason of unhandled.values()) {
    leaks.push(`an unhandled rejection: ${reason instanceof Error ? reason.stack : reason}`);
  }
  unhandled.clear();
  if (leaks.length > 0) throw new Error(`${file} leaves behind: ${leaks.join('; ')}`);
}

function newProcesses({ processes }: Census): Map<number, string> {
  return new Map([...processes].filter(([pid]) => !before.processes.has(pid)));
}

/** So that what one test file has left does not outlive the run. */
function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

function findLeaks(): string[] {
  const now = takeCensus();
  const processes = [...newProcesses(now)].map(([pid, command]) => `process ${pid} (${command})`);
  const handles = [...now.handles].filter((handle) => !before.handles.has(handle));
  const resources = [...now.resources]
    .map(([kind, count]) => ({ kind, more: count - (before.resources.get(kind) ?? 0) }))
    .filter(({ more }) => more > 0)
    .map(({ kind, more }) => `${more} ${kind}`);
  if (resources.length > 0) resources.push(...handles.map(describeHandle));
  return [...processes, ...resources];
}

function takeCensus(): Census {
  const resources = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!HARMLESS.has(kind)) resources.set(kind, (resources.get(kind) ?? 0) + 1);
  }
  // Undocumented, and used for names only: the public list has no more than kinds.
  const { _getActiveHandles } = process as unknown as { _getActiveHandles(): object[] };
  return {
    processes: findProcesses(),
    resources,
    handles: new Set(_getActiveHandles.call(process)),
  };
}

function describeHandle(handle: object): string {
  const { localAddress, localPort, remotePort, spawnargs } = handle as Record<string, unknown>;
  const listening = (handle as { address?(): object | string | null }).address?.();
  const details = spawnargs ?? (remotePort ? [localAddress, localPort, remotePort] : listening);
  return `${handle.constructor.name} ${JSON.stringify(details ?? {})}`;
}

/** The processes of this test run, with their command lines; none where there is no /proc. */
function findProcesses(): Map<number, string> {
  const found = new Map<number, string>();
  if (process.platform !== 'linux') return found;
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!(pid > 0) || pid === process.pid) continue;
    try {
      if (isOurs(pid) && !isBundler(pid)) found.set(pid, readCommand(pid));
    } catch {
      // The process has ended meanwhile, or belongs to someone else.
    }
  }
  return found;
}

function isOurs(pid: number): boolean {
  // The command's name, in parentheses, may hold anything; then come state and parent.
  const [, state, parent] = /.*\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))!;
  if (Number(parent) === process.pid) return true;
  return state !== 'Z' && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
}

/** The service of esbuild: one for the whole run, it ends with this process. */
function isBundler(pid: number): boolean {
  return /\besbuild --service=/.test(readCommand(pid));
}

function readCommand(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim().slice(0, 120);
}
