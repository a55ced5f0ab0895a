"""Differences between ministack and AWS that affect the guide. Every run measures them. The test that compares
them with this list fails if one disappears or a new one appears.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A behavior of AWS that ministack lacks, and the test that covers it instead."""

    what: str
    # The file, and the test in it.
    file: str
    test: str

    def __str__(self) -> str:
        return f"{self.what} (covered by {self.file}: {self.test})"


STAND_IN = "sentinel-testkit/tests/aws/stand_in.rs"
HERE = "tests/aws/test_guide.py"

ROLE_CONDITION = Difference(
    "the condition on sts:SourceIdentity in the TVM's role, which never matches in ministack",
    STAND_IN,
    "the_source_identity_condition_is_evaluated_on_both_sides",
)
TRUST_CONDITION = Difference(
    "the condition on sts:SourceIdentity in the protected role's trust policy, which never matches in ministack",
    STAND_IN,
    "the_source_identity_condition_is_evaluated_on_both_sides",
)
LISTED_PATH = Difference(
    "the path on which the TVM's role may ssm:GetParametersByPath, which ministack evaluates on every resource",
    HERE,
    "test_the_policies_that_the_function_reads_are_those_that_its_role_may_read",
)
SET_SOURCE_IDENTITY = Difference(
    "the right to sts:SetSourceIdentity, which ministack does not evaluate",
    STAND_IN,
    "each_of_the_three_actions_must_be_allowed_on_both_sides",
)
TAG_SESSION = Difference(
    "the TVM's right to sts:TagSession, which ministack evaluates only in the trust policy",
    STAND_IN,
    "each_of_the_three_actions_must_be_allowed_on_both_sides",
)
INVOKE_PERMISSION = Difference(
    "API Gateway's permission to invoke a function, which ministack does not require",
    HERE,
    "test_each_function_may_be_invoked_by_the_api_that_needs_it_and_by_no_other",
)
STAGE_VARIABLES = Difference(
    "the origin secret, because stage variables of an HTTP API do not reach its function in ministack",
    HERE,
    "test_an_event_without_the_origin_secret_is_not_believed",
)
LOG_RIGHTS = Difference(
    "the functions' rights on their log groups, which ministack does not evaluate",
    HERE,
    "test_the_rights_to_log_are_on_the_log_group_that_the_guide_made",
)
UNAUTHORIZED = Difference(
    "the 401 without a session id: an authorizer's error `Unauthorized` is a 500 in ministack",
    HERE,
    "test_the_authorizer_returns_unauthorized_without_an_id",
)
DENY_POLICY = Difference(
    "the policy that stops live credentials, because no request in ministack has an aws:SourceIdentity",
    HERE,
    "test_the_deny_policy_names_the_source_identities_of_its_caller",
)

# In the order in which the run measures them.
KNOWN = (
    INVOKE_PERMISSION,
    STAGE_VARIABLES,
    ROLE_CONDITION,
    TRUST_CONDITION,
    LISTED_PATH,
    SET_SOURCE_IDENTITY,
    TAG_SESSION,
    UNAUTHORIZED,
    DENY_POLICY,
    LOG_RIGHTS,
)
