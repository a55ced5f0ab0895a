"""A check of documents that reports nothing must be able to report something."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import documents  # noqa: E402


class Documents(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        patch = mock.patch.object(documents, "ROOT", self.root)
        patch.start()
        self.addCleanup(patch.stop)

    def document(self, text: str) -> Path:
        file = self.root / "a.md"
        file.write_text(text, encoding="utf-8")
        return file

    def links(self, text: str) -> "list[str]":
        return list(documents.broken_links(self.document(text)))

    def test_a_link_to_a_missing_file_is_reported_with_its_line(self) -> None:
        self.assertEqual(self.links("one\n[b](b.md)\n"), ["a.md:2: `b.md` does not exist"])

    def test_a_link_to_a_missing_heading_is_reported(self) -> None:
        self.assertEqual(self.links("# The `one` here\n[x](#the-one-here) [y](a.md#the-one-here)\n"), [])
        self.assertEqual(self.links("# One\n[x](#two)\n"), ["a.md:2: `#two`: no such heading"])
        self.assertEqual(self.links("# A POLICY_DENY _x_\n[x](#a-policy_deny-x)\n"), [])

    def test_links_to_the_web_and_links_in_code_are_not_checked(self) -> None:
        text = "[w](https://example.com) `[b](b.md)`\n```\n[b](b.md)\n```\n[c](c.md)\n"
        self.assertEqual(self.links(text), ["a.md:5: `c.md` does not exist"])

    def test_a_row_must_name_tests_that_exist(self) -> None:
        table = self.document(
            "| threat | test |\n| --- | --- |\n"
            "| a | `broker::tests::it_is_refused` |\n| b | `gone` |\n| c | none yet |\n"
        )
        self.assertEqual(
            list(documents.missing_tests(table, {"it_is_refused"})),
            ["a.md:4: there is no test `gone`", "a.md:5: the row names no test"],
        )


if __name__ == "__main__":
    unittest.main()
