"""Tests of the bill of materials of a Lambda package."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sbom

TREE = """\
0 sentinel-tvm v0.1.0 (/src/sentinel-tvm)\tMIT OR Apache-2.0
1 async-trait v0.1.92 (proc-macro)\tMIT/Apache-2.0
2 syn v3.0.10\tMIT OR Apache-2.0
1 sentinel-wire v0.1.0 (/src/sentinel-wire)\tMIT OR Apache-2.0
2 syn v3.0.10\tMIT OR Apache-2.0 (*)
"""
LOCK = """\
[[package]]
name = "syn"
version = "3.0.10"
source = "registry+https://example.com/index"
checksum = "{}"

[[package]]
name = "sentinel-wire"
version = "0.1.0"
""".format("ab" * 32)


class TheBill(unittest.TestCase):
    def setUp(self):
        self.bill = sbom.document(TREE, sbom.checksums(LOCK), "lambda-tvm.zip", "cd" * 32)

    def test_it_describes_the_zip(self):
        component = self.bill["metadata"]["component"]
        self.assertEqual(component["name"], "sentinel-tvm")
        self.assertEqual(component["description"], "lambda-tvm.zip")
        self.assertEqual(component["hashes"], [{"alg": "SHA-256", "content": "cd" * 32}])

    def test_it_lists_each_other_crate_once_with_its_license(self):
        self.assertEqual(
            [(crate["name"], crate["licenses"]) for crate in self.bill["components"]],
            [
                ("async-trait", [{"expression": "MIT OR Apache-2.0"}]),
                ("sentinel-wire", [{"expression": "MIT OR Apache-2.0"}]),
                ("syn", [{"expression": "MIT OR Apache-2.0"}]),
            ],
        )

    def test_only_a_crate_of_the_registry_has_an_address_and_a_checksum(self):
        _, wire, syn = self.bill["components"]
        self.assertEqual(syn["purl"], "pkg:cargo/syn@3.0.10")
        self.assertEqual(syn["hashes"], [{"alg": "SHA-256", "content": "ab" * 32}])
        self.assertNotIn("purl", wire)
        self.assertNotIn("hashes", wire)

    def test_it_lists_what_depends_on_what(self):
        self.assertEqual(
            {entry["ref"]: entry["dependsOn"] for entry in self.bill["dependencies"]},
            {
                "pkg:cargo/sentinel-tvm@0.1.0": ["pkg:cargo/async-trait@0.1.92", "pkg:cargo/sentinel-wire@0.1.0"],
                "pkg:cargo/async-trait@0.1.92": ["pkg:cargo/syn@3.0.10"],
                "pkg:cargo/sentinel-wire@0.1.0": ["pkg:cargo/syn@3.0.10"],
                "pkg:cargo/syn@3.0.10": [],
            },
        )

    def test_an_unknown_line_is_an_error(self):
        with self.assertRaises(ValueError):
            sbom.document("something else\n", {}, "package.zip", "")


if __name__ == "__main__":
    unittest.main()
