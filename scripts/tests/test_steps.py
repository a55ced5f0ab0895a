"""Tests of the runner: a miscounted failure would make every other check worthless."""

import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from steps import (  # noqa: E402
    Step,
    Tally,
    Unavailable,
    cargo_tests,
    junit,
    one_check_unless_skipped,
    preparation,
    run_all,
)

PASSING = [sys.executable, "-c", "print('quiet please')"]
FAILING = [sys.executable, "-c", "print('it broke here'); raise SystemExit(1)"]


def missing() -> None:
    raise Unavailable("no `frobnicator` on the PATH")


def run(*steps: Step, forbid_skips: bool = False) -> "tuple[int, list[str]]":
    out = io.StringIO()
    status = run_all(steps, forbid_skips, out)
    return status, out.getvalue().splitlines()


class CargoTests(unittest.TestCase):
    def test_all_binaries_are_summed(self) -> None:
        output = (
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n"
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n"
        )
        self.assertEqual(cargo_tests(output, 101), Tally(7, 2, 1))

    def test_a_run_that_does_not_compile_is_a_failure(self) -> None:
        self.assertEqual(cargo_tests("error: could not compile `x`", 101), Tally(0, 1))

    def test_a_binary_that_crashed_is_a_failure_in_addition_to_the_tests_that_passed(self) -> None:
        output = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n(signal: 6, SIGABRT)"
        self.assertEqual(cargo_tests(output, 101), Tally(3, 1))

    def test_a_run_without_tests_is_a_failure(self) -> None:
        self.assertEqual(cargo_tests("", 0), Tally(0, 1))

    def test_a_part_that_a_test_reports_as_skipped_is_skipped(self) -> None:
        output = (
            "test a ... \nskipped: docs/x.md:1: no `aws` on the PATH\nok\n"
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured"
        )
        self.assertEqual(cargo_tests(output, 0), Tally(1, 0, 1))


class JUnit(unittest.TestCase):
    def counted(self, text: str, status: int) -> Tally:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            if text:
                report.write_text(text)
            return junit(report)("", status)

    def test_errors_count_as_failures(self) -> None:
        suite = '<testsuites><testsuite tests="6" failures="1" errors="1" skipped="1"/></testsuites>'
        self.assertEqual(self.counted(suite, 1), Tally(3, 2, 1))

    def test_no_report_is_a_failure(self) -> None:
        self.assertEqual(self.counted("", 0), Tally(0, 1))

    def test_no_test_is_a_failure(self) -> None:
        suite = '<testsuites><testsuite tests="0" failures="0" errors="0" skipped="0"/></testsuites>'
        self.assertEqual(self.counted(suite, 5), Tally(0, 1))


