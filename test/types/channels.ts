/** What must and must not compile with receivers, senders and channels. */

import { PassThrough } from 'node:stream';
import {
  type Channel,
  type Context,
  type OpenReceiver,
  type Router,
  type Sender,
  thisContext,
} from '@kinetin/master';

declare const router: Router;
declare const context: Context;
declare function is<Expected>(): <Given>(
  value: Given,
  ...same: [Expected, Given] extends [Given, Expected] ? [] : [never]
) => void;

// --- Receivers and senders

const numbers = router.receiver<number>();
is<OpenReceiver<number, Context>>()(numbers);
is<OpenReceiver<number, Context>>()(thisContext().router.receiver<number>());
is<Sender<number>>()(numbers.toSender());
is<Promise<number>>()(numbers.get({ timeout: 1, signal: AbortSignal.timeout(1) }));
for await (const number of numbers) is<number>()(number);
for await (const number of numbers.toWeb()) is<number>()(number);
router.receiver({ policy: 'above', respondent: context, once: true });
router.receiver({ policy: ({ id, isAbove }) => isAbove || id === 3 });

const sender = numbers.toSender();
await sender.send(1, { timeout: 1 });
await sender.sendAll([1, 2]);
await sender.sendAll(numbers, { end: false });
await sender.sendAll(new PassThrough());
await sender.sendAll(new ReadableStream<number>());
// @ts-expect-error another type
await sender.send('a');
// @ts-expect-error items of another type
await sender.sendAll(['a']);
// @ts-expect-error no such policy
router.receiver({ policy: 'everybody' });

await context.call((one: Sender<number>) => one.send(1), sender);
await context.call((all: Sender<number>[]) => all.length, [sender]);
is<Promise<Sender<string>>>()(
  context.call(() => thisContext().router.receiver<string>().toSender()),
);
// @ts-expect-error a sender of another type
await context.call((one: Sender<string>) => one.send('a'), sender);
// @ts-expect-error a receiver stays where it is
await context.call((one: OpenReceiver<number>) => one.get(), numbers);

// --- Channels

const channel = router.channel<number, string>();
is<Channel<number, string>>()(channel);
is<Promise<number>>()(channel.get());
await channel.send('a');
// @ts-expect-error that is what it reads
await channel.send(1);

/** The other end. */
async function lengths(other: Channel<string, number>): Promise<void> {
  for await (const text of other) await other.send(text.length);
}
await context.call(lengths, channel);
await context.callNoReply(lengths, channel);
// @ts-expect-error the same end
await context.call((one: Channel<number, string>) => one.get(), channel);
is<Promise<Channel<string, number>>>()(
  context.call(() => thisContext().router.channel<number, string>()),
);
