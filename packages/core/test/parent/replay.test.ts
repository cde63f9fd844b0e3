import { expect } from 'chai';
import { replayable } from '../../src/parent/replay.js';
import type { Transport } from '../../src/routing/transport.js';

/** Keeps what is written; each write is done at once. */
class StubTransport implements Transport {
  written: string[] = [];
  bytes = 0;
  open(): void {}
  write(bytes: Buffer, written: () => void): void {
    this.written.push(bytes.toString('latin1', 0, 8));
    this.bytes += bytes.length;
    written();
  }
  pause(): void {}
  resume(): void {}
  close(): void {}
}

describe('parent/replay', () => {
  let stub: StubTransport;
  let done: string[];
  let transport: ReturnType<typeof replayable>;
  const write = (text: string, length = text.length) =>
    transport.write(Buffer.alloc(length, text), () => done.push(text));
  beforeEach(() => {
    stub = new StubTransport();
    done = [];
    transport = replayable(stub);
  });

  it('writes at once, and says that it has when the child reads', () => {
    write('one');
    write('two');
    expect(stub.written).to.deep.equal(['one', 'two']);
    expect(done).to.deep.equal([]);
    transport.confirm();
    expect(stub.written).to.deep.equal(['one', 'two']);
    expect(done).to.deep.equal(['one', 'two']);
    write('three');
    expect(done).to.deep.equal(['one', 'two', 'three']);
  });

  it('writes nothing while it is held, and then all, in order', () => {
    write('one');
    transport.hold();
    write('two');
    expect(stub.written).to.deep.equal(['one']);
    transport.replay();
    expect(stub.written).to.deep.equal(['one', 'one', 'two']);
    write('three');
    transport.confirm();
    expect(stub.written).to.deep.equal(['one', 'one', 'two', 'three']);
    expect(done.sort()).to.deep.equal(['one', 'three', 'two']);
  });

  it('says of none that it is written while the transport has its memory, which is used again then', () => {
    const callbacks: (() => void)[] = [];
    stub.write = (bytes, written) => {
      stub.written.push(bytes.toString('latin1', 0, 8));
      callbacks.push(written);
    };
    write('one');
    transport.confirm();
    expect(done).to.deep.equal([]);
    callbacks.shift()?.();
    expect(done).to.deep.equal(['one']);
    // Twice in its hands: written before there was a Node, and again.
    transport = replayable(stub);
    write('two');
    transport.hold();
    transport.replay();
    callbacks.shift()?.();
    transport.confirm();
    expect(done).to.deep.equal(['one']);
    callbacks.shift()?.();
    expect(done).to.deep.equal(['one', 'two']);
    expect(stub.written).to.deep.equal(['one', 'two', 'two']);
  });

  it('writes all that nobody has read where the child reads before it was said that it will', () => {
    write('one');
    transport.hold();
    write('two');
    transport.confirm();
    transport.replay();
    expect(stub.written).to.deep.equal(['one', 'one', 'two']);
    expect(done).to.have.members(['one', 'two']);
  });

  it('writes no more than half a MiB before the child reads, in order', () => {
    for (const text of ['a', 'b', 'c', 'd']) write(text, 200_000);
    write('small');
    expect(stub.bytes).to.equal(400_000);
    transport.confirm();
    expect(stub.written.map((text) => text[0])).to.deep.equal(['a', 'b', 'c', 'd', 's']);
    expect(done).to.have.length(5);
  });

  it('keeps the order where those who are told that there is room write more', () => {
    transport.write(Buffer.from('first'), () => write('more'));
    transport.hold();
    write('second');
    transport.confirm();
    expect(stub.written).to.deep.equal(['first', 'first', 'second', 'more']);
  });
});
