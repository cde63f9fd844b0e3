/**
 * Pushed: part of the `context` bundle; npm has it too.
 *
 * A receiver that others send to.
 */

import type { DeadLetterError } from '../errors.js';
import type { Message } from '../routing/message.js';
import { ChannelError } from './channel-error.js';
import { type Holder, Intake } from './intake.js';
import type { Place } from './line.js';
import type { Introduction } from './protocol.js';
import { type Feed, Receiver } from './receiver.js';
import { Sender } from './sender.js';
import type { Received, SelectEvent } from './source.js';

/** Who sends. */
export interface SenderContext {
  /** Of the context: 0 is the master. */
  readonly id: number;
  /** Whether it is the context that the receiver is in, or one above that. */
  readonly isAbove: boolean;
}

export interface ReceiverOptions {
  /**
   * Who may send, of those who were given a sender: contexts above and this one itself, everybody in
   * the tree, or those for whom the function returns `true`. Who was given none never may.
   * @defaultValue 'anybody'
   */
  policy?: 'above' | 'anybody' | ((sender: SenderContext) => boolean) | undefined;
  /**
   * A context: the only one that may send. When it is lost, the receiver fails, also before that has
   * a sender.
   */
  respondent?: { readonly origin: { readonly id: number } } | undefined;
  /**
   * Whether to end with the first message.
   * @defaultValue false
   */
  once?: boolean | undefined;
  /**
   * Bytes that each context that sends may have under way before they are read, and one message more:
   * 524288 to 67108864. A connection carries no more than that in each round trip, so a long and
   * fast one wants more. So much memory a reader that stands still may take, for each who sends, and so
   * much one who sends faster than its connection.
   * @defaultValue 524288
   */
  windowBytes?: number | undefined;
}

/** No context listens there: what is sent to it is always answered with a dead letter. */
const NO_HANDLE = 0;

/** What receivers need of where they are. */
export interface ReceiverHost<From> extends Place {
  contextOf(id: number): From;
  /** Senders that are here; what arrives as the same sender becomes the same object. */
  keep(sender: Sender<never>): void;
  forget(sender: Sender<never>): void;
  /** Receivers that have not ended. */
  readonly open: Set<OpenReceiver<never, unknown>>;
}

/** A message, and who gets credit when it is read. */
interface Arrival<Value, From> extends Received<Value, From> {
  readonly holder: Holder;
  readonly bytes: number;
}

/**
 * Receives what its senders send, in order for each context that sends. It ends when all its senders
 * were closed, and fails when a context is lost that has one, or the call that was to bring it one
 * reached nobody: readers get what had arrived, and then
 * the reason. What waits to be read is bounded for each context; the others wait where they are sent.
 */
export class OpenReceiver<Value = unknown, From = unknown> extends Receiver<Value, From> {
  private _host: ReceiverHost<From>;
  private _feed: Feed<Value, From>;
  private _options: ReceiverOptions;
  /** Hears of the loss of the respondent; 0 where there is none. */
  private _watch = 0;
  /** With the sender that was made for each, if any. */
  private _intakes: Map<Intake, Sender<Value> | undefined> = new Map();

  /** For Kinetin's own use. */
  constructor(
    host: ReceiverHost<From>,
    options: ReceiverOptions = {},
    private _onFailed: (error: unknown) => void = () => {},
  ) {
    const feeds: Feed<Value, From>[] = [];
    super((feed) => void feeds.push(feed));
    this._feed = feeds[0] as Feed<Value, From>;
    this._host = host;
    this._options = options;
    host.open.add(this as never);
    const { respondent } = options;
    if (respondent) this._watchFor(respondent.origin.id);
  }

  /**
   * A sender for this receiver. Make one for each context that is to send: the receiver ends when all
   * of them were closed, and each ends with the first who closes it.
   *
   * @throws {@link ChannelError} ERR_ENDED, ERR_CLOSED_HERE after the end.
   */
  toSender(): Sender<Value> {
    if (this.isEnded) {
      throw new ChannelError('ERR_ENDED', 'cannot make a sender: the receiver has ended');
    }
    const intake = this.listen();
    const sender = new Sender<Value>(this._host, intake.address);
    this._intakes.set(intake, sender);
    this._host.keep(sender as Sender<never>);
    return sender;
  }

  override take(): SelectEvent<Value, From> | undefined {
    const event = super.take();
    if (event) {
      const { holder, bytes } = event.message as Arrival<Value, From>;
      holder.read(bytes);
    }
    return event;
  }

  override close(reason?: unknown): void {
    super.close(reason);
    this._release(reason);
  }

  /** For Kinetin's own use. Ends it: with an `error` as a loss, which those who send learn as well. */
  end(error?: unknown): void {
    this._feed.end(error);
    if (error) this._onFailed(error);
    this._release(error);
  }

  /** For Kinetin's own use. Ends it as a loss if nobody has `sender`, which was one of its own. */
  failWithout(sender: unknown, error: unknown): void {
    for (const [intake, own] of [...this._intakes]) {
      if (own === sender && !intake.isHeld) this.end(error);
    }
  }

  /** For Kinetin's own use. A place to send to; `onHolder` is told of the one that has it. */
  listen(onHolder?: (message: Message, introduction: Introduction) => void): Intake {
    const { policy, respondent, once, windowBytes } = this._options;
    const { core } = this._host;
    const intake: Intake = new Intake(
      {
        place: this._host,
        isExclusive: onHolder !== undefined,
        windowBytes,
        allows: (message) => {
          const { source: id } = message;
          if (respondent && respondent.origin.id !== id) return false;
          const isAbove = core.isAbove(message);
          return typeof policy === 'function'
            ? policy({ id, isAbove }) === true
            : policy !== 'above' || isAbove;
        },
      },
      {
        onHolder: onHolder || (() => {}),
        onValue: (value, { source }, holder, bytes) => {
          const arrival = { context: this._host.contextOf(source), value, holder, bytes };
          this._feed.deliver(arrival as Arrival<Value, From>);
          if (once) this.end();
        },
        onEnd: () => {
          this._forget(intake);
          if (this._intakes.size === 0) this.end();
        },
        onFailed: (error) => this.end(error),
      },
    );
    this._intakes.set(intake, undefined);
    return intake;
  }

  private _forget(intake: Intake): void {
    const sender = this._intakes.get(intake);
    if (sender) this._host.forget(sender as Sender<never>);
    this._intakes.delete(intake);
  }

  private _release(reason: unknown): void {
    this._host.open.delete(this as never);
    this._host.core.unlisten(this._watch);
    for (const intake of [...this._intakes.keys()]) {
      this._forget(intake);
      intake.close(reason);
    }
  }

  /**
   * Sees to it that the loss of context `id` is heard of here. Those on the way tell whom they know to
   * have sent there: hence a message, which nobody takes.
   */
  private _watchFor(id: number): void {
    const { core } = this._host;
    const replyHandle = core.listen({
      respondent: id,
      onMessage: (message) => {
        try {
          core.decode(message);
        } catch (error) {
          if ((error as DeadLetterError).code !== 'ERR_NO_HANDLE') this.end(error);
        }
      },
    });
    this._watch = replyHandle;
    core.send({ destination: id, handle: NO_HANDLE, replyHandle, body: core.encode(undefined) });
  }
}
