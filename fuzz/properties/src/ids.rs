//! Identifiers, each of which has one spelling, and callers, which are read from ARNs.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};
use chrono::DateTime;
use regex::Regex;
use sentinel_broker::{
    Broker, Call, Caller, Home, LocalIssuer, OsRandom, Parts, Settings, SourceIdentityFormat,
    VerifiedIdentity,
};
use sentinel_policy::{CheckedPolicy, Facts, Limits, Pattern, Request, Verdict};
use sentinel_store::memory::MemoryPolicies;
use sentinel_store::{
    AccountId, AuditError, AuditSink, CallerKey, GrantId, PolicyPath, ProfileName, Record,
    RequestId, SessionHandle, SessionId, SessionKeys, SystemClock,
};

use crate::made;

/// A text that is read as an identifier is its only spelling, and `Debug` shows no secret. A session id
/// that was not issued with a key is not accepted.
pub fn session_id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = SessionId::parse(text) {
        assert_eq!(id.reveal(), text);
        let shown = format!("{id:?}");
        let (handle, secret) = text.split_at("session-".len() + 42);
        // The handle is shown, and may contain the same letters.
        assert!(
            handle.contains(secret) || !shown.contains(secret),
            "{shown} shows the secret of {text}"
        );
        assert!(!KEYS.accept(&id), "{text} is accepted");
        let issued = KEYS.issue(id.handle, id.secret).reveal();
        let parsed = SessionId::parse(&issued).unwrap();
        assert!(KEYS.accept(&parsed), "{issued}");
        assert_eq!(parsed.reveal(), issued);
    }
    if let Ok(handle) = SessionHandle::parse(text) {
        assert_eq!(handle.to_string(), text);
        assert_eq!(SessionHandle::from_bytes(&handle.to_bytes()), handle);
        assert!(text.ends_with(&handle.short()));
    }
    if let Ok(id) = RequestId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = GrantId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(key) = CallerKey::parse(text) {
        assert_eq!(key.as_str(), text);
    }
    assert_eq!(ProfileName::parse(text).is_ok(), PROFILE.is_match(text), "{text:?}");
    assert_eq!(AccountId::parse(text).is_ok(), ACCOUNT.is_match(text), "{text:?}");
}

static KEYS: LazyLock<SessionKeys> =
    LazyLock::new(|| SessionKeys::parse("the-key-of-the-fuzz-targets-000000").unwrap());
static PROFILE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z").unwrap());
static ACCOUNT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A[0-9]{12}\z").unwrap());
/// The ARNs of callers: users with a path, and sessions of assumed roles.
static CALLER: LazyLock<Regex> = LazyLock::new(|| {
    let name = r"[A-Za-z0-9_+=,.@-]+";
    Regex::new(&format!(
        r"\Aarn:aws[a-z-]*:(?:iam::(?P<a>[0-9]{{12}}):user/(?:[!-~]*/)?(?P<user>{name})|sts::(?P<b>[0-9]{{12}}):assumed-role/(?P<role>{name})/(?P<session>{name}))\z"
    ))
    .unwrap()
});
static LISTED_ROLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\AAWSReservedSSO_.*_.{16}\z").unwrap());
static STAMP: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A[\w+=,.@-]{2,64}\z").unwrap());

/// The home account, which is the only one that is trusted.
const HOME: &str = "111122223333";

/// A caller is the one that the verified ARN names, in a trusted account. Its key has one spelling, and
/// is the key of no other person or role. STS accepts its source identity, and its sessions are not
/// callers. A policy can name it, literally and by a pattern.
pub fn identity(bytes: &[u8]) {
    made(bytes, |u| {
        let (arn, account) = identity_of(u)?;
        let Some(caller) = identify(&arn, &account) else { return Ok(()) };
        is_named(&caller, &arn, &account);
        is_stamped(&caller);
        can_be_in_a_policy(u, &caller)?;
        let (other_arn, other_account) = identity_of(u)?;
        if let Some(other) = identify(&other_arn, &other_account)
            && other.key == caller.key
        {
            let is_same_person =
                caller.named && other.named && caller.user.eq_ignore_ascii_case(&other.user);
            let is_same_role = !caller.named && !other.named && caller.role == other.role;
            assert!(is_same_person || is_same_role, "{caller:?} and {other:?}");
        }
        Ok(())
    });
}

/// An ARN as IAM verified it, and the account next to it.
fn identity_of(u: &mut Unstructured<'_>) -> Result<(String, String)> {
    let account = match u.int_in_range(0..=7_u8)? {
        6 => "444455556666".to_owned(),
        7 => u.arbitrary::<&str>()?.to_owned(),
        _ => HOME.to_owned(),
    };
    let in_arn = if u.int_in_range(0..=15_u8)? == 15 { HOME.to_owned() } else { account.clone() };
    let partition = *u.choose(&["aws", "aws", "aws", "aws-us-gov", "aws-cn", "AWS", ""])?;
    let resource = match u.int_in_range(0..=7_u8)? {
        0 | 1 => format!("iam::{in_arn}:user/{}", name(u)?),
        2 => format!("iam::{in_arn}:user/{}/{}", name(u)?, name(u)?),
        3 | 4 => format!("sts::{in_arn}:assumed-role/{}/{}", name(u)?, name(u)?),
        5 => format!(
            "sts::{in_arn}:assumed-role/AWSReservedSSO_{}_0123456789abcdef/{}",
            name(u)?,
            name(u)?
        ),
        6 => format!("sts::{in_arn}:federated-user/{}", name(u)?),
        _ => format!("iam::{in_arn}:{}", u.arbitrary::<&str>()?),
    };
    Ok((format!("arn:{partition}:{resource}"), account))
}

