/**
 * Pushed: part of the core, in every context.
 *
 * Levels of log records, as they travel.
 */

export const DEBUG = 10;
export const INFO = 20;
export const WARN = 30;
export const ERROR = 40;
