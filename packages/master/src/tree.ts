/**
 * The tree of contexts as plain values.
 */

export interface TreeNode {
  readonly name: string;
  /** How it was started; `master` for the root. */
  readonly method: string;
  /** Undefined while it is being started, as is `nodeVersion`. */
  readonly pid: number | undefined;
  readonly nodeVersion: string | undefined;
  /**
   * Milliseconds from the master to its main thread and back, with fractions; undefined where it was
   * not connected, or did not answer in time. 0 for the root.
   */
  readonly roundTripMs: number | undefined;
  readonly children: readonly TreeNode[];
}
