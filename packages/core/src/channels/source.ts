/**
 * What receivers and selects have in common: items that come in when they come in.
 */

/** A message as its reader sees it. */
export interface Received<Value, From = unknown> {
  /** The context that sent it. */
  readonly context: From;
  /** What it says. Throws where it reports a failure: a {@link CallError}, a {@link DeadLetterError}. */
  readonly value: Value;
}

/** Which receiver got which message. */
export interface SelectEvent<Value, From = unknown> {
  readonly receiver: Source<Value, From>;
  readonly message: Received<Value, From>;
}

/** Something that a {@link Select} can wait for. */
export interface Source<Value, From = unknown> {
  /** Items that can be taken at once. */
  readonly size: number;
  /** Whether nothing more will come once `size` is 0. */
  readonly isEnded: boolean;
  /** The next item, if there is one. */
  take(): SelectEvent<Value, From> | undefined;
  /** Calls `listener` each time that an item or the end has come. Returns what stops that. */
  watch(listener: () => void): () => void;
}
