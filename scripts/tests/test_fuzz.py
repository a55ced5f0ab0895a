"""Tests of the script that runs the fuzz targets."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import check
import fuzz
import fuzz_seeds
from steps import Tally


class Fuzz(unittest.TestCase):
    def test_every_target_has_different_seeds(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            fuzz_seeds.write(Path(folder))
            for target in fuzz.targets():
                seeds = list((Path(folder) / target).iterdir())
                self.assertGreaterEqual(len(seeds), 10, target)

    def test_a_target_without_executions_is_a_failure(self) -> None:
        self.assertTrue(fuzz.Result("window", 0, 0, 10.0).failed)
        self.assertTrue(fuzz.Result("window", 5, 5, 10.0, "panicked at").failed)
        self.assertFalse(fuzz.Result("window", 5, 5, 10.0).failed)

    def test_a_run_without_results_is_a_failure(self) -> None:
        self.assertEqual(check.fuzzed("\n15 targets passed, 0 failed\n", 0), Tally(passed=15))
        self.assertEqual(check.fuzzed("\n14 targets passed, 1 failed\n", 1), Tally(passed=14, failed=1))
        for output, status in (("", 0), ("15 targets passed, 0 failed\n", 1), ("0 targets passed, 0 failed\n", 0)):
            self.assertEqual(check.fuzzed(output, status).failed, 1, output)


if __name__ == "__main__":
    unittest.main()
