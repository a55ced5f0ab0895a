//! The lifetime of credentials.

use proptest::prelude::*;
use sentinel_broker::{Cap, ErrorCode};
use sentinel_store::Clock;

use crate::world::{Plan, StillClock, World};

/// Open on weekdays from nine to five in Berlin.
const OFFICE: &str = r#"
version: "1"
rules:
  - name: office
    effect: allow
    conditions:
      profiles: [production]
      time:
        days: [monday, tuesday, wednesday, thursday, friday]
        hours: { start: "09:00", end: "17:00" }
        timezone: Europe/Berlin
"#;

fn at(time: &str) -> World {
    World::with(OFFICE, Plan { clock: StillClock::at(time), ..Plan::default() })
}

#[tokio::test]
async fn credentials_end_when_the_window_closes() {
    let world = at("2026-03-02T15:30:00Z");
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration.to_rfc3339(), "2026-03-02T16:00:00+00:00");
    assert_eq!(vended.cap, Cap::ValidUntil);
    let requests = world.issuer.requests();
    assert_eq!(requests[0].seconds, 1800);
    let policy = requests[0].session_policy().unwrap();
    assert!(policy.contains(r#""aws:CurrentTime":"2026-03-02T16:00:00Z""#), "{policy}");
    assert!(policy.contains("sts:AssumeRole"));
}

#[tokio::test]
async fn credentials_with_an_end_cannot_get_others_that_outlive_it() {
    let world = at("2026-03-02T15:30:00Z");
    world.vend("alice", "production").await.unwrap();
    let text = world.issuer.requests()[0].session_policy().unwrap();
    // The limit of AssumeRole.
    assert!(text.len() <= 2048, "{} characters", text.len());
    let policy: serde_json::Value = serde_json::from_str(&text).unwrap();
    let denied: Vec<_> = policy["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|statement| statement["Effect"] == "Deny" && statement["Condition"].is_null())
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .collect();
    assert_eq!(
        denied,
        [
            "sts:AssumeRole",
            "sts:AssumeRoleWithSAML",
            "sts:AssumeRoleWithWebIdentity",
            "sts:AssumeRoot",
            "sts:GetFederationToken",
            "sts:GetWebIdentityToken",
        ]
    );
}

#[tokio::test]
async fn a_window_that_closes_within_fifteen_minutes_is_enforced() {
    let world = at("2026-03-02T15:58:00Z");
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration.to_rfc3339(), "2026-03-02T16:00:00+00:00");
    assert_eq!(world.issuer.requests()[0].seconds, 900);
}

/// STS would accept them for at least 15 minutes, and returns that expiration.
#[tokio::test]
async fn credentials_show_the_end_that_the_inline_policy_enforces() {
    let clock = StillClock::at("2026-03-02T15:58:00Z");
    let world = World::with(OFFICE, Plan { clock, issues_whole_length: true, ..Plan::default() });
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration.to_rfc3339(), "2026-03-02T16:00:00+00:00");
    let record = world.decisions().pop().unwrap();
    assert_eq!(record.expiration, Some(vended.credentials.expiration));
}

#[tokio::test]
async fn no_credentials_are_vended_outside_the_window() {
    for time in ["2026-03-02T16:00:00Z", "2026-03-02T07:59:59Z", "2026-03-01T12:00:00Z"] {
        let denial = at(time).vend("alice", "production").await.unwrap_err();
        assert_eq!(denial.code, ErrorCode::PolicyDeny, "{time}");
    }
}

#[tokio::test]
async fn a_requested_lifetime_shortens_credentials() {
    let world = at("2026-03-02T10:00:00Z");
    let vended = world.vend_for("alice", "production", Some(1_000)).await.unwrap();
    assert_eq!((world.issuer.requests()[0].seconds, vended.cap), (1_000, Cap::Requested));
}

#[test]
fn every_bound_has_the_word_of_the_response_header() {
    let all = [Cap::Requested, Cap::Default, Cap::Policy, Cap::Maximum, Cap::ValidUntil];
    let words = all.map(|cap| cap.to_string());
    assert_eq!(words, ["asked", "default", "policy", "maximum", "valid_until"]);
}

#[tokio::test]
async fn credentials_of_the_local_issuer_expire_at_their_expiration() {
    let policy = "version: \"1\"\nrules: [{ name: a, effect: allow, max_duration: 3s, \
                  conditions: { profiles: [production] } }]\n";
    let world = World::new(policy);
    let credentials = world.vend("alice", "production").await.unwrap().credentials;
    let identity = world.issuer.identify(&credentials).unwrap();
    assert_eq!(identity.expiration, credentials.expiration);
    assert_eq!((credentials.expiration - world.clock.now()).num_seconds(), 3);
}

proptest! {
    /// At any time and for any requested lifetime, credentials end no
    /// later than each of: the requested lifetime, the cap of the rule, the maximum, and
    /// the time at which the window closes. If STS would accept them
    /// longer, they have an inline policy that does not.
    #[test]
    fn invariant_3_credentials_never_outlive_what_granted_them(
        minute in 0_i64..14 * 24 * 60,
        requested in prop::option::of(900_u64..43_200),
        cap_minutes in 1_u64..600,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let world = World::with(
            &format!("{OFFICE}    max_duration: {cap_minutes}m\n"),
            // The fortnight in which Europe/Berlin changes to summer time.
            Plan { clock: StillClock::at("2026-03-23T00:00:30Z"), ..Plan::default() },
        );
        world.clock.advance(minute * 60);
        let now = world.clock.now();
        match runtime.block_on(world.vend_for("alice", "production", requested)) {
            Err(denial) => prop_assert_eq!(denial.code, ErrorCode::PolicyDeny),
            Ok(vended) => {
                let end = vended.credentials.expiration;
                let length = (end - now).num_seconds();
                prop_assert!(length > 0);
                prop_assert!(length <= requested.unwrap_or(3600).min(cap_minutes * 60).min(3600) as i64);
                // The window is open at the last second before the end.
                let before = end - chrono::TimeDelta::seconds(1);
                let berlin = before.with_timezone(&chrono_tz::Europe::Berlin);
                let hour = chrono::Timelike::hour(&berlin);
                prop_assert!((9..17).contains(&hour), "{berlin}");
                let assume = &world.issuer.requests()[0];
                prop_assert!(
                    assume.end.is_some() || i64::from(assume.seconds) <= length,
                    "{assume:?}"
                );
            }
        }
    }
}
