//! What a vend returns, writes and records.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use sentinel_broker::{
    Access, AssumeRole, Broker, Call, Cap, ErrorCode, IssueError, Issued, Issuer, LocalIssuer,
    OsRandom, Parts, RoleArnTemplate, SESSION_TAG_KEYS, SessionNameRole, SourceIdentityFormat,
    Vend,
};
use sentinel_policy::RoleArn;
use sentinel_store::{
    CallerKey, Clock, Generation, Listing, PolicyPath, ProfileName, RecordedEffect, SessionHandle,
    SessionKeys, SessionStore, verify_session,
};

use crate::world::{ACCOUNT, ALICE, Plan, World, call};

#[tokio::test]
async fn a_session_id_contains_the_check_of_the_first_session_key() {
    let mut plan = Plan::default();
    let (first, second) = ("f".repeat(32), "s".repeat(32));
    let keys = SessionKeys::parse(&format!("{first},{second}"));
    plan.settings = plan.settings.with_session_keys(keys);
    let world = World::with(ALICE, plan);
    let id = world.vend("alice", "production").await.unwrap().session.unwrap().reveal();
    let check = async |keys: Option<SessionKeys>| {
        verify_session(&*world.sessions, &id, keys.as_ref(), Generation(0), &*world.clock).await
    };
    check(SessionKeys::parse(&first)).await.unwrap();
    for other in [SessionKeys::parse(&second), None] {
        assert!(check(other).await.is_err());
    }
}

#[tokio::test]
async fn an_allowed_caller_gets_credentials_and_a_session_that_covers_them() {
    let world = World::new(ALICE);
    let vended = world.vend("alice", "production").await.unwrap();
    let id = vended.session.unwrap().reveal();
    let now = world.clock.now();
    let session = verify_session(&*world.sessions, &id, None, Generation(0), &*world.clock).await;
    let session = session.unwrap();
    assert_eq!(session.caller.as_str(), "alice");
    assert_eq!(session.expires, vended.credentials.expiration);
    assert_eq!(vended.credentials.expiration, now + TimeDelta::hours(1));
    assert_eq!(vended.cap, Cap::Default);

    let requests = world.issuer.requests();
    let [assume] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(
        assume.role.as_str(),
        format!("arn:aws:iam::{ACCOUNT}:role/SentinelProtected-production")
    );
    assert_eq!(assume.session_tag, session.handle.to_string());
    assert_eq!(assume.source_identity.as_str(), session.source_identity);
    assert!(assume.source_identity.as_str().starts_with("sentinel-alice-"));
    assert_eq!(assume.end, None);
    let tags: Vec<_> = assume.session_tags();
    let tags: Vec<_> =
        tags.iter().map(|tag| (tag.key, tag.value.as_str(), tag.transitive)).collect();
    assert_eq!(
        tags,
        [
            ("SentinelSession", session.handle.to_string().as_str(), false),
            ("SentinelUser", "alice", true),
            ("SentinelProfile", "production", true),
            ("SentinelAccess", "direct", true),
        ]
    );
}

#[tokio::test]
async fn the_user_of_the_session_tags_is_the_user_that_the_policy_allowed() {
    let policy = ALICE.replace("alice", "\"A.Lice,Liddell=1\"");
    let world = World::new(&policy);
    world.vend("A.Lice,Liddell=1", "production").await.unwrap();
    let [assume] = &world.issuer.requests()[..] else { panic!("one request") };
    assert_eq!(assume.session_tags()[1].value, "A.Lice=2CLiddell=3D1");
    assert_eq!(assume.user, "A.Lice,Liddell=1");
    for (access, expected) in [
        (Access::Direct, vec!["direct"]),
        (Access::Approval("req-1".into()), vec!["approval", "req-1"]),
        (Access::BreakGlass("bg-1".into()), vec!["break-glass", "bg-1"]),
    ] {
        let tags = assume.clone().with_access(access).session_tags();
        assert_eq!(tags.iter().map(|tag| tag.key).collect::<Vec<_>>(), {
            let mut keys = SESSION_TAG_KEYS.to_vec();
            keys.truncate(3 + expected.len());
            keys
        });
        let values: Vec<_> = tags.iter().skip(3).map(|tag| tag.value.as_str()).collect();
        assert_eq!(values, expected);
    }
}

