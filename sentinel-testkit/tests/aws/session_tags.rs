//! The session tags of vended credentials, as STS and the policies of AWS see them: `StsIssuer`
//! against the stand-in, with Sentinel's own IAM documents.

use aws_credential_types::Credentials as Signer;
use chrono::{TimeDelta, Utc};
use sentinel_broker::{Access, AssumeRole, Issued, Issuer, SESSION_TAG_KEYS, SourceIdentityFormat};
use sentinel_iam::{Deployment, DocumentName};
use sentinel_policy::RoleArn;
use sentinel_store::{AccountId, CallerKey, ProfileName, SessionHandle};
use sentinel_testkit::signed::{Answer, post};
use sentinel_testkit::sts::{Setup, StandIn};
use serde_json::{Value, json};

use crate::issuer::issuer;
use crate::roles::{PROTECTED, TVM_ROLE, function, role};

/// A role that a session of the protected role can assume.
const NEXT: &str = "arn:aws:iam::111122223333:role/SentinelProtected-next";
/// A role with the same permissions that is not protected.
const OTHER: &str = "arn:aws:iam::111122223333:role/Deploy";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/k";

/// The example of a service control policy.
fn example() -> Value {
    serde_json::from_str(include_str!("../../../deploy/examples/approved-actions.json")).unwrap()
}

fn document(name: DocumentName) -> Value {
    let account = AccountId::parse("111122223333").unwrap();
    serde_json::to_value(Deployment::new("aws", account, "us-east-1").document(name)).unwrap()
}

/// The TVM and a protected role with the printed documents. The role allows everything, and can
/// assume two others.
fn setup() -> Setup {
    let everything = json!({ "Version": "2012-10-17", "Statement":
        { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let from = |arn: &str| {
        json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow",
        "Principal": { "AWS": arn },
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
    } })
    };
    let mut caller = function();
    caller.policies = vec![document(DocumentName::TvmFunction)];
    let mut roles = vec![
        role(PROTECTED, document(DocumentName::ProtectedRoleTrust)),
        role(NEXT, from(PROTECTED)),
        role(OTHER, from(PROTECTED)),
    ];
    for role in &mut roles {
        role.policies = vec![everything.clone()];
    }
    Setup { region: "us-east-1".into(), callers: vec![caller], roles }
}

fn request(access: Access) -> AssumeRole {
    let caller = CallerKey::parse("alice").unwrap();
    let handle = SessionHandle::new(caller.hash(), [7; 10]);
    let source_identity = SourceIdentityFormat::default().of_session(&caller, &handle);
    let profile = ProfileName::parse("production").unwrap();
    AssumeRole::new(RoleArn::parse(PROTECTED).unwrap(), source_identity, "alice", profile)
        .with_session_tag(handle.to_string())
        .with_access(access)
}

async fn vend(stand_in: &StandIn, request: &AssumeRole) -> Issued {
    issuer(&stand_in.url()).assume_role(request).await.unwrap()
}

fn every_access() -> [(Access, bool); 3] {
    [
        (Access::Direct, false),
        (Access::Approval("apr-7xk2".into()), true),
        (Access::BreakGlass("bg-7xk2".into()), true),
    ]
}

fn allows(stand_in: &StandIn, issued: &Issued, action: &str, resource: &str) -> bool {
    let key = &issued.credentials.access_key_id;
    stand_in.allows(key, action, resource, &[example()]).unwrap()
}

/// A session that is assumed with these credentials, with further parameters.
async fn chain(stand_in: &StandIn, from: &Issued, role: &str, more: &[(&str, &str)]) -> Answer {
    let credentials = &from.credentials;
    let signer = Signer::new(
        &credentials.access_key_id,
        credentials.secret_access_key.reveal(),
        Some(credentials.session_token.reveal().to_owned()),
        None,
        "test",
    );
    let mut form = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", "next"),
    ];
    form.extend(more);
    post(&stand_in.url(), &signer, &form).await.unwrap()
}

#[tokio::test]
async fn a_dangerous_action_needs_an_approval_or_a_grant() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    for (access, expected) in every_access() {
        let issued = vend(&stand_in, &request(access.clone())).await;
        for (action, resource) in
            [("kms:ScheduleKeyDeletion", KEY), ("s3:DeleteBucket", "arn:aws:s3:::reports")]
        {
            assert_eq!(allows(&stand_in, &issued, action, resource), expected, "{access:?}");
        }
        assert!(allows(&stand_in, &issued, "kms:Decrypt", KEY), "{access:?}");
    }
    // No other principal performs them: the function's role does not have the tags.
    let key = function().access_key_id;
    assert!(!stand_in.allows(&key, "kms:ScheduleKeyDeletion", KEY, &[example()]).unwrap());
}

