/**
 * Pushed: part of the `ssh` method, in contexts that connect over SSH.
 *
 * Turns: sshd drops connections at random once ten are under way (`MaxStartups 10:30:100`), so the
 * connections of one process to one server wait for each other, first come first served.
 */

interface Line {
  running: number;
  waiting: Waiter[];
}

interface Waiter {
  limit: number;
  start(): void;
}

/** One connection's place in the line for its server. */
export interface Turn {
  /** Resolves when the turn has come; rejects if the turn ends before. */
  started: Promise<void>;
  /** Lets the next one start. Idempotent; must be called also where `started` never resolved. */
  end(): void;
}

const lines = new Map<string, Line>();

/** Queues for a server. `limit`: how many may be under way for this one to start. */
export function takeTurn(server: string, limit: number): Turn {
  const line = lines.get(server) || { running: 0, waiting: [] };
  lines.set(server, line);
  let leave!: () => void;
  const started = new Promise<void>((resolve, reject) => {
    let isRunning = false;
    const waiter: Waiter = {
      limit,
      start: () => {
        isRunning = true;
        line.running++;
        resolve();
      },
    };
    leave = () => {
      if (isRunning) line.running--;
      else line.waiting.splice(line.waiting.indexOf(waiter), 1);
      reject(new Error('the attempt ended before its turn to connect'));
      startNext(server, line);
    };
    line.waiting.push(waiter);
  });
  started.catch(() => undefined); // Whoever does not wait for a turn is not told that it is over.
  startNext(server, line);
  let hasEnded = false;
  const end = () => {
    if (!hasEnded) leave();
    hasEnded = true;
  };
  return { started, end };
}

function startNext(server: string, line: Line): void {
  while (line.waiting.length > 0 && line.running < line.waiting[0]!.limit) {
    line.waiting.shift()!.start();
  }
  if (line.running === 0 && line.waiting.length === 0) lines.delete(server);
}
