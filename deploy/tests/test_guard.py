"""The check of the guards fails when a guard is broken, and the guards are evaluated as AWS does."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import check  # noqa: E402
import guard  # noqa: E402
from evaluation import Colons, Statement, Unsupported, statements  # noqa: E402
from expectations import NAMES, REGIONS, cases, not_in_both, problems, wrong_decisions  # noqa: E402

Statements = "dict[str, dict[str, Any]]"


def broken(change: "Callable[[Statements], None]", partition: str = "*") -> "dict[str, Any]":
    """The guards after a change of their statements, which the change finds by their Sid."""
    policies = guard.guards(replace(NAMES, partition=partition))
    change({statement["Sid"]: statement for policy in policies.values() for statement in policy["Statement"]})
    return policies


def wrong(change: "Callable[[Statements], None]", partition: str = "aws") -> "list[str]":
    return list(wrong_decisions(broken(change), cases(partition)))


def exempt(statement: "dict[str, Any]", *arns: str) -> None:
    statement["Condition"] = {"ArnNotLike": {"aws:PrincipalArn": list(arns)}}


class BrokenGuards(unittest.TestCase):
    def test_a_role_with_a_path_and_a_protected_name_cannot_be_created(self) -> None:
        def without_paths(found: "Statements") -> None:
            roles = found["SentinelRoles"]
            roles["Resource"] = [arn for arn in roles["Resource"] if "role/*/" not in arn]

        for partition in REGIONS:
            self.assertIn(
                f"a developer, arn:{partition}:iam::111122223333:role/Developer, can iam:CreateRole on "
                f"arn:{partition}:iam::111122223333:role/dev/AWSReservedSSO_x_0000000000000000",
                wrong(without_paths, partition),
            )

    def test_each_action_and_each_resource_of_the_guards_is_missed_when_it_is_removed(self) -> None:
        unchanged = guard.guards(NAMES)
        every = list(cases("aws"))
        for name, policy in unchanged.items():
            for position, statement in enumerate(policy["Statement"]):
                about = [case for case in every if Statement(name, statement).is_about(case.action, case.resource, Colons.MATCHED)]
                for element in ("Action", "Resource"):
                    for item in statement[element]:
                        policies = copy.deepcopy(unchanged)
                        policies[name]["Statement"][position][element].remove(item)
                        only_it = Statement(name, {**statement, element: [item]})
                        affected = [case for case in about if only_it.is_about(case.action, case.resource, Colons.MATCHED)]
                        with self.subTest(statement=statement["Sid"], removed=item):
                            self.assertTrue(list(wrong_decisions(policies, affected)))

    def test_a_guard_for_one_partition_does_not_pass_in_another(self) -> None:
        policies = guard.guards(replace(NAMES, partition="aws"))
        self.assertEqual(list(wrong_decisions(policies, cases("aws"))), [])
        for partition in ("aws-us-gov", "aws-cn"):
            found = "\n".join(wrong_decisions(policies, cases(partition)))
            for action in ("iam:CreateRole", "lambda:InvokeFunction", "ssm:PutParameter", "apigateway:PATCH"):
                self.assertIn(f"can {action} on arn:{partition}:", found)

    def test_an_exemption_must_be_an_exact_role(self) -> None:
        for exempted, who in (
            ("arn:*:iam::111122223333:role/SentinelDeployer*", "role/SentinelDeployer2"),
            ("arn:*:iam::111122223333:role/*SentinelDeployer", "role/dev/SentinelDeployer"),
            ("arn:*:iam::*:role/SentinelDeployer", "444455556666:role/SentinelDeployer"),
            ("arn:*:iam::111122223333:user/*", "user/dev"),
        ):
            found = wrong(lambda sids: exempt(sids["SentinelDeployment"], exempted))
            self.assertTrue(any(f"{who}, can lambda:UpdateFunctionCode" in one for one in found), exempted)
        found = wrong(lambda sids: exempt(sids["SentinelRoleSessions"], "arn:*:iam::111122223333:role/SentinelTVM*"))
        self.assertTrue(any("role/SentinelTVM, can sts:AssumeRole" in one for one in found))

    def test_the_emergency_operator_is_not_denied_what_its_own_policy_allows(self) -> None:
        def without_operator(found: "Statements") -> None:
            exempt(found["SentinelSessionWrites"], "arn:*:iam::111122223333:role/SentinelDeployer",
                   "arn:*:iam::111122223333:role/SentinelTVMExecutionRole")

        self.assertIn(
            "the emergency operator, arn:aws:iam::111122223333:role/SentinelEmergencyOperator, cannot dynamodb:PutItem on "
            "arn:aws:dynamodb:eu-central-1:111122223333:table/sentinel-sessions: administration-guard: SentinelSessionWrites",
            wrong(without_operator),
        )

    def test_the_functions_and_the_deployer_are_not_denied_their_work(self) -> None:
        for sid, words in (
            ("SentinelDeployment", "the deployer, arn:aws:iam::111122223333:role/SentinelDeployer, cannot lambda:"),
            ("SentinelSessionUpdates", "role/SentinelTVMExecutionRole, cannot dynamodb:UpdateItem"),
            ("SentinelRequestWrites", "role/SentinelTVMExecutionRole, cannot dynamodb:PutItem"),
            ("SentinelDecisionRecords", "role/SentinelAuthorizerRole, cannot logs:PutLogEvents"),
            ("SentinelRoleSessions", "role/SentinelTVMExecutionRole, cannot sts:AssumeRole"),
            ("SentinelCallers", "the deployer of another account, arn:aws:iam::444455556666:role/SentinelDeployer, cannot iam:"),
        ):
            found = wrong(lambda sids: sids[sid].pop("Condition"))
            self.assertTrue(any(words in one for one in found), sid)

    def test_what_is_not_sentinels_is_left_alone(self) -> None:
        def every_function(found: "Statements") -> None:
            found["SentinelDeployment"]["Resource"].append("arn:*:lambda:*:111122223333:function:*")

        def every_role(found: "Statements") -> None:
            found["SentinelRoles"]["Resource"].append("arn:*:iam::*:role/Sentinel*")

        self.assertTrue(any("cannot lambda:UpdateFunctionCode on" in one for one in wrong(every_function)))
        self.assertTrue(any("cannot iam:PassRole on" in one for one in wrong(every_role)))

    def test_a_listed_role_that_is_not_named_is_missed(self) -> None:
        found = list(wrong_decisions(guard.guards(replace(NAMES, roles=NAMES.roles[:1])), cases("aws")))
        self.assertTrue(any("can iam:UpdateAssumeRolePolicy on arn:aws:iam::444455556666:role/" in one for one in found))

    def test_a_policy_that_is_too_large_is_reported(self) -> None:
        def with_many_roles(names: guard.Names) -> "dict[str, Any]":
            return guard.guards(replace(names, roles=tuple(f"111122223333:Role{number}" for number in range(40))))

        found = list(problems(with_many_roles))
        self.assertTrue(any("identity-guard: " in one and "5120" in one for one in found))

    def test_what_cannot_be_evaluated_is_reported(self) -> None:
        def placeholder(found: "Statements") -> None:
            found["SentinelRoles"]["Resource"].insert(0, "arn:${partition}:iam::*:role/x")

        def operator(found: "Statements") -> None:
            found["SentinelRoles"]["Condition"] = {"ForAnyValue:ArnLike": {"aws:PrincipalArn": "*"}}

        def every_other_action(found: "Statements") -> None:
            found["SentinelRoles"]["NotAction"] = found["SentinelRoles"].pop("Action")

        def allow(found: "Statements") -> None:
            found["SentinelRoles"]["Effect"] = "Allow"

        for change in (placeholder, operator, every_other_action, allow):
            with self.subTest(change.__name__), self.assertRaises(Unsupported):
                wrong(change)
        self.assertIn("cannot be evaluated", "\n".join(problems(lambda names: broken(allow, names.partition))))

    def test_the_text_lists_what_is_denied_and_nothing_else(self) -> None:
        section = check.guard_section()
        self.assertEqual(list(not_in_both(section)), [])
        self.assertEqual(list(not_in_both(section.replace("`iam:CreateUser`", ""))),
                         ["threats.md: `iam:CreateUser` is denied and not listed"])
        self.assertEqual(list(not_in_both(section + "`iam:TagUser`")), ["threats.md: `iam:TagUser` is listed and not watched"])


class TheCommand(unittest.TestCase):
    def test_a_guard_without_paths_makes_the_check_fail(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copied = Path(folder) / "deploy"
            shutil.copytree(check.DEPLOY, copied, ignore=shutil.ignore_patterns(".terraform*", "__pycache__"))
            (Path(folder) / "docs").mkdir()
            shutil.copy(check.DOCS / "threats.md", Path(folder) / "docs")
            file = copied / "iam/identity-guard.json"
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(', "arn:${partition}:iam::*:role/*/AWSReservedSSO_*"', ""), encoding="utf-8")
            done = subprocess.run([sys.executable, str(copied / "check.py"), "guards"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("can iam:CreateRole on arn:aws:iam::111122223333:role/dev/AWSReservedSSO_", done.stdout)
        self.assertIn("more", done.stdout.splitlines()[-1])


class Evaluation(unittest.TestCase):
    def statement(self, **parts: Any) -> Statement:
        return Statement("guard", {"Sid": "S", "Effect": "Deny", "Action": "*", "Resource": "*", **parts})

    def test_actions_match_in_any_case_and_wildcards_match_the_rest(self) -> None:
        statement = self.statement(Action=["IAM:create*", "sts:?ssumeRole"])
        for action, matches in (("iam:CreateRole", True), ("sts:AssumeRole", True), ("iam:DeleteRole", False),
                                ("sts:AssumeRoleWithSAML", False)):
            self.assertEqual(statement.is_about(action, "*", Colons.MATCHED), matches, action)

    def test_a_wildcard_of_a_resource_matches_slashes_and_its_case_counts(self) -> None:
        statement = self.statement(Resource="arn:*:iam::*:role/*/X*")
        for resource, matches in (("role/a/X", True), ("role/a/b/X1", True), ("role/X", False), ("role/a/x", False)):
            for colons in Colons:
                arn = f"arn:aws-cn:iam::111122223333:{resource}"
                self.assertEqual(statement.is_about("iam:CreateRole", arn, colons), matches, arn)

    def test_whether_a_wildcard_matches_colons_is_tried_both_ways(self) -> None:
        statement = self.statement(Resource="arn:aws:lambda:*:function:x")
        arn = "arn:aws:lambda:eu-central-1:111122223333:function:x"
        self.assertTrue(statement.is_about("lambda:GetFunction", arn, Colons.MATCHED))
        self.assertFalse(statement.is_about("lambda:GetFunction", arn, Colons.NOT_MATCHED))

    def test_a_negated_condition_holds_when_no_value_matches_or_the_key_is_missing(self) -> None:
        role = "arn:aws:iam::111122223333:role/A"
        for operator, values, context, holds in (
            ("ArnNotLike", [role], {"aws:principalarn": role}, False),
            ("ArnNotLike", ["arn:*:iam::*:role/B", "arn:*:iam::*:role/A"], {"aws:principalarn": role}, False),
            ("ArnNotLike", [role], {"aws:principalarn": role + "2"}, True),
            ("ArnNotLike", [role], {}, True),
            ("ArnLike", "arn:aws:iam::*:role/?", {"aws:principalarn": role}, True),
            ("ArnLike", "arn:aws:iam:*:role/?", {"aws:principalarn": role}, False),
            ("ArnLike", role, {}, False),
            ("ArnLikeIfExists", role, {}, True),
            ("StringLike", "arn:*:role/A", {"aws:principalarn": role}, True),
            ("StringLike", "*role/a", {"aws:principalarn": role}, False),
            ("StringNotLike", "arn:*:role/A", {"aws:principalarn": role}, False),
        ):
            statement = self.statement(Condition={operator: {"aws:PrincipalArn": values}})
            self.assertEqual(statement.condition_holds(context), holds, (operator, values, context))

    def test_all_conditions_must_hold(self) -> None:
        statement = self.statement(Condition={"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::1:role/A"},
                                              "StringLike": {"aws:SourceIdentity": "sentinel-*"}})
        self.assertFalse(statement.condition_holds({"aws:principalarn": "arn:aws:iam::1:role/B"}))
        self.assertTrue(statement.condition_holds({"aws:sourceidentity": "sentinel-x"}))

    def test_a_statement_with_a_principal_is_not_evaluated(self) -> None:
        with self.assertRaises(Unsupported):
            statements({"guard": {"Statement": [{"Sid": "S", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}})


class Printing(unittest.TestCase):
    def test_further_roles_are_protected_with_and_without_a_path(self) -> None:
        names = guard.Names("111122223333", ("a",), partition="aws-cn", roles=("444455556666:Broker",))
        protected = guard.guard("identity-guard", names)["Statement"][0]["Resource"]
        self.assertEqual(protected[-2:], ["arn:aws-cn:iam::444455556666:role/Broker", "arn:aws-cn:iam::444455556666:role/*/Broker"])

    def test_a_role_without_an_account_or_with_a_wildcard_is_refused(self) -> None:
        for entry in ("Broker", "1:Broker", "111122223333:", "111122223333:Bro*", "111122223333:dev/Broker", "*:Broker"):
            with self.subTest(entry), self.assertRaises(ValueError):
                guard.guards(guard.Names("111122223333", ("a",), roles=(entry,)))

    def test_each_api_is_protected(self) -> None:
        resources = guard.guard("administration-guard", NAMES)["Statement"][0]["Resource"]
        for kind in ("apis", "restapis"):
            for api in NAMES.api_ids:
                self.assertIn(f"arn:*:apigateway:*::/{kind}/{api}*", resources)


if __name__ == "__main__":
    unittest.main()
