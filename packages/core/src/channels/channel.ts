/**
 * Pushed: part of the `context` bundle; npm has it too.
 *
 * Both directions in one value.
 */

import { type Address, readAddress } from './address.js';
import { give } from './gifts.js';
import type { Intake } from './intake.js';
import { OpenReceiver, type ReceiverHost, type ReceiverOptions } from './open-receiver.js';
import type { Introduction } from './protocol.js';
import type { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { toDuplex, type WebReadable, type WebWritable } from './streams.js';
import type { WaitOptions } from './wait.js';

/** For what this end reads. The other end, where it arrives, has the defaults. */
export type ChannelOptions = Pick<ReceiverOptions, 'policy' | 'respondent' | 'windowBytes'>;

/**
 * One end of a connection between two contexts: reads `In`, sends `Out`. `router.channel()` makes one
 * end; as an argument or a result it becomes the other end there, once. What is sent before waits. Where
 * the call that it was an argument of reaches nobody, both directions fail.
 *
 * @example
 * ```ts
 * import { type Channel, withRouter } from '@kinetin/master';
 *
 * async function lengths(channel: Channel<string, number>) {
 *   for await (const text of channel) await channel.send(text.length);
 *   await channel.close();
 * }
 *
 * await withRouter(async (router) => {
 *   const channel = router.channel<number, string>();
 *   const done = router.local().call(lengths, channel);
 *   await channel.send('abc');
 *   console.log(await channel.get());
 *   await channel.close();
 *   await done;
 * });
 * ```
 */
export class Channel<In = unknown, Out = unknown> implements AsyncDisposable {
  /** What the other end sends. */
  readonly receiver: Receiver<In>;
  /** To the other end. Close it to end this direction alone. */
  readonly sender: Sender<Out>;

  /** Where this end reads, until it is given away. */
  private _offer: Intake | undefined;

  /** For Kinetin's own use. Without `peer`, the end that is made first. */
  constructor(host: ReceiverHost<unknown>, options: ChannelOptions, peer?: Address) {
    const sender = new Sender<Out>(host, peer);
    // Until each end has heard of the other, a failure in one direction is one in both.
    let isConnected = false;
    const onFailed = (error: unknown) => isConnected || sender.end(error, error);
    const receiver = new OpenReceiver<In>(host, options, onFailed);
    const intake = receiver.listen(({ source }, introduction) => {
      if (!peer) sender.connect(backOf(source, introduction));
      isConnected = true;
    });
    sender.whenEnded((error) => {
      if (isConnected) return;
      receiver.end(error);
      // Nobody is to come.
      intake.close(error, false);
    });
    this.receiver = receiver;
    this.sender = sender;
    if (peer) sender.back = intake.address;
    else this._offer = intake;
  }

  get endpoint(): 'channel' {
    return 'channel';
  }

  /** Messages that have come and have not been read. */
  get size(): number {
    return this.receiver.size;
  }

  /** Whether nothing more will come. */
  get isEnded(): boolean {
    return this.receiver.isEnded;
  }

  /** Sends a message to the other end. See {@link Sender.send}. */
  send(value: Out, options?: WaitOptions): Promise<void> {
    return this.sender.send(value, options);
  }

  /** The next message of the other end. See {@link Receiver.get}. */
  get(options?: WaitOptions): Promise<In> {
    return this.receiver.get(options);
  }

  /** Reads what the other end sends until it closes; throws at a loss. */
  [Symbol.asyncIterator](): AsyncGenerator<In, void, undefined> {
    return this.receiver[Symbol.asyncIterator]();
  }

  /**
   * Ends both directions: what was sent still arrives there, and nothing is read here any more.
   * Resolves as {@link Sender.close} does, and at once while there is no other end.
   */
  async close(options: WaitOptions = {}): Promise<void> {
    const offer = this._offer;
    this._offer = undefined;
    const closed = this.sender.close(options);
    this.receiver.close('the channel was closed');
    // Nobody is to come.
    offer?.close(undefined, false);
    await closed;
  }

  /** A duplex stream of objects. See {@link Receiver.toReadable} and {@link Sender.toWritable}. */
  toDuplex(): import('node:stream').Duplex {
    return toDuplex(this.receiver, this.sender);
  }

  /**
   * The same for the Web: a pair, as `pipeThrough` takes it.
   *
   * @throws {@link ChannelError} ERR_NO_WEB_STREAMS, before Node 18.
   */
  toWeb(): { readable: WebReadable<In>; writable: WebWritable<Out> } {
    return { readable: this.receiver.toWeb(), writable: this.sender.toWeb() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For Kinetin's own use. Where the other end finds this one. Throws the second time. */
  give(): Address {
    const offer = this._offer;
    if (!offer) {
      throw new TypeError('that both of its ends are taken; make a channel for each peer');
    }
    this._offer = undefined;
    const { sender } = this;
    give({
      takeBack: () => {
        this._offer = offer;
      },
      fail: (error) => {
        if (!sender.address) sender.end(error, error);
      },
    });
    return offer.address;
  }
}

/** Where the other end reads. */
function backOf(source: number, [, ...back]: Introduction): Address {
  const [, handle, key] = readAddress(back);
  return [source, handle, key];
}
