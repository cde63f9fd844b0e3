/**
 * Pushed: part of the `inspect` bundle.
 *
 * Where another thread of this process is, also when it spins: the debugger of V8 stops it for a
 * moment. https://chromedevtools.github.io/devtools-protocol, domains NodeWorker and Debugger.
 */

import { Session } from 'node:inspector';

/** How long a thread has to stop. One in a system call does not, until that is over. */
const PAUSE_MS = 300;

interface Frame {
  functionName: string;
  location: { scriptId: string; lineNumber: number; columnNumber: number };
}

/** What a thread's debugger says. */
interface Said {
  method?: string;
  params: { scriptId: string; url: string; callFrames: Frame[] };
}

/** Lines as in `error.stack`; empty where the thread runs no JavaScript. */
export function stackOf(threadId: number): Promise<string[]> {
  const session = new Session() as import('inspector').Session & {
    post(method: string, params?: object): void;
    on(event: string, listener: (message: { params: never }) => void): void;
  };
  const urls: Map<string, string> = new Map();
  let worker = '';
  session.connect();
  return new Promise<string[]>((resolve) => {
    const timer = setTimeout(() => resolve([]), PAUSE_MS);
    const send = (method: string) =>
      session.post('NodeWorker.sendMessageToWorker', {
        sessionId: worker,
        message: JSON.stringify({ id: 1, method }),
      });
    session.on('NodeWorker.attachedToWorker', ({ params }) => {
      const { sessionId, workerInfo } = params as {
        sessionId: string;
        workerInfo: { title: string };
      };
      // "Worker 1" before Node 18, "[worker 1]", and "[worker 1] WorkerThread" from Node 24 on.
      const [, number] = /^\[?worker (\d+)/i.exec(workerInfo.title) || [];
      if (number !== String(threadId)) return;
      worker = sessionId;
      send('Debugger.enable');
      send('Debugger.pause');
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { sessionId, message } = params as { sessionId: string; message: string };
      if (sessionId !== worker) return;
      const said = JSON.parse(message) as Said;
      if (said.method === 'Debugger.scriptParsed') urls.set(said.params.scriptId, said.params.url);
      if (said.method !== 'Debugger.paused') return;
      clearTimeout(timer);
      send('Debugger.resume');
      resolve(said.params.callFrames.map((frame) => lineOf(frame, urls)));
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }).then((stack) => {
    // Ends the thread's own session as well, and with it what it has asked for.
    session.post('NodeWorker.disable');
    session.disconnect();
    return stack;
  });
}

function lineOf({ functionName, location }: Frame, urls: Map<string, string>): string {
  const { scriptId, lineNumber, columnNumber } = location;
  const place = `${urls.get(scriptId) || 'unknown'}:${lineNumber + 1}:${columnNumber + 1}`;
  return `    at ${functionName || '<anonymous>'} (${place})`;
}
