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
  readonly children: readonly TreeNode[];
}
