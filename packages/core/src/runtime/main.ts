/**
 * Pushed: the entry of the core. The first stage evaluates it in the main thread, the main thread in
 * the work thread; `boot` says which of the two this is.
 */

import { startChild } from './child.js';
import type { MainBoot, ThreadBoot } from './config.js';
import { startWorkThread } from './work-thread.js';

declare const boot: MainBoot | ThreadBoot;

if (Array.isArray(boot)) startChild(boot);
else startWorkThread(boot);