class Running(unittest.TestCase):
    def test_the_last_line_is_the_sum(self) -> None:
        status, printed = run(Step("good", PASSING), Step("bad", FAILING), Step("fine", PASSING))
        self.assertEqual(status, 1)
        self.assertEqual(printed[-1], "2 passed, 1 failed")

    def test_only_the_output_of_failed_steps_is_shown(self) -> None:
        _, printed = run(Step("good", PASSING), Step("bad", FAILING))
        self.assertIn("it broke here", printed)
        self.assertNotIn("quiet please", printed)

    def test_a_missing_tool_is_a_skip_with_one_line(self) -> None:
        status, printed = run(Step("good", PASSING), Step("odd", PASSING, needs=[missing]))
        self.assertEqual(status, 0)
        self.assertEqual(printed[-1], "1 passed, 0 failed, 1 skipped")
        self.assertTrue(any("no `frobnicator` on the PATH" in row for row in printed))

    def test_a_forbidden_skip_is_a_failure(self) -> None:
        status, printed = run(
            Step("good", PASSING), Step("odd", PASSING, needs=[missing]), forbid_skips=True
        )
        self.assertEqual(status, 1)
        self.assertEqual(printed[-1], "1 passed, 1 failed")

    def test_a_step_that_may_be_skipped_is_not_a_failure_if_skips_are_forbidden(self) -> None:
        status, printed = run(
            Step("good", PASSING),
            Step("odd", PASSING, needs=[missing], may_be_skipped=True),
            forbid_skips=True,
        )
        self.assertEqual(status, 0)
        self.assertEqual(printed[-1], "1 passed, 0 failed, 1 skipped")

    def test_a_step_that_reports_itself_as_skipped_counts_as_skipped(self) -> None:
        command = [sys.executable, "-c", "print('skipped: no `frobnicator` here')"]
        counting = {"count": one_check_unless_skipped}
        good = Step("good", PASSING)
        _, printed = run(good, Step("odd", command, may_be_skipped=True, **counting), forbid_skips=True)
        self.assertEqual(printed[-1], "1 passed, 0 failed, 1 skipped")
        _, printed = run(good, Step("odd", command, **counting), forbid_skips=True)
        self.assertEqual(printed[-1], "1 passed, 1 failed")
        _, printed = run(good, Step("bad", FAILING, **counting))
        self.assertEqual(printed[-1], "1 passed, 1 failed")

    def test_only_the_dropped_lines_of_a_passing_step_are_shown(self) -> None:
        code = "print('dropped: the moon'); print('quiet please')"
        _, printed = run(Step("good", [sys.executable, "-c", code]))
        self.assertIn("    dropped: the moon", printed)
        self.assertNotIn("quiet please", "".join(printed))

    def test_an_ignored_test_is_a_failure_if_skips_are_forbidden(self) -> None:
        line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured"
        step = Step("tests", [sys.executable, "-c", f"print({line!r})"], count=cargo_tests)
        self.assertEqual(run(step)[1][-1], "3 passed, 0 failed, 1 skipped")
        self.assertEqual(run(step, forbid_skips=True)[1][-1], "3 passed, 1 failed")

    def test_a_step_after_a_failed_step_fails_too(self) -> None:
        status, printed = run(Step("build", FAILING), Step("use", PASSING, after="build"))
        self.assertEqual(status, 1)
        self.assertEqual(printed[-1], "0 passed, 2 failed")

    def test_a_preparation_counts_only_when_it_fails(self) -> None:
        build = Step("build", PASSING, count=preparation)
        self.assertEqual(run(build, Step("use", PASSING, after="build"))[1][-1], "1 passed, 0 failed")
        build = Step("build", FAILING, count=preparation)
        self.assertEqual(run(build, Step("good", PASSING))[1][-1], "1 passed, 1 failed")

    def test_a_step_that_hangs_is_stopped_and_fails(self) -> None:
        hang = [sys.executable, "-c", "import time; time.sleep(60)"]
        status, printed = run(Step("hang", hang, limit_seconds=1))
        self.assertEqual(status, 1)
        self.assertIn("timed out after 1 s: stopped", printed)

    def test_a_step_that_is_aside_runs_next_to_the_others_and_counts(self) -> None:
        # Each waits for the file that the other makes.
        with tempfile.TemporaryDirectory() as folder:
            wait = "touch {mine}; for i in $(seq 100); do [ -e {other} ] && exit 0; sleep 0.1; done; exit 1"
            one, two = (Path(folder) / name for name in ("one", "two"))
            steps = [
                Step("aside", ["sh", "-c", wait.format(mine=one, other=two)], aside="lane"),
                Step("not aside", ["sh", "-c", wait.format(mine=two, other=one)]),
            ]
            status, lines = run(*steps)
        self.assertEqual((status, lines[-1]), (0, "2 passed, 0 failed"), lines)

    def test_a_step_waits_for_the_step_of_a_lane_that_it_is_after(self) -> None:
        for status in (0, 1):
            steps = [
                Step("slow", ["sh", "-c", f"sleep 0.5; exit {status}"], aside="lane"),
                Step("other", ["true"], aside="another lane"),
                Step("after", ["true"], after="slow"),
            ]
            got, lines = run(*steps)
            expected = "3 passed, 0 failed" if status == 0 else "1 passed, 2 failed"
            self.assertEqual((got, lines[-1]), (status, expected), lines)

    def test_a_step_that_is_not_next_to_another_runs_after_it_whatever_its_result(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "made"
            steps = [
                Step("slow", ["sh", "-c", f"sleep 0.5; touch {made}; exit 1"], aside="lane"),
                Step("alone", ["test", "-e", made], not_next_to="slow"),
            ]
            status, lines = run(*steps)
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"), lines)

    def test_nothing_run_is_not_a_success(self) -> None:
        status, printed = run(Step("odd", PASSING, needs=[missing]))
        self.assertEqual(status, 1)
        self.assertEqual(printed[-1], "0 passed, 0 failed, 1 skipped")


if __name__ == "__main__":
    unittest.main()
