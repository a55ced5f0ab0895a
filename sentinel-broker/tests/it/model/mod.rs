//! A model of vends, revocations, approvals and break-glass grants at the same time: the broker itself,
//! over stores in memory, in every order that its calls of stores and of STS can have.
//!
//! Each call is two steps: it has its effect, and its result arrives. A task (a vend, an operator, an
//! approver) can be overtaken at each step by every other task. [`explore`] runs all orders of the
//! steps, of which [`story`] checks each:
//!
//! - Credentials leave only if the caller was not revoked, and what was approved or opened was not
//!   revoked or closed, from the first read of the vend to the last one. The last one begins after the
//!   session was written. So a vend whose last read begins after a revocation was acknowledged returns
//!   no credentials.
//! - Credentials that left before have a session that the list after the revocation contains, and that
//!   the session check refuses from then on, also after a reinstatement.
//! - A vend is refused for a reason only. After a reinstatement, a new approval or a new grant, a new
//!   vend succeeds and its session is valid.
//! - Each vend that ends is recorded once.
//!
//! For most of the stories, also each order in which one call fails before its effect, or after it with an unknown
//! result, or in which a vend is dropped while it waits. People repeat what failed.
//!
//! # What is not covered
//!
//! - Stores that are not linearizable. The contract of the stores requires strongly consistent reads;
//!   the conformance suite, and the tests against emulators of DynamoDB, cover the stores.
//! - A write that is applied after it was reported as failed. Then the vend has failed, and
//!   returns no credentials: see `Tracked::end`.
//! - More than two vends, more than one fault, a fault while an approval or its approver is revoked, and
//!   a process of an operator or an approver that is killed. `make model` runs larger spaces: two vends
//!   and a fault, also with approvals.
//! - Time. The clock stands still, so that nothing expires in an order. The policy does not change, the
//!   rate of callers has no limit, and lists have one page.
//! - Credentials that left remain usable at AWS until they expire or IAM denies them.

mod explore;
mod story;

use sentinel_store::conformance::StoreOperation;

use explore::Explorer;
use story::{Explored, Story, explore};

/// Whether `make model` runs the tests, with larger spaces.
fn is_large() -> bool {
    std::env::var_os("SENTINEL_MODEL").is_some_and(|it| it == "large")
}

/// Reports the size of a space, which `make model` shows, and checks that all results occurred: the
/// test would prove nothing without them.
fn report(what: &str, explored: &Explored) {
    let Explored { orders, left, vended, refused, crashed, withheld, .. } = explored;
    println!(
        "{what}: {orders} orders, {left} left as equivalent; vends: {vended} successful, {refused} \
         refused, of which {withheld} after credentials were issued, {crashed} dropped"
    );
    assert!(*vended > 0 && *refused > 0, "{what}: {explored:?}");
}

/// Runs vends next to what people do, without faults.
async fn check_vends(story: Story, vends: usize) {
    let without = explore(story, vends, Explorer::reduced(), &[]).await;
    report(&format!("{story:?}, {vends} at a time"), &without);
}

/// Runs one vend next to what people do, with a fault.
async fn check_faults(story: Story) {
    let with = explore(story, 1, Explorer::reduced().with_faults(1, 1), &[]).await;
    report(&format!("{story:?}, one vend and a fault"), &with);
    assert!(with.crashed > 0, "{with:?}");
    if is_large() {
        let with = explore(story, 2, Explorer::reduced().with_faults(1, 2), &[]).await;
        report(&format!("{story:?}, two vends and a fault"), &with);
    }
}

#[tokio::test(start_paused = true)]
async fn invariant_2_in_no_order_do_credentials_escape_the_revocation_of_their_caller() {
    check_vends(Story::Revoked, 2).await;
    check_faults(Story::Revoked).await;
}

#[tokio::test(start_paused = true)]
async fn invariant_2_in_no_order_do_credentials_escape_a_revocation_on_their_profile() {
    check_vends(Story::RevokedOnProfile, 2).await;
    check_faults(Story::RevokedOnProfile).await;
}

#[tokio::test(start_paused = true)]
async fn invariant_2_in_no_order_do_credentials_escape_a_revocation_next_to_a_reinstatement() {
    check_vends(Story::RevokedAndReinstated, 2).await;
    check_faults(Story::RevokedAndReinstated).await;
}

#[tokio::test(start_paused = true)]
async fn invariant_2_in_no_order_do_credentials_escape_the_revocation_of_their_approval() {
    check_vends(Story::ApprovalRevoked, 2).await;
    // A vend by an approval makes many calls in parallel: each of them can fail.
    if is_large() {
        check_faults(Story::ApprovalRevoked).await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_no_order_do_credentials_leave_by_a_request_that_was_denied() {
    check_vends(Story::ApprovalDenied, 1).await;
    check_faults(Story::ApprovalDenied).await;
}

#[tokio::test(start_paused = true)]
async fn invariant_2_in_no_order_do_credentials_escape_the_revocation_of_their_approver() {
    check_vends(Story::ApproverRevoked, 1).await;
    if is_large() {
        check_vends(Story::ApproverRevoked, 2).await;
        check_faults(Story::ApproverRevoked).await;
    }
}

#[tokio::test(start_paused = true)]
async fn invariant_2_in_no_order_do_credentials_escape_the_closing_of_their_grant() {
    check_vends(Story::GrantClosed, 2).await;
    check_faults(Story::GrantClosed).await;
}

#[tokio::test(start_paused = true)]
async fn invariant_2_in_no_order_do_credentials_escape_revocations_of_caller_and_approval() {
    // Without the turns of lists, the space is small enough.
    let (story, silent) = (Story::ApprovalAndCallerRevoked, [StoreOperation::Sessions]);
    let explored = explore(story, 1, Explorer::reduced(), &silent).await;
    report(&format!("{story:?}, 1 at a time"), &explored);
}

/// The orders that the explorer leaves have no outcome that the others do not have.
#[tokio::test(start_paused = true)]
async fn the_reduced_orders_have_all_outcomes() {
    const WITHOUT_ISSUE: &[StoreOperation] = &[StoreOperation::Sessions, crate::world::ASSUME_ROLE];
    const WITH_ISSUE: &[StoreOperation] = &[StoreOperation::Sessions];
    let mut spaces = vec![(0, WITHOUT_ISSUE), (1, WITHOUT_ISSUE)];
    if is_large() {
        spaces.extend([(0, WITH_ISSUE), (1, WITH_ISSUE)]);
    }
    for (faults, silent) in spaces {
        let all = Explorer::new().with_faults(faults, 1);
        let all = explore(Story::OnlyRevoked, 1, all, silent).await;
        let reduced = Explorer::reduced().with_faults(faults, 1);
        let reduced = explore(Story::OnlyRevoked, 1, reduced, silent).await;
        report("OnlyRevoked, one vend, all orders", &all);
        report("OnlyRevoked, one vend", &reduced);
        assert_eq!(all.outcomes, reduced.outcomes);
        assert!(all.orders > 10 * reduced.orders, "{} and {}", all.orders, reduced.orders);
    }
}
