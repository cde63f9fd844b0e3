/**
 * Pushed: part of the core, in every context.
 *
 * A child's main thread: composes everything, serves its parent, and ends with it. User code runs
 * elsewhere, so nothing here ever blocks.
 */

import type { Broker } from '../routing/broker.js';
import type { Message } from '../routing/message.js';
import { Router } from '../routing/router.js';
import { listenForRoutes } from '../routing/routes.js';
import type { Stream } from '../routing/stream.js';
import { socketTransport } from '../routing/transport.js';
import { deserialize } from '../wire/deserialize.js';
import { FLAG_ERROR } from '../wire/flags.js';
import { destinationOf, FrameDecoder, payloadOf, sourceOf } from '../wire/frame.js';
import { CALL_MAIN, PING, SHUTDOWN } from '../wire/handles.js';
import { ERROR } from '../wire/levels.js';
import { api } from './api.js';
import type { Config, MainBoot } from './config.js';
import { Loader } from './loader.js';
import { type Log, makeLog } from './log.js';
import { ModuleStore } from './modules.js';
import { WorkThread } from './thread.js';
import { ChildTracer } from './trace.js';
import { serveCallsHere } from './work-thread.js';

/** Whether this context tells of each frame: false but in a build for traces. Set by the build. */
declare const TRACE: boolean;

/** How long children have to end in order, and how long the last bytes have to leave. */
const CHILDREN_GRACE_MS = 3000;
const FLUSH_GRACE_MS = 1000;

/** A function of Kinetin's own modules, called through CALL_MAIN. */
type MainFunction = (child: Child, ...args: unknown[]) => unknown;

/** What those get as their first argument. */
export interface Child {
  router: Router;
  /** Made by the `parent` bundle, with the first child. */
  broker?: Broker;
  config: Config;
  log: Log;
  loader: Loader;
  pushedCore: Buffer;
  /** Undefined where calls run on the main thread. */
  thread?: WorkThread;
}

export function startChild([
  input,
  output,
  marker,
  core,
  pushedCore,
  leftover,
  startWorker,
]: MainBoot): void {
  const decoder = new FrameDecoder();
  const frames: Buffer[] = [];
  decoder.push(leftover, (frame) => frames.push(frame));
  const [first] = frames as [Buffer];
  const config = deserialize(payloadOf(first)) as Config;
  const log: Log = (level, text, id) => send(level, text, id);
  const router = new (TRACE ? ChildTracer : Router)({
    ...config,
    id: destinationOf(first),
    onComplaint: (text) => log(ERROR, text),
  });
  const send = makeLog(router, config.logLevel);
  const modules = new ModuleStore(router);
  const getText = (hash: string) => modules.text(hash);
  const loader = new Loader(getText, { '@kinetin/core': api });
  const child: Child = { router, config, log, loader, pushedCore };
  listenForRoutes(router);
  serveMain(child);
  const serve = { policy: router.isAbove };
  router.listen({ ...serve, onMessage: () => end(child, output) }, SHUTDOWN);
  router.onStreamClosed = (stream) => {
    if (stream.side === 'parent') end(child, output);
    if (child.broker && stream.side === 'child') child.broker.release(stream.peer);
  };
  const upstream = router.addStream('parent', sourceOf(first));
  if (config.workThread === 'none') {
    serveCallsHere(router, config, getText);
  } else {
    child.thread = new WorkThread({ router, config, core, log, loader, getText, startWorker });
  }
  output.write(`${marker} ready\n`);
  router.listen({ ...serve, onMessage: (ping) => router.reply(ping, router.encode(0)) }, PING);
  if (config.silenceMs) watchSilence(upstream, config.silenceMs);
  upstream.attach(socketTransport(input, output));
  upstream.open(leftover.slice(first.length));
  // Now that its bundle is here, if it came with the core.
  if (config.workThread === 'eager') child.thread?.start();
}

/** Runs functions of Kinetin's own modules in the main thread. Their first argument is `child`. */
function serveMain(child: Child): void {
  const { router, loader } = child;
  const run = async (message: Message) => {
    const [hash, [name], args] = router.decode(message) as [Buffer, [string], unknown[]];
    const exports = await loader.load(hash.toString('hex'));
    return router.encode(await (exports[name] as MainFunction)(child, ...args));
  };
  router.listen(
    {
      policy: router.isAbove,
      onMessage: (message) => {
        run(message).then(
          (body) => router.reply(message, body),
          (error) => router.reply(message, router.encode(error), FLAG_ERROR),
        );
      },
    },
    CALL_MAIN,
  );
}

/** Closes a stream from which nothing has come for so long. */
function watchSilence(stream: Stream, silenceMs: number): void {
  let seen = 0;
  setInterval(() => {
    if (stream.bytesReceived === seen && !stream.isPaused)
      stream.close('nothing came from it any more');
    seen = stream.bytesReceived;
  }, silenceMs);
}

/** Ends this context: its children, then what is still to be sent, then the process group. */
function end({ router, broker }: Child, output: MainBoot[1]): void {
  const upstream = router.upstream as NonNullable<typeof router.upstream>;
  Promise.resolve(broker?.shutdown(CHILDREN_GRACE_MS)).then(() => {
    // A lost parent gets nothing more; a living one gets all that was said.
    if (upstream.closed !== undefined) return die();
    // Its end is the plan now, and no longer the sign of a lost parent.
    router.onStreamClosed = () => {};
    setTimeout(die, FLUSH_GRACE_MS);
    output.on('finish', die);
    upstream.close('shutdown', true);
  });
}

/**
 * The last step: `process.exit` can hang in a thread that blocks. Where this process leads a group,
 * the subprocesses of user code go with it.
 */
function die(): void {
  for (const target of [-process.pid, process.pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // Not the leader of a group: the process itself is next.
    }
  }
}
