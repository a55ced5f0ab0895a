//! What earlier versions wrote, for tests. This folder has a folder for each release whose stored forms
//! differ from those of the release before. Its files were written by the code of that release, and are
//! never changed.
//!
//! Today's code reads the files of every folder, and writes what they contain: see "Stored forms" in
//! CONTRIBUTING.md. The tests that use this module are those of `sentinel-store` and of the emulators.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sentinel_store::{
    AccessRequest, AccessRequestFields, AccountId, ApprovedPeriod, Block, CallerKey, Counted,
    Epoch, Epochs, Gate, GateChange, GateState, Generation, Grant, GrantFields, GrantId,
    GrantListing, GrantNote, GrantStore, Listing, Opening, OpeningLimits, OpeningQuota, Person,
    ProfileName, RateWindow, RequestAction, RequestDecision, RequestId, RequestListing,
    RequestStatus, RequestStore, Scope, Session, SessionFields, SessionHandle, SessionSecret,
    SessionStore,
};
use serde_json::Value;

/// Values by name.
pub(crate) type Golden = BTreeMap<String, Value>;

/// The folders, the oldest first.
fn folders() -> Vec<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../sentinel-store/tests/golden");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    let version = |path: &PathBuf| -> Vec<u64> {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split('.').map(|number| number.parse().unwrap()).collect()
    };
    folders.sort_by_key(version);
    folders
}

/// The values of a file in each folder that has it, the oldest first.
pub(crate) fn frozen(file: &str) -> Vec<Golden> {
    let read = |folder: &PathBuf| fs::read_to_string(folder.join(file)).ok();
    let texts: Vec<String> = folders().iter().filter_map(read).collect();
    texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// Checks that today's code writes what the last folder with the file has. With `NEW_GOLDEN=1`, a
/// missing file of the last folder is written. A file that exists is never changed.
pub(crate) fn assert_written(file: &str, today: &Golden) {
    let last: PathBuf = folders().pop().unwrap().join(file);
    if std::env::var_os("NEW_GOLDEN").is_some() && !Path::new(&last).exists() {
        fs::write(&last, serde_json::to_string_pretty(today).unwrap() + "\n").unwrap();
    }
    let frozen = frozen(file).pop().unwrap_or_default();
    for (name, value) in today {
        assert_eq!(
            frozen.get(name),
            Some(value),
            "`{name}` of {file} is written in another form: see \"Stored forms\" in CONTRIBUTING.md"
        );
    }
    assert_eq!(frozen.len(), today.len(), "{file} has values that are not written");
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_445_600 + seconds, 123_456_789).unwrap()
}

fn caller() -> CallerKey {
    CallerKey::parse("111122223333/Deploy").unwrap()
}

fn profile() -> ProfileName {
    ProfileName::parse("production").unwrap()
}

const ROLE: &str = "arn:aws:iam::111122223333:role/SentinelProtected-production";
const SHA256: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

fn person(name: &str) -> Person {
    let caller = CallerKey::parse(name).unwrap();
    let principal = format!("arn:aws:iam::111122223333:user/{name}");
    Person::new(caller, name, AccountId::parse("111122223333").unwrap(), principal)
        .with_organization("o-abc123".to_owned())
        .with_source_ip("192.0.2.7".to_owned())
}

fn sessions() -> BTreeMap<&'static str, Session> {
    let session = |random| {
        Session::new(SessionFields {
            handle: SessionHandle::new(caller().hash(), random),
            secret_digest: SessionSecret::new([7; 16]).digest(),
            caller: caller(),
            user: "Deploy/i-0123456789abcdef0".to_owned(),
            profile: profile(),
            account: AccountId::parse("111122223333").unwrap(),
            principal: "arn:aws:sts::111122223333:assumed-role/Deploy/i-0123456789abcdef0"
                .to_owned(),
            source_identity: "sentinel-111122223333=2FDeploy-aqdqqcik".to_owned(),
            request_id: "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0".to_owned(),
            created: at(0),
            expires: at(3600),
            epochs: Epochs { caller: Epoch(1), profile: Epoch(2) },
            generation: Generation(3),
        })
    };
    [("active", session([1; 10])), ("ended", session([2; 10]))].into()
}

