/**
 * Parts of the machine that a test needs and a user's machine may lack (sshd, a shell, root).
 */

/**
 * For `before(requirePart('sshd', canRunSshd(), async () => { sshd = await startSshd(); }))`: where
 * the part is missing, skips the suite and says so; throws instead where KINETIN_REQUIRE_ALL=1, so
 * that CI cannot skip anything silently. `setUp` runs where the part is there.
 */
export function requirePart(
  name: string,
  isAvailable: boolean,
  setUp?: () => void | Promise<void>,
): (this: Mocha.Context) => Promise<void> {
  return async function (this: Mocha.Context): Promise<void> {
    if (isAvailable) return setUp?.();
    if (process.env.KINETIN_REQUIRE_ALL === '1') {
      throw new Error(`${name} is missing, and KINETIN_REQUIRE_ALL=1 asks for every test to run`);
    }
    console.warn(`      skipped: ${name} is missing on this machine`);
    this.skip();
  };
}
