/**
 * Pushed: part of the `runtime` bundle, in contexts that start children; master has it too.
 *
 * What a runtime is: the files that make a Node on a host that has none.
 */

/** A file of a runtime. Names are plain: letters, digits, and `._+-`, the first one a letter. */
export interface RuntimeFile {
  name: string;
  size: number;
  /** Where its contents are, or the contents. */
  from: string | Buffer | RemoteContents;
}

/** The contents of a file that is elsewhere. */
export interface RemoteContents {
  /** SHA-256 in hex. */
  readonly hash: string;
  /** The piece that begins at `at`, compressed. Waits for it; rejects when it will not come. */
  piece(at: number): Promise<Buffer>;
}

/** What is stored in a folder of its own; `node` in it is started. */
export interface Runtime {
  /** As in `Node v20.19.0 of this process`. */
  description: string;
  files: RuntimeFile[];
}

/** Gets a runtime for another platform. */
export type GetRuntime = (platform: string, arch: string, waiter: Waiter) => Promise<Runtime>;

/** One who waits for a runtime. */
export interface Waiter {
  /** To be called as long as something comes in. */
  onProgress(): void;
  /** Registers what to do when the runtime is not wanted any more: at once where that is so already. */
  onEnd(callback: () => void): void;
}