/// The gate of a caller who was revoked as a whole and on a profile.
fn revoked_gate() -> Gate {
    let block = Block::new("carol", at(0)).with_reason("lost laptop");
    let until = block.clone().with_until(at(600));
    Gate::open(caller())
        .with_whole(GateState::new(Epoch(1)).with_block(block))
        .with_profiles([(profile(), GateState::new(Epoch(1)).with_block(until))].into())
}

/// The gate of a caller who was revoked on a profile and reinstated.
fn reinstated_gate() -> Gate {
    let states = [(profile(), GateState::new(Epoch(1)))];
    Gate::open(person("alice").caller).with_profiles(states.into())
}

/// The revisions of each request. Each is for its own profile.
fn requests() -> Vec<Vec<AccessRequest>> {
    let pending = |number: u8, name: &str| {
        let requester = person("alice");
        AccessRequest::new(AccessRequestFields {
            id: RequestId::new(requester.caller.hash(), [number; 10]),
            requester,
            profile: ProfileName::parse(name).unwrap(),
            role_arn: ROLE.to_owned(),
            rule: "leads".to_owned(),
            reason: "release 1.2".to_owned(),
            duration_s: 3600,
            created: at(0),
            deadline: at(86_400),
        })
        .with_generation(Generation(3))
    };
    let decide = |request: &AccessRequest, action, seconds, status| {
        let decision = RequestDecision::new(person("bob"), at(seconds), action, ROLE, SHA256)
            .with_epoch(Epoch(4))
            .with_comment("go ahead".to_owned());
        request.decide(decision, status).unwrap()
    };
    let period = ApprovedPeriod { since: at(60), from: at(60), until: at(3660) };
    let scheduled = pending(1, "scheduled").with_ticket("OPS-1".to_owned()).with_not_before(at(30));
    let approved = |pending: &AccessRequest| {
        decide(pending, RequestAction::Approve, 60, RequestStatus::Approved(period))
    };
    let live = pending(2, "approved");
    let (former, denied, cancelled) =
        (pending(3, "revoked"), pending(4, "denied"), pending(5, "cancelled"));
    let former_approved = approved(&former);
    let revoked =
        decide(&former_approved, RequestAction::Revoke, 120, RequestStatus::Revoked(period));
    vec![
        vec![scheduled],
        vec![live.clone(), approved(&live)],
        vec![former, former_approved, revoked],
        vec![denied.clone(), decide(&denied, RequestAction::Deny, 60, RequestStatus::Denied)],
        vec![
            cancelled.clone(),
            decide(&cancelled, RequestAction::Cancel, 60, RequestStatus::Cancelled),
        ],
    ]
}

/// The revisions of each grant.
fn grants() -> Vec<Vec<Grant>> {
    let open = |number: u8| {
        let holder = person("alice");
        Grant::new(GrantFields {
            id: GrantId::new(holder.caller.hash(), [number; 10]),
            holder,
            profile: profile(),
            role_arn: ROLE.to_owned(),
            rule: "incident".to_owned(),
            policy_sha256: SHA256.to_owned(),
            reason_code: "incident".to_owned(),
            justification: "the database does not accept connections".to_owned(),
            created: at(i64::from(number)),
            expires: at(3600),
        })
        .with_generation(Generation(3))
    };
    let note = |seconds| GrantNote::new(person("carol"), at(seconds), Some("resolved".to_owned()));
    let reviewable = open(2).with_overrides_deny(true).with_review(at(7200), true);
    let closed = reviewable.close(note(60)).unwrap();
    let reviewed = closed.review(note(120)).unwrap();
    vec![vec![open(1)], vec![reviewable, closed, reviewed]]
}

fn window() -> RateWindow {
    RateWindow::containing(at(0), Duration::from_secs(60))
}