#[tokio::test]
async fn a_vend_writes_exactly_one_complete_record() {
    let world = World::new(ALICE);
    let vended = world.vend("alice", "production").await.unwrap();
    let decisions = world.decisions();
    let [record] = decisions.as_slice() else { panic!("{decisions:?}") };
    assert_eq!(record.effect, RecordedEffect::Allow);
    assert_eq!(record.code, "OK");
    assert_eq!(record.rule.as_deref(), Some("alice"));
    assert_eq!(record.rule_index, Some(0));
    assert_eq!(record.reason.as_deref(), Some("she runs it"));
    assert_eq!(record.access_key_id, Some(vended.credentials.access_key_id));
    assert_eq!(record.duration_s, Some(3600));
    assert_eq!(record.session, vended.session.map(|session| session.handle.to_string()));
    assert_eq!(record.policy.as_ref().unwrap().name, "/sentinel/policies/main");
    assert_eq!(record.source_ip.as_deref(), Some("192.0.2.7"));
    assert!(!record.withheld && !record.policy_stale);
}

#[tokio::test]
async fn the_policy_evaluates_the_vpc_and_the_endpoint_of_the_call() {
    let world = World::new(
        r#"
version: "1"
rules:
  - name: internal
    effect: allow
    conditions: { profiles: [production], source_vpc: [vpc-1a2b3c4d], source_vpce: [vpce-1a2b3c4d] }
"#,
    );
    let vend = Vend::new(ProfileName::parse("production").unwrap());
    let from = |vpc: Option<&str>, vpce: Option<&str>| -> Call {
        call().with_source_vpc(vpc.map(str::to_owned)).with_source_vpce(vpce.map(str::to_owned))
    };
    let vpc = Some("vpc-1a2b3c4d");
    assert!(world.vend_call(&from(vpc, Some("vpce-1a2b3c4d")), "alice", &vend).await.is_ok());
    for call in [from(vpc, None), from(vpc, Some("vpce-0")), call()] {
        let denial = world.vend_call(&call, "alice", &vend).await.unwrap_err();
        assert_eq!(denial.code, ErrorCode::PolicyDeny);
    }
}

#[tokio::test]
async fn invariant_5_a_denied_request_writes_only_its_record() {
    let policy = r#"
version: "1"
rules:
  - { name: ask, effect: require_approval, conditions: { profiles: [guarded] } }
  - { name: no, effect: deny, conditions: { users: [mallory] } }
  - { name: alice, effect: allow, conditions: { profiles: [production], users: [alice] } }
"#;
    for (user, profile, code) in [
        ("mallory", "production", ErrorCode::PolicyDeny),
        ("bob", "production", ErrorCode::PolicyDeny),
        ("bob", "unheard-of", ErrorCode::PolicyDeny),
        ("alice", "guarded", ErrorCode::ApprovalRequired),
    ] {
        let world = World::new(policy);
        let denial = world.vend(user, profile).await.unwrap_err();
        assert_eq!(denial.code, code, "{user} on {profile}");
        assert!(world.issuer.requests().is_empty());
        let all = world.sessions.sessions(&Listing::All, None).await.unwrap();
        assert!(all.items.is_empty());
        let decisions = world.decisions();
        let [record] = decisions.as_slice() else { panic!("{decisions:?}") };
        assert_ne!(record.effect, RecordedEffect::Allow);
        assert_eq!(record.code, code.as_str());
        assert_eq!((&record.session, &record.access_key_id), (&None, &None));
    }
}

#[tokio::test]
async fn a_denial_and_an_unknown_profile_have_the_same_message() {
    let world = World::new(ALICE);
    let by_rule = world.vend("bob", "production").await.unwrap_err();
    let unknown = world.vend("bob", "unheard-of").await.unwrap_err();
    assert_eq!(by_rule, unknown);
}

#[tokio::test]
async fn a_role_session_is_not_the_user_of_its_session_name() {
    let world = World::new(ALICE);
    let denial = world.vend("ci/alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::PolicyDeny);
}

#[tokio::test]
async fn the_policy_may_name_the_role() {
    let policy = r#"
version: "1"
profiles:
  production: { role_arn: "arn:aws:iam::444455556666:role/path/Prod", max_duration: 20m }
rules:
  - { name: alice, effect: allow, conditions: { users: [alice] }, max_duration: 30m }
"#;
    let world = World::new(policy);
    let vended = world.vend("alice", "production").await.unwrap();
    let requests = world.issuer.requests();
    assert_eq!(requests[0].role.as_str(), "arn:aws:iam::444455556666:role/path/Prod");
    assert_eq!((requests[0].seconds, vended.cap), (1200, Cap::Policy));
}

#[tokio::test]
async fn without_a_session_table_the_tag_is_the_request_id_and_no_session_is_returned() {
    let policy = r#"
version: "1"
rules:
  - { name: tracked, effect: require_server_session, conditions: { profiles: [tracked] } }
  - { name: alice, effect: allow, conditions: { profiles: [production], users: [alice] } }
"#;
    let plan = Plan { tracked: false, ..Plan::default() };
    let world = World::with(policy, plan);
    let vended = world.vend("alice", "production").await.unwrap();
    assert!(vended.session.is_none());
    assert_eq!(world.issuer.requests()[0].session_tag, "request-1");
    assert_eq!(world.decisions()[0].session.as_deref(), Some("untracked"));
    let denial = world.vend("alice", "tracked").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::PolicyDeny);
}

