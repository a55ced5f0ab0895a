"""Tests of the writer of the Lambda packages."""

import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# `lambda` is a keyword, so `import lambda` is not possible.
packages = __import__("lambda")


class TheWriter(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_the_same_program_produces_the_same_bytes(self):
        one, two = self.folder / "one.zip", self.folder / "two.zip"
        packages.write(one, b"\x7fELF program")
        packages.write(two, b"\x7fELF program")
        self.assertEqual(one.read_bytes(), two.read_bytes())

    def test_a_package_is_one_executable_called_bootstrap(self):
        package = self.folder / "package.zip"
        packages.write(package, b"\x7fELF program")
        with zipfile.ZipFile(package) as file:
            [entry] = file.infolist()
            self.assertEqual(file.read(entry), b"\x7fELF program")
        self.assertEqual(entry.filename, "bootstrap")
        self.assertEqual(entry.external_attr >> 16, 0o100755)
        self.assertEqual(entry.create_system, 3)
        self.assertEqual(entry.date_time, (1980, 1, 1, 0, 0, 0))

    def test_a_package_that_is_too_large_is_refused(self):
        package = self.folder / "package.zip"
        package.write_bytes(bytes(3_000_001))
        packages.check("tvm", package)
        with self.assertRaisesRegex(packages.Refused, "3,000,001 bytes; the maximum is 3,000,000"):
            packages.check("authorizer", package)

    def test_the_newest_glibc_is_found_by_number(self):
        symbols = "(GLIBC_2.2.5) read\n(GLIBC_2.34) dlsym\n(GLIBC_2.9) pipe2\n(GLIBC_ABI_DT_RELR)"
        self.assertEqual(packages.newest_glibc(symbols), (2, 34))
        self.assertGreater(packages.newest_glibc("(GLIBC_2.100)"), packages.GLIBC)


if __name__ == "__main__":
    unittest.main()