/// Writes every kind of record.
pub(crate) async fn write(
    sessions_store: &dyn SessionStore,
    requests_store: &dyn RequestStore,
    grants_store: &dyn GrantStore,
) {
    let alice = person("alice").caller;
    for session in sessions().values() {
        sessions_store.create_session(session).await.unwrap();
    }
    let ended = sessions().remove("ended").unwrap();
    sessions_store.end_session(&ended.handle, at(1)).await.unwrap();
    let block = Block::new("carol", at(0)).with_reason("lost laptop");
    let on_profile = Scope::Profile(profile());
    let until = block.clone().with_until(at(600));
    for (caller, change) in [
        (caller(), GateChange::revoke(Scope::Caller, block.clone())),
        (caller(), GateChange::revoke(on_profile.clone(), until)),
        (alice.clone(), GateChange::revoke(on_profile.clone(), block)),
        (alice.clone(), GateChange::reinstate(on_profile)),
    ] {
        sessions_store.change_gate(&caller, &change).await.unwrap();
    }
    let limit = 2.try_into().unwrap();
    assert_eq!(
        sessions_store.count_vend(&alice, &window(), limit).await.unwrap(),
        Counted::WithinLimit
    );
    for revisions in requests() {
        let (first, later) = revisions.split_first().unwrap();
        requests_store.create_request(first).await.unwrap();
        for next in later {
            requests_store.replace_request(next).await.unwrap();
        }
    }
    let quota = Some(OpeningQuota { count: 3, per: Duration::from_secs(86_400) });
    let limits = OpeningLimits::default().with_quota(quota).with_profile_quota(quota);
    for revisions in grants() {
        let (first, later) = revisions.split_first().unwrap();
        let opened = grants_store.open_grant(first, &limits).await.unwrap();
        assert_eq!(opened, Opening::Opened);
        for next in later {
            grants_store.replace_grant(next).await.unwrap();
        }
    }
}

/// Reads every kind of record, and checks that it is the one of [`write`].
pub(crate) async fn read(
    sessions_store: &dyn SessionStore,
    requests_store: &dyn RequestStore,
    grants_store: &dyn GrantStore,
) {
    let alice = person("alice").caller;
    for (name, session) in sessions() {
        let session = if name == "ended" { session.with_ended(at(1)) } else { session };
        let (found, gate) = sessions_store.session(&session.handle).await.unwrap();
        assert!(found == session, "{found:?}");
        assert_eq!(gate, revoked_gate());
    }
    assert_eq!(sessions_store.gate(&alice).await.unwrap(), reinstated_gate());
    for listing in [Listing::All, Listing::Caller(caller())] {
        let listed = sessions_store.sessions(&listing, None).await.unwrap();
        assert!(listed.unreadable.is_empty() && listed.items.len() == 2, "{listed:?}");
    }
    // One vend of two was counted.
    let limit = 2.try_into().unwrap();
    for expected in [Counted::WithinLimit, Counted::AboveLimit] {
        let counted = sessions_store.count_vend(&alice, &window(), limit).await.unwrap();
        assert_eq!(counted, expected);
    }
    for revisions in requests() {
        let last = revisions.last().unwrap();
        assert!(requests_store.request(&last.id).await.unwrap() == *last);
        let live = requests_store.live_requests(&alice, &last.profile, at(61)).await.unwrap();
        assert_eq!(live.contains(last), last.is_live_on(&last.profile, at(61)));
    }
    let all = requests_store.requests(&RequestListing::Caller(alice.clone()), None).await.unwrap();
    assert_eq!(all.items.len(), requests().len());
    for revisions in grants() {
        let last = revisions.last().unwrap();
        assert!(grants_store.grant(&last.id).await.unwrap() == *last);
    }
    let live = grants_store.live_grants(&alice, &profile(), at(61)).await.unwrap();
    let first = grants().into_iter().flatten().next().unwrap();
    assert!(live == [first.clone()], "{live:?}");
    let open = GrantListing::Open { now: at(61) };
    assert_eq!(grants_store.grants(&open, None).await.unwrap().items.len(), 1);
    // Two openings of two were counted, of the caller and of the profile.
    let quota = Some(OpeningQuota { count: 2, per: Duration::from_secs(86_400) });
    let mut third = first;
    third.id = GrantId::new(alice.hash(), [3; 10]);
    for limits in [
        OpeningLimits::default().with_quota(quota),
        OpeningLimits::default().with_profile_quota(quota),
    ] {
        let opened = grants_store.open_grant(&third, &limits).await.unwrap();
        assert_ne!(opened, Opening::Opened);
    }
}