#[tokio::test]
async fn no_session_is_created_without_randomness() {
    let world = World::new(ALICE);
    world.random.dry.store(true, std::sync::atomic::Ordering::SeqCst);
    let denial = world.vend("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::StoreUnavailable);
    assert!(world.issuer.requests().is_empty());
}

#[test]
fn settings_have_what_they_were_built_with() {
    let root = PolicyPath::new("/elsewhere");
    let roles = vec![SessionNameRole::parse("111122223333:people").unwrap()];
    let template = RoleArnTemplate::parse("arn:aws:iam::111122223333:role/X-{profile}").unwrap();
    let format = SourceIdentityFormat::with_separator(".").unwrap();
    let (ttl, max_age) = (Duration::from_secs(1), Duration::from_secs(2));
    let settings = Plan::default()
        .settings
        .with_policy_root(root.clone())
        .with_main_document_required(false)
        .with_policy_ages(ttl, max_age)
        .with_session_name_roles(roles.clone())
        .with_role_arn_template(template.clone())
        .with_max_duration(Duration::from_secs(900))
        .with_source_identity(format);
    assert_eq!((settings.policy_root, settings.main_document_required), (root, false));
    assert_eq!((settings.policy_cache_ttl, settings.policy_max_age), (ttl, max_age));
    assert_eq!(settings.session_name_roles, roles);
    assert_eq!(settings.role_arn_template, template);
    assert_eq!(settings.max_duration, Duration::from_secs(900));
    assert_eq!(settings.source_identity, format);
}

#[tokio::test]
async fn the_record_has_the_version_of_the_service() {
    let world = World::new(ALICE);
    let call = call().with_service_version("7".to_owned());
    let vend = Vend::new(ProfileName::parse("production").unwrap());
    world.vend_call(&call, "alice", &vend).await.unwrap();
    let record = world.decisions().pop().unwrap();
    assert_eq!(record.function_version.as_deref(), Some("7"));
}

#[test]
fn a_request_to_an_issuer_has_what_it_was_built_with() {
    let role = RoleArn::parse("arn:aws:iam::111122223333:role/Prod").unwrap();
    let caller = CallerKey::parse("alice").unwrap();
    let handle = SessionHandle::new(caller.hash(), [7; 10]);
    let identity = SourceIdentityFormat::default().of_session(&caller, &handle);
    let profile = ProfileName::parse("production").unwrap();
    let request = AssumeRole::new(role, identity.clone(), "alice", profile);
    assert_eq!(request.session_tag, identity.as_str());
    assert_eq!((request.seconds, request.end, request.session_policy()), (3600, None, None));
    let end = "2026-03-02T10:30:00Z".parse().unwrap();
    let request = request.with_session_tag("tag").with_seconds(900).with_end(Some(end));
    assert_eq!(
        (request.session_tag.as_str(), request.seconds, request.end),
        ("tag", 900, Some(end))
    );
    assert!(request.session_policy().unwrap().contains("2026-03-02T10:30:00Z"));
}

#[tokio::test]
async fn the_record_has_the_id_that_the_issuer_gave_its_request() {
    #[derive(Debug)]
    struct Numbered(LocalIssuer);

    #[async_trait::async_trait]
    impl Issuer for Numbered {
        async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError> {
            let issued = self.0.assume_role(request).await?;
            Ok(issued.with_request_id("sts-1".to_owned()))
        }
    }

    let world = World::new(ALICE);
    let issuer = LocalIssuer::new([7; 32], world.clock.clone(), Arc::new(OsRandom));
    let parts = Parts::new(world.policies.clone(), Arc::new(Numbered(issuer)), world.sink.clone())
        .with_clock(world.clock.clone());
    let broker = Broker::new(Plan::default().settings, parts);
    let vend = Vend::new(ProfileName::parse("production").unwrap());
    broker.vend(&call(), &world.caller("alice"), &vend).await.unwrap();
    let record = world.decisions().pop().unwrap();
    assert_eq!(record.sts_request_id.as_deref(), Some("sts-1"));
}
