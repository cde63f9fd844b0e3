// Mocha's "spec" reporter, which also tells the parent process after each test how many passed,
// failed and were skipped: scripts/test.mjs sums up from that, even when mocha itself dies.
import mocha from 'mocha';

const { EVENT_RUN_END, EVENT_TEST_END, EVENT_TEST_FAIL } = mocha.Runner.constants;

export default class Reporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const tell = (isDone) => {
      const { passes, failures, pending } = runner.stats;
      process.send?.({ passed: passes, failed: failures, skipped: pending, isDone });
    };
    runner.on(EVENT_TEST_END, () => tell(false));
    // A failed hook is no test, and has no end.
    runner.on(EVENT_TEST_FAIL, () => tell(false));
    runner.once(EVENT_RUN_END, () => tell(true));
  }
}
