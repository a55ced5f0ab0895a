//! Facts about devices: they come from the source only, and count for the person that a device is
//! registered to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sentinel_broker::{
    Call, CreateRequest, Denial, DeviceError, DeviceId, DeviceSource, ErrorCode, MemoryDevices,
    RegisteredDevice, Vend, Vended,
};
use sentinel_policy::DeviceFacts;
use sentinel_store::{CallerKey, ProfileName};

use crate::world::{Plan, World, call};

/// Rules that depend on the device in both places that a server accepts.
const MANAGED: &str = r#"
version: "1"
rules:
  - name: compliant
    effect: deny
    conditions: { profiles: [production] }
    unless: { device: { require_mdm_compliant: true } }
  - { name: ask, effect: require_approval, conditions: { profiles: [production] } }
  - name: managed
    effect: allow
    conditions:
      profiles: [staging]
      device: { require_mdm: true, require_encryption: true, min_os_version: "14.2", allowed_os_types: [darwin] }
  - { name: free, effect: allow, conditions: { profiles: [free] } }
approvals:
  - { name: leads, profiles: [production], approvers: [carol], auto_approve: { users: [alice] } }
"#;

const FREE: &str = r#"
version: "1"
rules:
  - { name: free, effect: allow, conditions: { profiles: [staging] } }
"#;

fn id(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

fn managed() -> DeviceFacts<'static> {
    DeviceFacts::default()
        .with_mdm_enrolled(true)
        .with_mdm_compliant(true)
        .with_disk_encrypted(true)
        .with_os_version("14.10")
        .with_os_type("darwin")
}

fn device(owner: &str, facts: DeviceFacts<'_>) -> RegisteredDevice {
    RegisteredDevice::new(CallerKey::parse(owner).unwrap(), facts)
}

/// A managed device of alice, one of bob, one of a role, and one that is not managed.
fn devices() -> Arc<MemoryDevices> {
    let devices = MemoryDevices::new();
    devices.put(id("laptop-of-alice"), device("alice", managed()));
    devices.put(id("laptop-of-bob"), device("bob", managed()));
    devices.put(id("runner"), device("111122223333/ci", managed()));
    devices.put(id("old-of-alice"), device("alice", managed().with_os_version("14.1")));
    devices.put(id("blank-of-alice"), device("alice", DeviceFacts::default()));
    Arc::new(devices)
}

fn world(main: &str, devices: Arc<dyn DeviceSource>) -> World {
    World::with(main, Plan { devices: Some(devices), ..Plan::default() })
}

async fn vend(
    world: &World,
    call: &Call,
    user: &str,
    profile: &str,
    device: Option<&str>,
) -> Result<Vended, Denial> {
    let vend = Vend::new(ProfileName::parse(profile).unwrap()).with_device(device.map(id));
    world.vend_call(call, user, &vend).await
}

async fn code(world: &World, user: &str, profile: &str, device: Option<&str>) -> Option<ErrorCode> {
    vend(world, &call(), user, profile, device).await.err().map(|denial| denial.code)
}

#[tokio::test]
async fn facts_count_for_the_person_that_the_device_is_registered_to() {
    let world = world(MANAGED, devices());
    let denied = Some(ErrorCode::PolicyDeny);
    for (user, device, expected) in [
        ("alice", Some("laptop-of-alice"), None),
        ("Alice", Some("laptop-of-alice"), None),
        ("bob", Some("laptop-of-bob"), None),
        ("ci/build-7", Some("runner"), None),
        ("ci/build-8", Some("runner"), None),
        ("alice", None, denied),
        ("alice", Some("laptop-of-bob"), denied),
        ("bob", Some("laptop-of-alice"), denied),
        ("alice", Some("old-of-alice"), denied),
        ("alice", Some("blank-of-alice"), denied),
        ("alice", Some("unknown"), denied),
        ("alice", Some("Laptop-of-alice"), denied),
        // A session of a role is not the user whose name it has.
        ("ci/alice", Some("laptop-of-alice"), denied),
        ("alice", Some("runner"), denied),
    ] {
        assert_eq!(code(&world, user, "staging", device).await, expected, "{user} {device:?}");
    }
    assert_eq!(world.issuer.requests().len(), 5);
}

#[tokio::test]
async fn a_device_that_is_removed_or_changed_counts_from_the_next_request() {
    let devices = devices();
    let world = world(MANAGED, devices.clone());
    let laptop = "laptop-of-alice";
    assert_eq!(code(&world, "alice", "staging", Some(laptop)).await, None);
    devices.put(id(laptop), device("alice", managed().with_disk_encrypted(false)));
    assert_eq!(code(&world, "alice", "staging", Some(laptop)).await, Some(ErrorCode::PolicyDeny));
    devices.put(id(laptop), device("alice", managed()));
    assert_eq!(code(&world, "alice", "staging", Some(laptop)).await, None);
    devices.remove(&id(laptop));
    assert_eq!(code(&world, "alice", "staging", Some(laptop)).await, Some(ErrorCode::PolicyDeny));
}

