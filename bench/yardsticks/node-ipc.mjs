// Node's own way to talk to a child process, with requests and answers as Node programs write them.
// Reads lines `in-flight N`, answers each with the seconds that N requests sent at once took.
import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

if (process.send) process.on('message', ({ id }) => process.send({ id, result: process.cwd() }));
else await measure();

async function measure() {
  const child = fork(fileURLToPath(import.meta.url));
  const pending = new Map();
  let lastId = 0;
  child.on('message', ({ id, result }) => {
    pending.get(id)(result);
    pending.delete(id);
  });
  const call = () =>
    new Promise((resolve) => {
      pending.set(++lastId, resolve);
      child.send({ id: lastId, name: 'process.cwd', args: [] });
    });
  for await (const line of createInterface({ input: process.stdin })) {
    const start = performance.now();
    await Promise.all(Array.from({ length: Number(line.split(' ')[1]) }, call));
    console.log((performance.now() - start) / 1000);
  }
  child.disconnect();
}
