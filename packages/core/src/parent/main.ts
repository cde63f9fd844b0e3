/**
 * Pushed: the entry of the `parent` bundle. Its exports are called through CALL_MAIN, in a context
 * that is to start children.
 */

import { Broker } from '../routing/broker.js';
import type { Child } from '../runtime/child.js';
import type { OpenPipe } from './attempt.js';
import {
  type Connected,
  type Connecting,
  type ConnectRequest,
  connectChild,
} from './connection.js';

/** A request as it reaches a hop: with the modules that it needs, by hash. */
export interface HopRequest extends ConnectRequest {
  /** The method's module, and the name of its export. */
  method: string;
  open: string;
  vendor: Record<string, string>;
}

/** Attempts under way, by the id of the child to be. */
const connecting: Map<number, Connecting> = new Map();

/** Starts a child of this context. */
export async function connect(child: Child, request: HopRequest): Promise<Connected> {
  const { loader, router } = child;
  const vendor = (name: string) => loader.load(request.vendor[name] as string);
  const method = await loader.load(request.method).catch((error) => {
    // What waits for the child learns why it will not come.
    router.routes.get(request.id)?.close(error.message);
    throw error;
  });
  const open = method[request.open] as OpenPipe<unknown>;
  const broker = (child.broker = child.broker || new Broker(router));
  const attempt = connectChild({ ...child, broker, vendor }, open, request);
  connecting.set(request.id, attempt);
  try {
    return await attempt.done;
  } finally {
    connecting.delete(request.id);
  }
}

/** Gives up an attempt. */
export function cancel(_: Child, id: number, reason: unknown): void {
  const attempt = connecting.get(id);
  if (attempt) attempt.cancel(reason);
}
