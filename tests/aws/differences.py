"""Where ministack is not AWS, as far as the guide meets it. Each is measured in every run: one that is gone,
and one that is new, fail the test that compares them with this list.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Something that AWS does and ministack does not, and which test holds us to it all the same."""

    what: str
    # The file, and the test in it.
    file: str
    test: str

    def __str__(self) -> str:
        return f"{self.what} (covered by {self.file}: {self.test})"


STAND_IN = "sentinel-testkit/tests/aws/stand_in.rs"
HERE = "tests/aws/test_guide.py"

ROLE_CONDITION = Difference(
    "the condition on sts:SourceIdentity in the TVM's role, which never matches there",
    STAND_IN,
    "the_source_identity_condition_is_evaluated_on_both_sides",
)
TRUST_CONDITION = Difference(
    "the condition on sts:SourceIdentity in the protected role's trust policy, which never matches there",
    STAND_IN,
    "the_source_identity_condition_is_evaluated_on_both_sides",
)
LISTED_PATH = Difference(
    "the path on which the TVM's role may ssm:GetParametersByPath, which is asked for on everything there",
    HERE,
    "test_the_policies_that_the_function_reads_are_those_that_its_role_may_read",
)
SET_SOURCE_IDENTITY = Difference(
    "the right to sts:SetSourceIdentity, which is not asked for there",
    STAND_IN,
    "each_of_the_three_actions_must_be_allowed_on_both_sides",
)
TAG_SESSION = Difference(
    "the TVM's right to sts:TagSession, which only the trust policy is asked about there",
    STAND_IN,
    "each_of_the_three_actions_must_be_allowed_on_both_sides",
)
INVOKE_PERMISSION = Difference(
    "API Gateway's permission to invoke a function, which it does not need there",
    HERE,
    "test_each_function_may_be_invoked_by_the_api_that_needs_it_and_by_no_other",
)
STAGE_VARIABLES = Difference(
    "the origin secret, since stage variables of an HTTP API do not reach its function there",
    HERE,
    "test_an_event_without_the_origin_secret_is_not_believed",
)
LOG_RIGHTS = Difference(
    "the functions' rights on their log groups, which are not asked for there",
    HERE,
    "test_the_rights_to_log_are_on_the_log_group_that_the_guide_made",
)
UNAUTHORIZED = Difference(
    "the 401 without a session id: an authorizer's error `Unauthorized` is a 500 there",
    HERE,
    "test_the_authorizer_says_unauthorized_where_there_is_no_id",
)
DENY_POLICY = Difference(
    "the policy that stops live credentials, since no request has an aws:SourceIdentity there",
    HERE,
    "test_the_deny_policy_names_the_source_identities_of_its_caller",
)

# In the order in which the run meets them.
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