#[tokio::test]
async fn a_chained_session_inherits_the_access_and_cannot_change_it() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    for (access, expected) in every_access() {
        let issued = vend(&stand_in, &request(access.clone())).await;
        for (role, expected) in [(NEXT, expected), (OTHER, false)] {
            let answer = chain(&stand_in, &issued, role, &[]).await;
            assert_eq!(answer.status, 200, "{access:?}: {answer:?}");
            let key = answer.element("AccessKeyId").unwrap();
            let action = "kms:ScheduleKeyDeletion";
            let allowed = stand_in.allows(key, action, KEY, &[example()]).unwrap();
            assert_eq!(allowed, expected, "{access:?} in {role}");
        }
        for key in ["SentinelAccess", "sentinelaccess", "SentinelUser", "SentinelProfile"] {
            let tag = [("Tags.member.1.Key", key), ("Tags.member.1.Value", "approval")];
            let answer = chain(&stand_in, &issued, NEXT, &tag).await;
            assert_eq!(answer.element("Code"), Some("InvalidParameterValue"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn the_role_of_the_tvm_can_set_the_session_tags_and_no_others() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    for (access, _) in every_access() {
        let request = request(access);
        vend(&stand_in, &request).await;
        let sent = &stand_in.requests().last().unwrap().parameters.clone();
        for (number, tag) in (1..).zip(request.session_tags()) {
            assert_eq!(sent[&format!("Tags.member.{number}.Key")], tag.key);
            assert_eq!(sent[&format!("Tags.member.{number}.Value")], tag.value);
        }
    }
    let allowed = document(DocumentName::TvmFunction);
    for without in SESSION_TAG_KEYS {
        let mut setup = setup();
        let mut policy = allowed.clone();
        let keys = &mut policy["Statement"][1]["Condition"]["ForAllValues:StringEquals"];
        let keys = keys["aws:TagKeys"].as_array_mut().unwrap();
        keys.retain(|key| key != without);
        setup.callers[0].policies = vec![policy];
        let stand_in = StandIn::start(&setup).await.unwrap();
        let request = request(Access::Approval("apr-7xk2".into()));
        issuer(&stand_in.url()).assume_role(&request).await.unwrap_err();
    }
    // A trust policy can require the tags too.
    let mut setup = setup();
    let trusted = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow",
        "Principal": { "AWS": TVM_ROLE },
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
    } });
    let mut denied = json!([trusted["Statement"], {
        "Effect": "Deny",
        "Principal": { "AWS": TVM_ROLE },
        "Action": "sts:TagSession",
        "Condition": { "StringNotEquals": { "aws:RequestTag/SentinelAccess": "approval" } },
    }, {
        "Effect": "Deny",
        "Principal": { "AWS": TVM_ROLE },
        "Action": "sts:TagSession",
        "Condition": { "Null": { "sts:TransitiveTagKeys": "true" } },
    }]);
    setup.roles[0].trust = json!({ "Version": "2012-10-17", "Statement": denied.take() });
    let stand_in = StandIn::start(&setup).await.unwrap();
    for (access, expected) in [(Access::Direct, false), (Access::Approval("apr-7xk2".into()), true)]
    {
        let issued = issuer(&stand_in.url()).assume_role(&request(access)).await;
        assert_eq!(issued.is_ok(), expected);
    }
}

/// The longest values of all tags, with the inline policy, fit into the space that STS documents for
/// an uncompressed policy.
#[tokio::test]
async fn the_longest_tags_and_an_inline_policy_are_accepted() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let user = format!("{}/{}", ",".repeat(64), "=".repeat(64));
    let mut request = request(Access::BreakGlass("=".repeat(300)))
        .with_seconds(900)
        .with_end(Utc::now() + TimeDelta::minutes(3));
    request.user = user;
    request.profile = ProfileName::parse(&"p".repeat(64)).unwrap();
    vend(&stand_in, &request).await;
    let sent = &stand_in.requests()[0].parameters;
    assert_eq!(sent["Tags.member.2.Value"].len(), 64);
    assert_eq!(sent["Tags.member.5.Value"].len(), 64);
    assert!(sent.contains_key("Policy"));
}

#[tokio::test]
async fn a_user_with_characters_that_no_tag_has_is_vended() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let mut request = request(Access::Direct);
    request.user = "A.Lice,Liddell=1+x_y@z-w/s".into();
    vend(&stand_in, &request).await;
    let sent = &stand_in.requests()[0].parameters;
    assert_eq!(sent["Tags.member.2.Value"], "A.Lice=2CLiddell=3D1+x_y@z-w/s");
}
