//! A service that vends: one broker, put together once, asked for each request.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::{error::Error, io, sync::Arc, time::Duration};

use sentinel_broker::{
    Broker, Call, Home, LocalIssuer, OsRandom, Parts, SessionTable, Settings, Vend,
    VerifiedIdentity,
};
use sentinel_store::{
    JsonLines, MemoryPolicies, MemorySessions, PolicyPath, ProfileName, SystemClock,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (path, policies) = (PolicyPath::new("/sentinel/policies/main"), MemoryPolicies::new());
    policies.put(&path, include_str!("policies/main.yaml"));
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
    let store = Arc::new(MemorySessions::new());
    let parts = Parts {
        policies: Arc::new(policies),
        sessions: Some(SessionTable { name: "sessions".to_owned(), store }),
        // Its key is random, and secret, where its credentials open something.
        issuer: Arc::new(LocalIssuer::new([7; 32], clock.clone(), random.clone())),
        clock,
        random,
        sink: Arc::new(JsonLines::new(io::stderr())),
    };
    let broker = Broker::new(Settings::new(path), parts);

    for user in ["alice", "bob", "mallory"] {
        // What the front door has verified, never what a caller says of themselves.
        let (arn, account) = (format!("arn:aws:iam::111122223333:user/{user}"), "111122223333");
        let deadline = tokio::time::Instant::now() + Duration::from_secs(25);
        let (request_id, home) = (format!("of-{user}"), Home::from_arn(&arn).ok_or("no ARN")?);
        let call = Call {
            request_id,
            home,
            deadline,
            source_ip: None,
            source_vpc: None,
            source_vpce: None,
            function_version: None,
        };
        let verified = VerifiedIdentity { user_arn: &arn, account, organization: None };
        let caller = broker.identify(&call, &verified)?;
        let vend = Vend { profile: ProfileName::parse("production")?, duration: None };
        match broker.vend(&call, &caller, &vend).await.map(|vended| vended.credentials) {
            Ok(made) => println!("{user}: {} until {}", made.access_key_id, made.expiration),
            Err(denial) => println!("{user}: {denial}"),
        }
    }
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
