/** Counts, in the context that it runs in. */
import { type Exposed, Service } from '@kinetin/master';

export class Tally extends Service {
  static readonly serviceName = 'tally';
  static readonly exposed = {
    add: { policy: 'anybody', args: ['number'] },
    total: { policy: 'above' },
  } satisfies Exposed<Tally>;

  private sum = 0;

  add(count: number): number {
    this.sum += count;
    return this.sum;
  }

  total(): number {
    return this.sum;
  }
}
