/**
 * Pushed: part of the core, in every context.
 *
 * Well-known handles: listening points with a fixed meaning. docs/protocol.md describes the message
 * of each; a check compares the numbers. All others are allocated.
 */

/** First message to a new child: who it is. Ends the bootstrap. */
export const CONFIG = 100;
/** Run a function of a module and reply with its result; lives in the work thread. */
export const CALL = 101;
/** The same in the main thread, for Kinetin's own modules only. */
export const CALL_MAIN = 102;
/** A record for the master's log. */
export const LOG = 103;
/** From a parent: a context will be behind another. From a child: it has, or is, one that is new. */
export const ADD_ROUTE = 104;
/** A context is gone. */
export const DEL_ROUTE = 105;
/** End in order, children first. */
export const SHUTDOWN = 106;
/** A child asks for a module by hash. */
export const GET_MODULE = 107;
/** A parent hands a module down, asked or not. */
export const MODULE = 108;
/** A caller gives up a call: by its reply handle, with the reason. */
export const CANCEL = 110;
/** A neighbour says that it is there. A child answers its parent with the same. */
export const PING = 111;
/** A child asks for ids of contexts that it will start. */
export const ALLOCATE_ID = 113;
/** Call a method of a service, or give such a call up; lives in the work thread. */
export const SERVICE = 112;
/** A hop asks the master for a Node that it cannot send itself. */
export const GET_RUNTIME = 114;
/** The receiver of a large message has taken so many bytes more of it. */
export const CREDIT = 109;

/** Handles below this are well known. */
export const FIRST_ALLOCATED_HANDLE = 1000;

/**
 * Allocated handles and message numbers carry in their upper 12 bits the thread of the context that
 * owns them (0: the main thread), so that the main thread routes without a table of either.
 */
export const THREAD_SHIFT = 20;

/**
 * The flags of a CALL carry in their upper 4 bits its strand: calls of one strand have one thread. 0: any
 * thread. The numbers of threads that run at the same time end in different strands.
 */
export const STRAND_SHIFT = 4;
