//! Identities that are not served, and their records.

use sentinel_broker::{ErrorCode, VerifiedIdentity};
use sentinel_store::EventKind;

use crate::world::{ACCOUNT, ALICE, OTHER_ACCOUNT, World, call};

#[tokio::test]
async fn a_refused_identity_has_its_code_and_a_record_with_its_arn() {
    let vended = format!("arn:aws:sts::{ACCOUNT}:assumed-role/any/sentinel-alice-abcdefgh");
    let other = format!("arn:aws:iam::{OTHER_ACCOUNT}:user/alice");
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let long = format!("arn:aws:iam::{ACCOUNT}:user/{}", "x".repeat(300));
    for (arn, account, code) in [
        (&vended, ACCOUNT, ErrorCode::IamAuthRequired),
        (&other, OTHER_ACCOUNT, ErrorCode::Forbidden),
        (&other, ACCOUNT, ErrorCode::IamAuthRequired),
        (&root, ACCOUNT, ErrorCode::IamAuthRequired),
        (&long, ACCOUNT, ErrorCode::IamAuthRequired),
    ] {
        let world = World::new(ALICE);
        let denial = world.broker.identify(&call(), &VerifiedIdentity::new(arn, account));
        assert_eq!(denial.unwrap_err().code, code, "{arn}");
        let events = world.events();
        let [event] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(event.event, EventKind::IdentityRefused, "{arn}");
        assert_eq!(event.code.as_deref(), Some(code.as_str()), "{arn}");
        assert_eq!(event.by.as_deref(), arn.get(..arn.len().min(256)));
    }
}

#[tokio::test]
async fn a_call_without_a_verified_identity_is_refused_and_recorded() {
    let world = World::new(ALICE);
    let denial = world.broker.refuse_unverified(&call());
    assert_eq!(denial.code, ErrorCode::IamAuthRequired);
    let event = world.events().pop().unwrap();
    assert_eq!((event.event, event.by), (EventKind::IdentityRefused, None));
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_is_a_failure_of_the_service() {
    let world = World::new(ALICE);
    world.sink.set_failing(true);
    let denial = world.broker.refuse_unverified(&call());
    assert_eq!(denial.code, ErrorCode::StoreUnavailable);
}
