"""Tests of the search for circles of modules."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from circles import circles, graph, names, paths  # noqa: E402


class Paths(unittest.TestCase):
    def test_each_first_segment_is_found(self) -> None:
        text = "use crate::a::B; use crate::{c, d::{E, F}, G as H}; fn f(x: crate::i::J) {}"
        self.assertEqual(list(paths(text)), ["a", "c", "d", "G", "i"])

    def test_the_names_of_a_use_tree(self) -> None:
        self.assertEqual(names("{A, B as C, d::{E, F}}"), ["A", "C", "E", "F"])


class Circles(unittest.TestCase):
    def of(self, files: "dict[str, str]") -> "list[list[str]]":
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return circles(graph(Path(folder)))

    def test_two_modules_that_use_each_other_are_a_circle(self) -> None:
        files = {
            "lib.rs": "mod a;\nmod b;\nmod c;\npub use b::B;\n",
            "a.rs": "use crate::B;\npub struct A;\n",
            "b/mod.rs": "mod inner;\npub struct B;\n",
            "b/inner.rs": "use crate::c::C;\n",
            "c.rs": "use crate::{a::A};\npub struct C;\n",
        }
        self.assertEqual(self.of(files), [["a", "b", "c"]])
        files["c.rs"] = "pub struct C;\n"
        self.assertEqual(self.of(files), [])

    def test_tests_and_comments_do_not_count(self) -> None:
        files = {
            "lib.rs": "mod a;\nmod b;\n",
            "a.rs": "use crate::b::B;\n",
            "b.rs": "// crate::a\npub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n",
        }
        self.assertEqual(self.of(files), [])


if __name__ == "__main__":
    unittest.main()
