//! A service that vends: it creates one broker and uses it for every request.

#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use sentinel_broker::{
    Broker, Call, Home, LocalIssuer, OsRandom, Parts, SessionTable, Settings, Vend,
    VerifiedIdentity,
};
use sentinel_store::memory::{MemoryPolicies, MemorySessions};
use sentinel_store::{JsonLines, PolicyPath, ProfileName, SystemClock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (path, policies) = (PolicyPath::new("/sentinel/policies/main"), MemoryPolicies::new());
    policies.put(&path, include_str!("policies/main.yaml"));
    // Use a random, secret key if the credentials grant access to anything.
    let issuer = LocalIssuer::new([7; 32], Arc::new(SystemClock), Arc::new(OsRandom));
    let records = JsonLines::new(io::stderr());
    let sessions = SessionTable::new("sessions", Arc::new(MemorySessions::new()));
    let parts =
        Parts::new(Arc::new(policies), Arc::new(issuer), Arc::new(records)).with_sessions(sessions);
    let broker = Broker::new(Settings::new(path), parts);

    for user in ["alice", "bob", "mallory"] {
        // The identity that the front end has verified, never a claim of the caller.
        let (arn, account) = (format!("arn:aws:iam::111122223333:user/{user}"), "111122223333");
        let deadline = Instant::now() + Duration::from_secs(25);
        let home = Home::from_arn(&arn).ok_or("not an ARN")?;
        let call = Call::new(format!("request-of-{user}"), home, deadline);
        let caller = broker.identify(&call, &VerifiedIdentity::new(&arn, account))?;
        let vend = Vend::new(ProfileName::parse("production")?);
        match broker.vend(&call, &caller, &vend).await.map(|vended| vended.credentials) {
            Ok(vended) => println!("{user}: {} until {}", vended.access_key_id, vended.expiration),
            Err(denial) => println!("{user}: {denial}"),
        }
    }
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
