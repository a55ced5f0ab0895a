"""The check of names must be able to report something."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy"))

import names  # noqa: E402

TEMPLATE = """Parameters:
  ApiType:
    Type: String
  # About the stage
  ThrottleRate:
    Type: Number

Conditions:
  WithHttpApi: !Equals [!Ref ApiType, http]

Outputs:
  TvmUrl:
    Value: x
"""

MODULE = """variable "rest_api" {
  type = object({
    access_logs = optional(bool, false)
  })
}

output "tvm_url" {
  value = "x"
}
"""

README = """# Deploying

| SAM | Terraform | meaning |
| --- | --- | --- |
| `ApiType` | `rest_api` | which |
| `ThrottleRate` | | how many |

Outputs: `TvmUrl` (`tvm_url`). `rest_api.access_logs` turns on logs.
"""


class Names(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("deploy/sam/template.yaml", TEMPLATE)
        self.write("deploy/terraform/variables.tf", MODULE)
        self.write("deploy/README.md", README)
        for document in names.OTHER_VOCABULARIES:
            self.write(document, "The key `session_table`.\n")

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def found(self) -> "list[str]":
        return [problem.partition(" (")[0] for problem in names.problems(self.root)]

    def assertUnknown(self, document: str, text: str, name: "str | None") -> None:
        self.write(document, text)
        place = f"{document}:{text.count(chr(10))}"
        expected = [f"{place}: neither the SAM template nor the Terraform module has `{name}`"] if name else []
        self.assertEqual(self.found(), expected)

    def test_documents_that_name_what_exists_pass(self) -> None:
        self.assertEqual(self.found(), [])

    def test_a_variable_that_does_not_exist_is_reported_with_its_line(self) -> None:
        self.assertUnknown(
            "docs/deployment.md", "# Guide\n`ApiType` (SAM) and `api_type` (Terraform) make one.\n", "api_type"
        )

    def test_a_parameter_that_does_not_exist_is_reported_in_any_form(self) -> None:
        for form in ("`ApiKind`", "`ApiKind=http`", "`api_kind = {}`", "`api_kind.x`"):
            self.write("docs/runbook.md", f"Set {form}.\n")
            self.assertTrue(self.found(), form)

    def test_parameters_of_a_command_are_compared(self) -> None:
        command = "```sh\nsam deploy --parameter-overrides ApiType=http \\\n  ApiKind=http\n```\n"
        self.write("docs/deployment.md", command)
        self.assertEqual(
            self.found(), ["docs/deployment.md:3: neither the SAM template nor the Terraform module has `ApiKind`"]
        )

    def test_other_documents_are_compared_on_lines_about_deploying(self) -> None:
        self.assertUnknown("docs/threats.md", "The row `some_test`.\n", None)
        self.assertUnknown("docs/threats.md", "With SAM, `NoSuchThing` does it.\n", "NoSuchThing")

    def test_words_of_the_language_and_of_records_are_not_names(self) -> None:
        self.assertUnknown("docs/deployment.md", "The key `session_table`.\n", None)

    def test_a_short_name_in_the_table_of_parameters_is_compared(self) -> None:
        self.write("deploy/README.md", README.replace("| `ThrottleRate` | |", "| `ThrottleRate` | `throttle` |"))
        self.assertEqual(
            self.found(), ["deploy/README.md:6: neither the SAM template nor the Terraform module has `throttle`"]
        )

    def test_a_name_that_the_readme_does_not_describe_is_reported(self) -> None:
        self.write("deploy/README.md", README.replace("`tvm_url`", "its twin"))
        self.assertEqual(self.found(), ["deploy/README.md: `tvm_url` is not described"])


if __name__ == "__main__":
    unittest.main()
