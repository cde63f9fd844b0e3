/** Many messages: from many contexts, with one in both directions, and as streams. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { type Channel, type Sender, withRouter } from '@kinetin/master';

/** Sends a few measurements; the receiver ends when all who measure have closed. */
async function measure(name: string, sender: Sender<string>): Promise<void> {
  await using results = sender;
  for (let i = 1; i <= 2; i++) await results.send(`${name}: measurement ${i}`);
}

/** Answers as long as it is asked. */
async function calculate(channel: Channel<[number, number], number>): Promise<void> {
  for await (const [a, b] of channel) await channel.send(a * b);
  await channel.close();
}

function readFile(path: string, sender: Sender<Buffer>): Promise<void> {
  return sender.sendAll(createReadStream(path));
}

await withRouter(async (router) => {
  const contexts = ['web1', 'web2'].map((name) => ({ name, context: router.local({ name }) }));

  const results = router.receiver<string>();
  const measuring = contexts.map(({ name, context }) =>
    context.call(measure, name, results.toSender()),
  );
  const lines: string[] = [];
  for await (const line of results) lines.push(line);
  console.log(lines.sort().join('\n'));
  await Promise.all(measuring);

  const [{ context }] = contexts as [(typeof contexts)[0]];
  await using channel = router.channel<number, [number, number]>();
  const calculating = context.call(calculate, channel);
  await channel.send([6, 7]);
  console.log('6 * 7 is', await channel.get());
  await channel.sender.close();
  await calculating;

  const file = router.receiver<Buffer>();
  const reading = context.call(readFile, import.meta.filename, file.toSender());
  let count = 0;
  for await (const line of createInterface({ input: file.toReadable() }))
    if (line !== '') count += 1;
  console.log('this file has', count, 'lines that are not empty');
  await reading;
});
