"""The installed packages are the pinned ones, and a failed installation is reported."""

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tools  # noqa: E402
from steps import Unavailable  # noqa: E402

FAILING = [sys.executable, "-c", "print('no such package'); raise SystemExit(1)"]


class Installing(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = Path(folder.name)
        self.pins = root / "pins.txt"
        self.pins.write_text("a==1\n")
        self.packages = tools.Packages(root / "installed-here", [self.pins], "this platform")
        self.log = root / "log"
        code = f"open({str(self.log)!r}, 'a').write('x')"
        self.command = [sys.executable, "-c", code]

    def times(self) -> int:
        return len(self.log.read_text()) if self.log.exists() else 0

    def test_installed_packages_that_match_the_pins_are_kept(self) -> None:
        self.assertEqual(self.packages.install(self.command), "")
        self.assertEqual(self.packages.install(self.command), "")
        self.assertEqual(self.times(), 1)

    def test_another_pin_or_platform_installs_again(self) -> None:
        self.packages.install(self.command)
        self.pins.write_text("a==2\n")
        self.packages.install(self.command)
        other = tools.Packages(self.packages.folder, [self.pins], "another platform")
        other.install(self.command)
        self.assertEqual(self.times(), 3)

    def test_a_failure_is_reported_and_retried_the_next_time(self) -> None:
        self.assertIn("no such package", self.packages.install(FAILING, self.command))
        self.assertEqual(self.times(), 0, "commands after a failed one are not run")
        self.assertEqual(self.packages.install(self.command), "")
        self.assertEqual(self.times(), 1)

    def test_an_optional_need_does_not_fail(self) -> None:
        def missing() -> None:
            raise Unavailable("no `frobnicator`")

        tools.where_possible(missing)()
        with self.assertRaises(Unavailable):
            missing()


class Pins(unittest.TestCase):
    def test_every_python_package_has_one_version(self) -> None:
        for file in sorted(tools.SCRIPTS.glob("requirements*.txt")):
            rows = [row for row in file.read_text().splitlines() if row and not row.startswith("#")]
            loose = [row for row in rows if not re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", row)]
            self.assertEqual(loose, [], file.name)
            names = [re.split(r"[\[=]", row)[0].lower() for row in rows]
            self.assertEqual(len(names), len(set(names)), file.name)

    def test_every_npm_package_has_one_version_and_its_hash_and_names_no_host(self) -> None:
        package, lock = (json.loads(file.read_text()) for file in tools.NODE_PINS)
        self.assertEqual(lock["packages"][""]["dependencies"], package["dependencies"])
        for name, entry in lock["packages"].items():
            if name:
                self.assertRegex(entry["version"], r"^\d+\.\d+\.\d+", name)
                self.assertTrue(entry["integrity"].startswith("sha512-"), name)
            self.assertNotIn("resolved", entry, name)


if __name__ == "__main__":
    unittest.main()
