"""A check of language that finds nothing must be able to find something."""

import io
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import language  # noqa: E402


class Phrases(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        patch = mock.patch.object(language, "ROOT", self.root)
        patch.start()
        self.addCleanup(patch.stop)

    def phrases(self, text: str, name: str = "a.md") -> "list[str]":
        file = self.root / name
        file.write_text(text, encoding="utf-8")
        return list(language.phrases(file))

    def test_a_phrase_is_reported_with_its_line(self) -> None:
        self.assertEqual(self.phrases("one\nIt Is No list.\n"), ["a.md:2: `is no` should be `is not a`"])

    def test_a_phrase_is_found_across_lines_and_comments(self) -> None:
        self.assertEqual(len(self.phrases("stop it at\nonce\n")), 1)
        self.assertEqual(len(self.phrases("# stop it at\n    # once\n", "a.py")), 1)

    def test_code_and_generated_parts_of_markdown_are_not_searched(self) -> None:
        text = "`is no`\n```text\nis no\n```\n<!-- generated: x -->\nis no\n<!-- /generated -->\n"
        self.assertEqual(self.phrases(text), [])

    def test_similar_phrases_are_allowed(self) -> None:
        self.assertEqual(self.phrases("There is no gate. The copy is no longer used. It asks the user.\n"), [])

    def test_each_phrase_matches_lowercase_text(self) -> None:
        for pattern in language.PHRASES:
            self.assertEqual(pattern, pattern.lower())


class Typos(unittest.TestCase):
    """With a replacement for typos that prints a given output."""

    def run_with(self, status: int, output: str) -> "tuple[int, str]":
        done = subprocess.CompletedProcess([], status, output)
        listed = subprocess.CompletedProcess([], 0, "")

        def typos(*arguments: str) -> "subprocess.CompletedProcess[str]":
            return listed if "--files" in arguments else done

        out = io.StringIO()
        with mock.patch.object(language, "typos", typos), redirect_stdout(out):
            return language.main([]), out.getvalue()

    def test_a_clean_repository_passes(self) -> None:
        self.assertEqual(self.run_with(0, ""), (0, ""))

    def test_a_word_fails(self) -> None:
        found = self.run_with(2, "./a.md:1:2: error: `colour` should be `color`\n")
        self.assertEqual(found, (1, "a.md:1:2: `colour` should be `color`\n"))

    def test_a_typos_that_does_not_run_fails(self) -> None:
        for status, output in [(1, "no such option\n"), (78, "broken configuration\n"), (2, "")]:
            self.assertEqual(self.run_with(status, output)[0], 1)


@unittest.skipUnless(language.TYPOS.exists(), "typos is not installed yet")
class WordList(unittest.TestCase):
    """With the real typos and the configuration of the repository."""

    def found(self, text: str, name: str) -> "list[str]":
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            file.write_text(text, encoding="utf-8")
            config = str(language.ROOT / "_typos.toml")
            done = language.typos("--config", config, "--format", "brief", str(file))
        return [row.split("error: ")[1].split("`")[1] for row in done.stdout.splitlines()]

    def test_replaced_words_british_spellings_and_typos_are_found(self) -> None:
        words = ["nobody", "colour", "behaviour", "authorisation", "anew", "mend", "teh"]
        self.assertEqual(self.found(" ".join(words), "a.py"), words)
        self.assertEqual(self.found("fn nobody_is_served() {}\n", "a.rs"), ["nobody"])

    def test_output_and_names_of_tests_in_markdown_are_not_checked(self) -> None:
        text = "`nobody_is_served`\n\n```text\nnobody\n```\n\nnobody\n"
        self.assertEqual(self.found(text, "a.md"), ["nobody"])


if __name__ == "__main__":
    unittest.main()
