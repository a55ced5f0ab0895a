//! Every service that Sentinel calls, throttled, slow, refusing, lying and half-dead, call by call:
//! what the caller sees, how long it takes, and what remains stored. `table` is the table, made of
//! the calls in `place` and the faults in `class`. `judge` checks what must hold in each row.
//! `document` generates `docs/failures.md` from the table.

mod class;
mod document;
mod judge;
mod line;
mod place;
mod table;
mod together;
mod world;

use judge::judge;

#[tokio::test]
async fn whatever_ssm_answers_is_an_answer_in_time() {
    judge(table::ssm()).await;
}

#[tokio::test]
async fn whatever_the_policy_table_answers_is_an_answer_in_time() {
    judge(table::policy_table()).await;
}

#[tokio::test]
async fn whatever_the_session_table_answers_nothing_is_vended_and_nothing_stays_active() {
    judge(table::session_table()).await;
}

#[tokio::test]
async fn whatever_the_session_table_answers_operators_are_told_in_time() {
    judge(table::operators()).await;
}

#[tokio::test]
async fn whatever_sts_answers_nothing_is_vended_and_nothing_stays_active() {
    judge(table::sts()).await;
}

#[tokio::test]
async fn whatever_the_session_table_answers_the_authorizer_lets_nobody_through() {
    judge(table::authorizer()).await;
}
