/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * Finds the lines of the first stage in what the other side prints, however noisy it is: banners,
 * profile output, a marker in the middle of a line. After the last of them come frames.
 */

export interface HandshakeEvents {
  /** The shell runs. */
  onShell(): void;
  /** No usable Node: `path=version` of each that was found. */
  onNoNode(found: string[]): void;
  /** An answer to what the shell was told to do then: see runtime/host-script.ts. */
  onRuntime(words: string[]): void;
  /** Node runs the first stage. */
  onNode(version: string, pid: number): void;
  /** The core runs; `rest` are the first bytes of the stream of frames. */
  onReady(rest: Buffer): void;
  /** A line of something else. */
  onNoise(line: string): void;
}

/** Noise without a newline is handed on when it is this long. */
const MAX_LINE = 4096;
/** The same for a line that has a marker. */
const MAX_MARKED_LINE = 65536;
/** More than a marker takes. */
const MARKER_ROOM = 256;

export class Handshake {
  private _rest: Buffer = Buffer.alloc(0);
  private _done = false;

  constructor(
    private _marker: string,
    private _events: HandshakeEvents,
  ) {}

  /** Takes bytes as they come, until `onReady`. */
  push(chunk: Buffer): void {
    this._rest = Buffer.concat([this._rest, chunk]);
    while (!this._done) {
      const end = this._rest.indexOf(10);
      if (end < 0) break;
      const line = this._rest.slice(0, end).toString();
      this._rest = this._rest.slice(end + 1);
      this._line(line);
    }
    // A line of the first stage may be long: it tells of every Node that was found.
    const limit = this._rest.includes(this._marker) ? MAX_MARKED_LINE : MAX_LINE;
    if (this._rest.length > limit) {
      // All but what may be the beginning of a marker.
      const kept = this._rest.slice(-MARKER_ROOM);
      this._rest = this._rest.slice(0, -MARKER_ROOM);
      this.flush();
      this._rest = kept;
    }
  }

  /** Hands on noise that has no newline yet. */
  flush(): void {
    const text = this._rest.toString();
    this._rest = Buffer.alloc(0);
    if (text && !this._done) this._events.onNoise(text);
  }

  private _line(line: string): void {
    const events = this._events;
    const at = line.indexOf(this._marker);
    if (at < 0) return events.onNoise(line);
    if (at > 0) events.onNoise(line.slice(0, at));
    const [stage, ...words] = line
      .slice(at + this._marker.length)
      .trim()
      .split(' ');
    if (stage === 'shell') events.onShell();
    else if (stage === 'none') events.onNoNode(words);
    else if (stage === 'runtime') events.onRuntime(words);
    else if (stage === 'node') events.onNode(String(words[0]), Number(words[1]) || 0);
    else if (stage === 'ready') {
      this._done = true;
      events.onReady(this._rest);
    } else events.onNoise(line);
  }
}
