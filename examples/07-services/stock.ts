/** What the program has in stock; contexts take from it. */
import { type Exposed, Service } from '@kinetin/master';

export class Stock extends Service {
  static readonly serviceName = 'stock';
  static readonly concurrency = 'serial';
  static readonly exposed = {
    take: { policy: 'anybody', args: ['string', 'number'] },
    close: { policy: 'above' },
  } satisfies Exposed<Stock>;

  constructor(private readonly left: Map<string, number>) {
    super();
  }

  take(part: string, count: number): number {
    const there = this.left.get(part) ?? 0;
    const taken = Math.min(there, count);
    this.left.set(part, there - taken);
    return taken;
  }

  close(): void {
    this.left.clear();
  }
}
