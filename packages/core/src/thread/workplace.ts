/** What all has that user code meets: the parts of the `thread` bundle get it. */

import type { Router } from '../routing/router.js';
import type { Config } from '../runtime/config.js';
import type { Loader } from '../runtime/loader.js';
import type { Log } from '../runtime/log.js';
import type { Dispatcher } from './dispatcher.js';

export interface Workplace {
  router: Router;
  dispatcher: Dispatcher;
  loader: Loader;
  config: Config;
  log: Log;
}
