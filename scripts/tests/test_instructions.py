"""The comparison of instruction counts."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import instructions  # noqa: E402


class Compare(unittest.TestCase):
    def test_a_count_up_to_3_percent_above_the_recorded_one_passes(self) -> None:
        self.assertEqual(instructions.compare({"vend": 1_030}, {"vend": 1_000}), [])
        self.assertEqual(instructions.compare({"vend": 500}, {"vend": 1_000}), [])

    def test_a_higher_count_is_a_fault_that_names_the_work_and_the_command(self) -> None:
        [fault] = instructions.compare({"vend": 1_031}, {"vend": 1_000})
        self.assertIn("vend costs 1,031 instructions, 3.1 % more", fault)
        self.assertIn("make bench-accept", fault)

    def test_work_without_a_record_is_a_fault(self) -> None:
        [fault] = instructions.compare({"vend": 1, "authorize": 1}, {"vend": 1})
        self.assertIn("authorize is not recorded", fault)


if __name__ == "__main__":
    unittest.main()
