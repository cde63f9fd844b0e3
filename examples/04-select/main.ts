/** Several calls at once, their answers in the order in which they come. */
import { Select, withRouter } from '@kinetin/master';

/** Answers with the name after so many milliseconds. */
function answerAfter(milliseconds: number, name: string): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(name), milliseconds));
}

await withRouter(async (router) => {
  // Connected first, so that the time to start does not count.
  const [a, b, c] = await Promise.all([router.local(), router.local(), router.local()]);
  const replies = [
    a.callAsync(answerAfter, 3000, 'slow'),
    b.callAsync(answerAfter, 1500, 'medium'),
    c.callAsync(answerAfter, 0, 'quick'),
  ];
  for await (const { message } of new Select(replies)) console.log(message.value);
});
