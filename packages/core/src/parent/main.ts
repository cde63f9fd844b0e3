/**
 * Pushed: the entry of the `parent` bundle. Its exports are called through CALL_MAIN, in a context
 * that is to start children.
 */

import { Broker } from '../routing/broker.js';
import type { Child } from '../runtime/child.js';
import type { WorkThreadMode } from '../runtime/config.js';
import { ADD_ROUTE, ALLOCATE_ID } from '../wire/handles.js';
import { ERROR } from '../wire/levels.js';
import type { OpenPipe } from './attempt.js';
import {
  type Connected,
  type Connecting,
  type ConnectRequest,
  connectChild,
  type ParentHost,
} from './connection.js';
import { type IdBlock, Ids } from './ids.js';
import { listenForNews, type News } from './news.js';

/** The hash of the bundle `runtime`; set when this one is built. */
declare const RUNTIME_MODULE: string;

/** A request as it reaches a hop: with the modules that it needs, by hash. */
export interface HopRequest extends ConnectRequest {
  /** The method's module, and the name of its export. */
  method: string;
  open: string;
  vendor: Record<string, string>;
}

/** What code in a context asks for. The context that starts the child knows the rest. */
export interface StartRequest extends Omit<HopRequest, 'id' | 'config'> {
  /** Below that of the context that starts it; without it, made of `kind` and the id. */
  name: string | undefined;
  /** The method, as in `local`. */
  kind: string;
  workThread: WorkThreadMode;
  workThreads: number | undefined;
  unidirectional: boolean;
  silenceMs: number;
}

/** What a context that starts children has beside what all have. */
interface Nursery {
  broker: Broker;
  ids: Ids;
  /** The ids for children of its own. */
  own: Promise<IdBlock>;
  tell(news: News): void;
}

let nursery: Nursery | undefined;
/** How to give up the attempts under way, by the id of the child to be. */
const cancels: Map<number, (reason: unknown) => void> = new Map();
/** Contexts that were started here, until somebody has asked whether they are connected. */
const started: Map<number, Promise<Connected>> = new Map();

/** Starts a child of this context: {@link connected} tells what becomes of it. Returns id and name. */
export async function start(child: Child, request: StartRequest): Promise<[number, string]> {
  const { router, config } = child;
  const { tell } = nurseryOf(child);
  const id = await takeId(nurseryOf(child));
  const { kind, workThread, workThreads, silenceMs, unidirectional } = request;
  const last = request.name === undefined ? `${kind}${id}` : request.name;
  const name = `${config.name}.${last}`;
  const parentIds = [router.id, ...config.parentIds];
  router.addStream('child', id);
  tell([id, router.id, last, kind]);
  const done = connect(child, {
    ...request,
    id,
    config: { ...config, parentIds, name, workThread, workThreads, silenceMs, unidirectional },
  });
  started.set(id, done);
  done.then(
    ({ pid, nodeVersion }) => {
      if (router.routes.has(id)) tell([id, router.id, last, kind, pid, nodeVersion]);
    },
    // Who asks learns it.
    () => {},
  );
  return [id, name];
}

/** Resolves when a child that was started is connected. To be asked once. */
export function connected(_: Child, id: number): Promise<Connected> | undefined {
  const done = started.get(id);
  started.delete(id);
  return done;
}

/** Starts a child of this context. */
export async function connect(child: Child, request: HopRequest): Promise<Connected> {
  const { loader, router } = child;
  const { broker } = nurseryOf(child);
  const { id } = request;
  let attempt: Connecting | undefined;
  const early: { reason: unknown }[] = [];
  cancels.set(id, (reason) => {
    if (attempt) attempt.cancel(reason);
    else early.push({ reason });
  });
  try {
    const vendor = (name: string) => loader.load(request.vendor[name] as string);
    const method = await loader.load(request.method);
    for (const { reason } of early) throw reason;
    const open = method[request.open] as OpenPipe<unknown>;
    const runtime = () => loader.load(RUNTIME_MODULE) as ReturnType<ParentHost['runtime']>;
    attempt = connectChild({ ...child, broker, vendor, runtime }, open, request);
    return await attempt.done;
  } catch (error) {
    // What waits for the child learns why it will not come.
    const stream = router.routes.get(id);
    if (stream && stream.peer === id) stream.close(String((error as Error).message));
    throw error;
  } finally {
    cancels.delete(id);
  }
}

/** Gives up an attempt. */
export function cancel(_: Child, id: number, reason: unknown): void {
  const give = cancels.get(id);
  if (give) give(reason);
}

/** Made with the first child. */
function nurseryOf(child: Child): Nursery {
  if (nursery) return nursery;
  const { router, log } = child;
  const broker = (child.broker = new Broker(router));
  const ask = () => {
    const [parent] = router.parentIds as [number];
    return router.request(parent, ALLOCATE_ID, router.encode(0)) as Promise<IdBlock>;
  };
  const ids = new Ids(router, ask);
  const tell = (news: News) => {
    if (router.upstream) router.sendTo(router.upstream, ADD_ROUTE, news);
  };
  listenForNews(router, ids, tell, (text) => log(ERROR, text));
  nursery = { broker, ids, own: Promise.resolve({ next: 0, end: 0 }), tell };
  return nursery;
}

async function takeId(home: Nursery): Promise<number> {
  for (;;) {
    const { own } = home;
    const block = await own;
    if (block.next < block.end) return block.next++;
    if (home.own !== own) continue;
    home.own = home.ids.take();
    home.own.catch(() => {
      home.own = own;
    });
  }
}