/// A name, nearly always of the characters that IAM allows.
fn name(u: &mut Unstructured<'_>) -> Result<String> {
    if u.int_in_range(0..=7_u8)? == 7 {
        let names =
            ["alice", "user", "sentinel-alice-abcdefgh", "group", "111122223333", "-", "ci"];
        return Ok((*u.choose(&names)?).to_owned());
    }
    let longest = if u.ratio(1, 16)? { 66 } else { 12 };
    let length = u.int_in_range(1..=longest)?;
    (0..length)
        .map(|_| match u.int_in_range(0..=63_u8)? {
            63 => u.arbitrary::<char>(),
            _ => {
                let allowed = b"abcdefghijklmnopqrstuvwxyzABCDEF0123456789_+=,.@-";
                u.choose(allowed).map(|byte| char::from(*byte))
            }
        })
        .collect()
}

/// Drops the records of refusals, of which there are millions.
#[derive(Debug)]
struct NoSink;

impl AuditSink for NoSink {
    fn write(&self, _: &Record) -> std::result::Result<(), AuditError> {
        Ok(())
    }
}

fn identify(arn: &str, account: &str) -> Option<Caller> {
    thread_local! {
        static BROKER: Broker = {
            let issuer = LocalIssuer::new([1; 32], Arc::new(SystemClock), Arc::new(OsRandom));
            let policies = Arc::new(MemoryPolicies::new());
            let parts = Parts::new(policies, Arc::new(issuer), Arc::new(NoSink));
            Broker::new(Settings::new(PolicyPath::new("/sentinel/policies/main")), parts)
        };
    }
    let home = Home::new("aws", AccountId::parse(HOME).unwrap());
    let call = Call::new("request-1", home, Instant::now() + Duration::from_secs(5));
    BROKER.with(|broker| broker.identify(&call, &VerifiedIdentity::new(arn, account)).ok())
}

fn is_named(caller: &Caller, arn: &str, account: &str) {
    let parts = CALLER.captures(arn).unwrap_or_else(|| panic!("{arn} is served: {caller:?}"));
    let part = |name| parts.name(name).map(|found| found.as_str());
    let (user, role, named) = match (part("user"), part("role"), part("session")) {
        (Some(user), ..) => (user.to_owned(), None, true),
        (None, Some(role), Some(session)) if LISTED_ROLE.is_match(role) => {
            (session.to_owned(), Some(role), true)
        }
        (None, Some(role), Some(session)) => (format!("{role}/{session}"), Some(role), false),
        _ => panic!("{arn}"),
    };
    assert_eq!((&caller.user, caller.role.as_deref(), caller.named), (&user, role, named), "{arn}");
    assert_eq!(caller.principal, arn);
    assert_eq!(part("a").or(part("b")), Some(account), "{arn}");
    assert_eq!((caller.account.as_str(), account), (HOME, HOME), "{arn}");
    let key = match role {
        Some(role) if !named => format!("{account}/{role}"),
        _ => user.to_ascii_lowercase(),
    };
    assert_eq!(caller.key.as_str(), key, "{arn}");
}

fn is_stamped(caller: &Caller) {
    let format = SourceIdentityFormat::default();
    let handle = SessionHandle::new(caller.key.hash(), [7; 10]);
    let stamp = format.of_session(&caller.key, &handle);
    assert!(STAMP.is_match(stamp.as_str()), "{stamp}");
    assert!(Pattern::new(&format.of_caller(&caller.key)).matches(stamp.as_str()), "{stamp}");
    let vended = format!("arn:aws:sts::{HOME}:assumed-role/SentinelProtected-a/{stamp}");
    assert_eq!(identify(&vended, HOME), None, "{vended}");
}

/// A policy that names the caller, or patterns that match it, is valid and matches it.
fn can_be_in_a_policy(u: &mut Unstructured<'_>, caller: &Caller) -> Result<()> {
    let (user, principal) = (widened(u, &caller.user)?, widened(u, &caller.principal)?);
    let is_pattern = user.contains(['*', '?']);
    // In a pattern of users, wildcards do not match the slash. It must be one of the pattern's own.
    if is_pattern && user.matches('/').count() != caller.user.matches('/').count() {
        return Ok(());
    }
    let quoted = |text: &str| serde_json::Value::from(text);
    let text = format!(
        "version: \"1\"\nrules:\n- {{ name: r, effect: allow, conditions: {{ users: [{}], principals: [{}] }} }}\n",
        quoted(&user),
        quoted(&principal)
    );
    let policy = CheckedPolicy::parse(text.as_bytes(), &Limits::default())
        .unwrap_or_else(|errors| panic!("{caller:?} cannot be named: {text}{errors}"))
        .compile();
    let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let request = Request::new(caller.in_policy(), "production");
    let verdict = policy.decide(&request, &Facts::default(), now).verdict;
    assert_eq!(verdict, Verdict::Allow, "{text}{caller:?}");
    Ok(())
}

/// The text, with up to two parts replaced by wildcards.
fn widened(u: &mut Unstructured<'_>, text: &str) -> Result<String> {
    let mut pattern: Vec<char> = text.chars().collect();
    for _ in 0..u.int_in_range(0..=2)? {
        let start = u.choose_index(pattern.len() + 1).unwrap_or(0);
        let length = u.int_in_range(0..=pattern.len() - start)?;
        let is_literal = !pattern[start..start + length].contains(&'*');
        let wildcards = if is_literal && u.arbitrary()? { vec!['?'; length] } else { vec!['*'] };
        pattern.splice(start..start + length, wildcards);
    }
    Ok(pattern.into_iter().collect())
}
