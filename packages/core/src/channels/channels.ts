/**
 * Pushed: part of the `context` bundle; npm has it too.
 *
 * The receivers and channels of one context, and how senders and channels travel.
 */

import { checkOptions, invalidArgument, type OptionTypes, shown } from '../arguments.js';
import type { Router } from '../routing/router.js';
import { CHANNEL, type Endpoints, SENDER } from '../wire/endpoints.js';
import { CHANNEL_WINDOW_BYTES, MAX_CHANNEL_WINDOW_BYTES, MAX_SENDERS } from '../wire/limits.js';
import { type Address, readAddress } from './address.js';
import { Channel, type ChannelOptions } from './channel.js';
import { give } from './gifts.js';
import type { Place } from './line.js';
import { OpenReceiver, type ReceiverHost, type ReceiverOptions } from './open-receiver.js';
import { Sender } from './sender.js';

export interface ChannelsOptions<From> {
  readonly core: Router;
  readonly endpoints: Endpoints;
  /** The context of a message. */
  contextOf(id: number): From;
  readonly leave?: Place['leave'];
}

const CHANNEL_OPTIONS: OptionTypes<ChannelOptions> = {
  policy: '',
  respondent: 'object',
  windowBytes: '',
};

const nameOf = (address: Address): string => address.join(':');

export class Channels<From> {
  private _host: ReceiverHost<From>;
  /** Those that have not ended, by their addresses. */
  private _senders: Map<string, Sender<never>> = new Map();
  /** How many of those that have arrived have not ended, by the context that they send to. */
  private _open: Map<number, number> = new Map();
  /** Why nothing will come any more; undefined while something may. */
  private _error: unknown;

  constructor({ core, endpoints, contextOf, leave }: ChannelsOptions<From>) {
    /** Who waits for room; the one that was refused first goes first. */
    let crowded: (() => boolean)[] = [];
    const takeTurns = () => {
      let all = crowded;
      crowded = [];
      while (all.length > 0) all = all.filter((go) => go());
    };
    // Both take what room they find: large messages come first every other time.
    let isFirst = false;
    core.onDrain = (isBefore) => {
      if (isBefore) isFirst = !isFirst;
      if (isFirst || !isBefore) takeTurns();
    };
    const host: ReceiverHost<From> = {
      core,
      leave,
      whenDrained: (go) => void crowded.push(go),
      contextOf,
      keep: (sender) => this._keep(sender),
      forget: (sender) => this._forget(sender),
      open: new Set(),
    };
    this._host = host;
    endpoints.travels(Sender, SENDER, (sender) => {
      sender.checkRouter(core);
      this._give(sender);
      if (sender.address) return sender.address;
      throw new TypeError('the channel that it belongs to has no other end yet');
    });
    endpoints.arrives(SENDER, (plain) => this._senderAt(readAddress(plain)));
    endpoints.travels(Channel, CHANNEL, (channel) => {
      channel.sender.checkRouter(core);
      return channel.give();
    });
    endpoints.arrives(CHANNEL, (plain) => {
      const address = readAddress(plain);
      this._count(address, 1);
      const channel = new Channel(host, {}, address);
      this._openLater(channel.sender, address);
      return channel;
    });
  }

  receiver<Value>(options: ReceiverOptions = {}): OpenReceiver<Value, From> {
    checkOptions('receiver', options, { ...CHANNEL_OPTIONS, once: 'boolean' });
    this._check(options);
    return new OpenReceiver(this._host, options);
  }

  channel<In, Out>(options: ChannelOptions = {}): Channel<In, Out> {
    checkOptions('channel', options, CHANNEL_OPTIONS);
    this._check(options);
    return new Channel(this._host, options);
  }

  /** Nothing will come any more, anywhere. */
  end(error: unknown): void {
    this._error = error;
    for (const receiver of [...this._host.open]) receiver.end(error);
  }

  /** Throws a TypeError with the code ERR_INVALID_ARG; the error of the end after that. */
  private _check(options: ReceiverOptions): void {
    const { policy = 'anybody', respondent, windowBytes = CHANNEL_WINDOW_BYTES } = options;
    if (this._error) throw this._error;
    if (policy !== 'anybody' && policy !== 'above' && typeof policy !== 'function') {
      throw invalidArgument(`policy must be 'above', 'anybody' or a function, not ${policy}`);
    }
    if (respondent && typeof respondent.origin?.id !== 'number') {
      throw invalidArgument('respondent must be a context');
    }
    const isWindow =
      Number.isInteger(windowBytes) &&
      windowBytes >= CHANNEL_WINDOW_BYTES &&
      windowBytes <= MAX_CHANNEL_WINDOW_BYTES;
    if (!isWindow) {
      const range = `${CHANNEL_WINDOW_BYTES} to ${MAX_CHANNEL_WINDOW_BYTES}`;
      throw invalidArgument(
        `windowBytes must be a whole number from ${range}, not ${shown(windowBytes)}`,
      );
    }
  }

  /** Where all to whom a sender was given never got it, its receiver waits for nobody. */
  private _give(sender: Sender): void {
    sender.given++;
    const isLast = () => --sender.given === 0;
    give({
      takeBack: isLast,
      fail: (error) => {
        if (!isLast()) return;
        for (const receiver of [...this._host.open]) receiver.failWithout(sender, error);
      },
    });
  }

  private _senderAt(address: Address): Sender<never> {
    const known = this._senders.get(nameOf(address));
    if (known) return known;
    this._count(address, 1);
    const sender = new Sender<never>(this._host, address);
    this._keep(sender);
    this._openLater(sender, address);
    return sender;
  }

  /** Counts a sender that arrives, or has ended: each has a handle here, whoever has made it up. */
  private _count([context]: Address, change: 1 | -1): void {
    const count = (this._open.get(context) || 0) + change;
    if (count > MAX_SENDERS) throw new TypeError(`too many senders to context ${context} are open`);
    if (count > 0) this._open.set(context, count);
    else this._open.delete(context);
  }

  /** A value is being decoded, and the introduction may be decoded here, too. */
  private _openLater(sender: Sender, address: Address): void {
    sender.whenEnded(() => this._count(address, -1));
    process.nextTick(() => sender.open());
  }

  private _keep(sender: Sender<never>): void {
    this._senders.set(nameOf(sender.address as Address), sender);
    sender.whenEnded(() => this._forget(sender));
  }

  private _forget(sender: Sender<never>): void {
    this._senders.delete(nameOf(sender.address as Address));
  }
}
