// Where there is no C compiler: the same as ping-pong.c, between two Node processes. A pipe of
// Node's is a socketpair.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const ECHO = 'process.stdin.on("data", (bytes) => process.stdout.write(bytes))';
const echo = spawn(process.execPath, ['-e', ECHO], { stdio: ['pipe', 'pipe', 'inherit'] });
const bytes = Buffer.alloc(100);

function call() {
  return new Promise((resolve) => {
    const start = performance.now();
    echo.stdout.once('data', () => resolve((performance.now() - start) / 1000));
    echo.stdin.write(bytes);
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const taken = [];
  for (let left = Number(line.split(' ')[1]); left > 0; left--) taken.push(await call());
  console.log(taken.sort((a, b) => a - b)[taken.length >> 1]);
}
echo.stdin.end();
