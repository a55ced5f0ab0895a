//! Every service that Sentinel calls, throttled, slow, refusing, half-dead or with wrong answers, call by call:
//! what the caller sees, how long it takes, and what remains stored. `table` is the table, made of
//! the calls in `place` and the faults in `class`. `judge` checks what must hold in each row.
//! `document` generates `docs/failures.md` from the table.

mod class;
mod connection;
mod document;
mod judge;
mod place;
mod table;
mod together;
mod world;

use judge::judge;

#[tokio::test]
async fn every_fault_of_ssm_is_answered_in_time() {
    judge(table::ssm()).await;
}

#[tokio::test]
async fn every_fault_of_the_policy_table_is_answered_in_time() {
    judge(table::policy_table()).await;
}

#[tokio::test]
async fn no_fault_of_the_session_table_vends_credentials_or_leaves_a_session_active() {
    judge(table::session_table()).await;
}

#[tokio::test]
async fn every_fault_of_the_session_table_is_reported_to_operators_in_time() {
    judge(table::operators()).await;
}

#[tokio::test]
async fn no_fault_of_sts_vends_credentials_or_leaves_a_session_active() {
    judge(table::sts()).await;
}

#[tokio::test]
async fn no_fault_of_the_session_table_makes_the_authorizer_accept_a_session() {
    judge(table::authorizer()).await;
}