/// Creating the request, the first decision of a vend and the second one, with the approval, use the
/// facts.
#[tokio::test]
async fn facts_are_part_of_every_decision_about_a_request_that_needs_an_approval() {
    let world = world(MANAGED, devices());
    let create = |device: Option<&str>| {
        CreateRequest::new(ProfileName::parse("production").unwrap(), "a reason")
            .with_device(device.map(id))
    };
    let alice = world.caller("alice");
    for device in [None, Some("laptop-of-bob"), Some("unknown")] {
        let refused = world.broker.create_request(&call(), &alice, &create(device)).await;
        assert_eq!(refused.unwrap_err().code, ErrorCode::Conflict, "{device:?}");
    }
    let laptop = Some("laptop-of-alice");
    assert_eq!(
        code(&world, "alice", "production", laptop).await,
        Some(ErrorCode::ApprovalRequired)
    );
    world.broker.create_request(&call(), &alice, &create(laptop)).await.unwrap();
    assert_eq!(code(&world, "alice", "production", laptop).await, None);
    // The approval exists, but the device does not satisfy the policy.
    for device in [None, Some("laptop-of-bob"), Some("blank-of-alice")] {
        assert_eq!(
            code(&world, "alice", "production", device).await,
            Some(ErrorCode::PolicyDeny),
            "{device:?}"
        );
    }
}

/// Neither a refusal nor a success reveals whether a device exists, its owner, or its facts.
#[tokio::test]
async fn a_refusal_reveals_nothing_about_a_device() {
    let world = world(MANAGED, devices());
    let mut refusals = Vec::new();
    for device in [None, Some("laptop-of-bob"), Some("unknown"), Some("old-of-alice")] {
        let denial = vend(&world, &call(), "alice", "staging", device).await.unwrap_err();
        refusals.push(format!("{:?} {denial} {denial:?}", denial.code));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    let vended = vend(&world, &call(), "alice", "staging", Some("laptop-of-alice")).await.unwrap();
    assert!(!format!("{vended:?}").contains("laptop"), "{vended:?}");
}

#[tokio::test]
async fn without_a_source_every_device_is_unknown() {
    let world = World::new(MANAGED);
    assert_eq!(
        code(&world, "alice", "staging", Some("laptop-of-alice")).await,
        Some(ErrorCode::PolicyDeny)
    );
    assert_eq!(code(&world, "alice", "free", Some("laptop-of-alice")).await, None);
}

/// A source that counts its reads, and fails or never responds.
#[derive(Debug, Default)]
struct Odd {
    reads: AtomicUsize,
    hangs: bool,
    seen: Mutex<Vec<DeviceId>>,
}

#[async_trait]
impl DeviceSource for Odd {
    async fn device(&self, id: &DeviceId) -> Result<Option<RegisteredDevice>, DeviceError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.seen.lock().unwrap().push(id.clone());
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(DeviceError::new("injected"))
    }
}

#[tokio::test]
async fn a_source_that_fails_leaves_the_facts_unknown() {
    let source = Arc::new(Odd::default());
    let world = world(MANAGED, source.clone());
    let laptop = Some("laptop-of-alice");
    for profile in ["staging", "production"] {
        assert_eq!(code(&world, "alice", profile, laptop).await, Some(ErrorCode::PolicyDeny));
    }
    // Rules that do not depend on the device still match.
    assert_eq!(code(&world, "alice", "free", laptop).await, None);
    assert_eq!(source.reads.load(Ordering::SeqCst), 3);
    assert_eq!(*source.seen.lock().unwrap(), vec![id("laptop-of-alice"); 3]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_respond_is_not_waited_for_until_the_deadline() {
    let world = world(MANAGED, Arc::new(Odd { hangs: true, ..Odd::default() }));
    let laptop = Some("laptop-of-alice");
    let begin = tokio::time::Instant::now();
    assert_eq!(code(&world, "alice", "staging", laptop).await, Some(ErrorCode::PolicyDeny));
    assert_eq!(begin.elapsed().as_secs(), 2);
    assert_eq!(code(&world, "alice", "free", laptop).await, None);
    // Half of a short deadline is left for the other calls.
    let begin = tokio::time::Instant::now();
    let mut short = call();
    short.deadline = Instant::now() + Duration::from_millis(2_500);
    vend(&world, &short, "alice", "free", laptop).await.unwrap();
    assert!(begin.elapsed() <= Duration::from_millis(1_010), "{:?}", begin.elapsed());
}

/// A client cannot cause reads of the source by callers and for profiles that need none.
#[tokio::test]
async fn the_source_is_read_only_if_the_policy_depends_on_the_device() {
    let source = Arc::new(Odd::default());
    let reads = || source.reads.load(Ordering::SeqCst);
    let free = world(FREE, source.clone());
    assert_eq!(code(&free, "alice", "staging", Some("laptop-of-alice")).await, None);
    assert_eq!(reads(), 0);
    let managed = world(MANAGED, source.clone());
    assert_eq!(code(&managed, "alice", "staging", None).await, Some(ErrorCode::PolicyDeny));
    assert_eq!(
        code(&managed, "alice", "other", Some("laptop-of-alice")).await,
        Some(ErrorCode::PolicyDeny)
    );
    assert_eq!(reads(), 0);
    code(&managed, "alice", "staging", Some("laptop-of-alice")).await;
    assert_eq!(reads(), 1);
}

#[test]
fn an_id_of_a_device_cannot_be_a_path() {
    let longest = "a".repeat(128);
    for text in ["a", "C02XG0FDJGH5", "00:1B:44:11:3A:B7", "a.b_c-d", &longest] {
        assert_eq!(DeviceId::parse(text).unwrap().as_str(), text);
    }
    let longer = format!("{longest}a");
    for text in ["", ".", "..", "-a", "a/b", "a b", "a?b", "a#b", "a%2Fb", "ä", "a\n", &longer] {
        assert_eq!(DeviceId::parse(text), None, "{text:?}");
    }
}
