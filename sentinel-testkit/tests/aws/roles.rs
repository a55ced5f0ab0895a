//! The roles and callers of the STS tests: a small version of Sentinel's own IAM documents.

use sentinel_store::Secret;
use sentinel_testkit::sts::{Role, Setup, StsCaller};
use serde_json::{Value, json};

pub(crate) const PROTECTED: &str = "arn:aws:iam::111122223333:role/SentinelProtected-production";
pub(crate) const TVM_ROLE: &str = "arn:aws:iam::111122223333:role/SentinelTVMExecutionRole";
pub(crate) const TVM_KEY: &str = "ASIATVMEXECUTIONROLE";
pub(crate) const USER_KEY: &str = "AKIAALICEALICEALICE1";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const TOKEN: &str = "a-session-token-of-the-function";

/// The permissions of the TVM's role.
pub(crate) fn tvm_policy() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        {
            "Sid": "AssumeProtectedRoles",
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Resource": "arn:aws:iam::111122223333:role/SentinelProtected-*",
            "Condition": { "StringLike": { "sts:SourceIdentity": "sentinel-*" } },
        },
        {
            "Sid": "TagSessions",
            "Effect": "Allow",
            "Action": "sts:TagSession",
            "Resource": "arn:aws:iam::111122223333:role/SentinelProtected-*",
        },
    ] })
}

/// The trust policy of a protected role.
pub(crate) fn trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        {
            "Effect": "Allow",
            "Principal": { "AWS": TVM_ROLE },
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Condition": { "StringLike": { "sts:SourceIdentity": "sentinel-*" } },
        },
        { "Effect": "Allow", "Principal": { "AWS": TVM_ROLE }, "Action": "sts:TagSession" },
    ] })
}

/// The function with the credentials that Lambda provides: a session of its role.
pub(crate) fn function() -> StsCaller {
    StsCaller {
        arn: "arn:aws:sts::111122223333:assumed-role/SentinelTVMExecutionRole/sentinel-tvm".into(),
        access_key_id: TVM_KEY.into(),
        secret_access_key: Secret::new(SECRET),
        session_token: Some(Secret::new(TOKEN)),
        policies: vec![tvm_policy()],
        expires: None,
        source_identity: None,
    }
}

/// A user with the permission to assume every role that trusts her.
pub(crate) fn alice() -> StsCaller {
    let all = json!({ "Version": "2012-10-17", "Statement":
        { "Effect": "Allow", "Action": "sts:*", "Resource": "*" } });
    StsCaller {
        arn: "arn:aws:iam::111122223333:user/alice".into(),
        access_key_id: USER_KEY.into(),
        session_token: None,
        policies: vec![all],
        ..function()
    }
}

/// A role with this trust policy.
pub(crate) fn role(arn: &str, trust: Value) -> Role {
    let nothing_onward = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "sts:AssumeRole*", "Resource": "*" },
    ] });
    Role { arn: arn.into(), trust, policies: vec![nothing_onward], max_session_duration: 43_200 }
}

/// One protected role, which trusts only the function.
pub(crate) fn setup() -> Setup {
    Setup {
        region: "us-east-1".into(),
        callers: vec![function(), alice()],
        roles: vec![role(PROTECTED, trust())],
    }
}
