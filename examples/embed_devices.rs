//! A service that decides by the device: the client names it, and the service provides the facts.

#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use sentinel_broker::{
    Broker, Call, DeviceId, DeviceSource, Home, LocalIssuer, MemoryDevices, OsRandom, Parts,
    RegisteredDevice, Settings, Vend, VerifiedIdentity,
};
use sentinel_policy::DeviceFacts;
use sentinel_store::memory::MemoryPolicies;
use sentinel_store::{CallerKey, JsonLines, PolicyPath, ProfileName, SystemClock};

const POLICY: &str = "version: \"1\"\nrules:\n  - { name: managed, effect: allow, conditions: { profiles: [production], device: { require_mdm: true } } }\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (path, policies) = (PolicyPath::new("/sentinel/policies/main"), MemoryPolicies::new());
    policies.put(&path, POLICY);
    let laptop = DeviceId::parse("C02XG0FDJGH5").ok_or("not an id")?;
    let (devices, facts) = (MemoryDevices::new(), DeviceFacts::default().with_mdm_enrolled(true));
    devices.put(laptop.clone(), RegisteredDevice::new(CallerKey::parse("alice")?, facts));
    let issuer = LocalIssuer::new([7; 32], Arc::new(SystemClock), Arc::new(OsRandom));
    let parts =
        Parts::new(Arc::new(policies), Arc::new(issuer), Arc::new(JsonLines::new(io::stderr())))
            .with_devices(Arc::new(devices) as Arc<dyn DeviceSource>);
    let broker = Broker::new(Settings::new(path), parts);

    for (user, expected) in [("alice", true), ("bob", false)] {
        let arn = format!("arn:aws:iam::111122223333:user/{user}");
        let home = Home::from_arn(&arn).ok_or("not an ARN")?;
        let call = Call::new("request-1", home, Instant::now() + Duration::from_secs(25));
        let caller = broker.identify(&call, &VerifiedIdentity::new(&arn, "111122223333"))?;
        // Bob sends the id of the laptop of alice. It is not registered to him.
        let vend = Vend::new(ProfileName::parse("production")?).with_device(laptop.clone());
        let allowed = broker.vend(&call, &caller, &vend).await.is_ok();
        println!("{user}: {}", if allowed { "allowed" } else { "denied" });
        assert_eq!(allowed, expected);
    }
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
