//! Approval requests and break-glass grants in DynamoDB, on ministack. dynalite has no transactions, and
//! moto needs many minutes for them.

use sentinel_store::conformance::{self, Report};
use sentinel_store::{
    ApprovedPeriod, GrantId, GrantNote, GrantStore, OpeningLimits, OpeningQuota, RequestAction,
    RequestDecision, RequestId, RequestStatus, RequestStore,
};
use sentinel_testkit::emulator::Kind;

use crate::stores::{Grants, Requests, TableBackdoor, any_grant, any_request, at, caller};

/// Every case passes, and none is left out.
fn assert_conforms(report: Report) {
    assert!(report.outcomes().len() > 30, "the suite has lost its cases");
    assert_eq!(report.not_offered().count(), 0);
    report.result().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_on_ministack_conform() {
    let Some(requests) = Requests::on(Kind::Ministack).await else { return };
    assert_conforms(conformance::requests(&requests).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_on_ministack_conform() {
    let Some(grants) = Grants::on(Kind::Ministack).await else { return };
    assert_conforms(conformance::grants(&grants).await);
}

/// An emulator takes some 15 ms for each write, so that these are fewer than in memory and in a
/// file.
#[tokio::test(flavor = "multi_thread")]
async fn many_pending_requests_are_listed() {
    let Some(requests) = Requests::on(Kind::Ministack).await else { return };
    conformance::many_requests(&requests, 1_000).await.result().unwrap();
}

/// The beginning of the sort key of each item, its time to live in seconds after the start, and
/// whether it is in the index.
async fn items(table: &TableBackdoor) -> Vec<(String, Option<i64>, bool)> {
    let items = table.items().await.into_iter().map(|item| {
        let sk = item["sk"].as_s().unwrap();
        let kind = sk.split('#').next().unwrap().to_owned();
        let ttl = item.get("ttl").map(|ttl| ttl.as_n().unwrap().parse::<i64>().unwrap());
        let indexed = item.contains_key("shard") && item.contains_key("ends");
        (kind, ttl.map(|ttl| ttl - at(0).timestamp()), indexed)
    });
    let mut items: Vec<_> = items.collect();
    items.sort();
    items
}

fn item(kind: &str, ttl: i64, indexed: bool) -> (String, Option<i64>, bool) {
    (kind.to_owned(), Some(ttl), indexed)
}

const DAYS_90: i64 = 90 * 24 * 60 * 60;

/// Only the marker of a pending request is in the index. Its time to live is the deadline, so that
/// the stream contains an expired request.
#[tokio::test(flavor = "multi_thread")]
async fn only_pending_requests_are_in_the_index() {
    let Some(requests) = Requests::on(Kind::Ministack).await else { return };
    let (store, table) = requests.store().await;
    let pending = any_request(&RequestId::new(caller("alice").hash(), [1; 10]));
    store.create_request(&pending).await.unwrap();
    let mut expected = vec![item("pending", 601, true), item("request", 601 + DAYS_90, false)];
    assert_eq!(items(&table).await, expected);

    let decide = |action, seconds| {
        RequestDecision::new(pending.requester.clone(), at(seconds), action, "role", "digest")
    };
    let period = ApprovedPeriod { since: at(1), from: at(1), until: at(100) };
    let approve = decide(RequestAction::Approve, 1);
    let approved = pending.decide(approve, RequestStatus::Approved(period)).unwrap();
    store.replace_request(&approved).await.unwrap();
    expected = vec![
        item("approved", 101, false),
        item("pending", 2, false),
        item("request", 101 + DAYS_90, false),
    ];
    assert_eq!(items(&table).await, expected);

    let revoke = decide(RequestAction::Revoke, 50);
    let revoked = approved.decide(revoke, RequestStatus::Revoked(period)).unwrap();
    store.replace_request(&revoked).await.unwrap();
    expected = vec![
        item("approved", 51, false),
        item("pending", 2, false),
        item("request", 51 + DAYS_90, false),
    ];
    assert_eq!(items(&table).await, expected);
}

/// Only the marker of an open grant is in the index. A grant without its review has no time to
/// live, and a marker that ends when the review is due.
#[tokio::test(flavor = "multi_thread")]
async fn only_open_grants_are_in_the_index() {
    let Some(grants) = Grants::on(Kind::Ministack).await else { return };
    let (store, table) = grants.store().await;
    let open =
        any_grant(&GrantId::new(caller("alice").hash(), [1; 10])).with_review(at(5000), true);
    let per = std::time::Duration::from_secs(3600);
    let limits = OpeningLimits::default().with_profile_quota(OpeningQuota { count: 1, per });
    store.open_grant(&open, &limits).await.unwrap();
    let unlimited = ("grant".to_owned(), None, false);
    let ledger = item("ledger", 1 + DAYS_90, false);
    let expected = |markers: [_; 2], grant| {
        let [first, last] = markers;
        vec![grant, ledger.clone(), ledger.clone(), first, last]
    };
    let markers = [item("open", 601, true), item("review", 5001, false)];
    assert_eq!(items(&table).await, expected(markers, unlimited.clone()));

    let note = |seconds| GrantNote::new(open.holder.clone(), at(seconds), None);
    let closed = open.close(note(10)).unwrap();
    store.replace_grant(&closed).await.unwrap();
    let markers = [item("open", 11, false), item("review", 5001, false)];
    assert_eq!(items(&table).await, expected(markers, unlimited));

    let reviewed = closed.review(note(20)).unwrap();
    store.replace_grant(&reviewed).await.unwrap();
    let markers = [item("open", 11, false), item("review", 21, false)];
    assert_eq!(items(&table).await, expected(markers, item("grant", 601 + DAYS_90, false)));
}

/// The attribute of the item of that kind whose value is a notice, and its type.
async fn notices(table: &TableBackdoor) -> Vec<(String, &'static str, String)> {
    let mut found = Vec::new();
    for item in table.items().await {
        let kind = item["sk"].as_s().unwrap().split('#').next().unwrap().to_owned();
        for attribute in ["notice", "on_removal"] {
            if let Some(notice) = item.get(attribute) {
                let what = notice.as_m().unwrap()["type"].as_s().unwrap().clone();
                found.push((kind.clone(), attribute, what));
            }
        }
    }
    found.sort();
    found
}

fn notice(kind: &str, attribute: &'static str, what: &str) -> (String, &'static str, String) {
    (kind.to_owned(), attribute, what.to_owned())
}

/// The item of a request has the notice about the last change, and only the marker of a pending one
/// has a notice for its removal. The end of a request that was decided causes no event.
#[tokio::test(flavor = "multi_thread")]
async fn the_items_of_a_request_contain_its_notices() {
    let Some(requests) = Requests::on(Kind::Ministack).await else { return };
    let (store, table) = requests.store().await;
    let pending = any_request(&RequestId::new(caller("alice").hash(), [1; 10]));
    store.create_request(&pending).await.unwrap();
    let created = notice("request", "notice", "Request Created");
    assert_eq!(
        notices(&table).await,
        [notice("pending", "on_removal", "Request Expired"), created]
    );
    let by = pending.requester.clone();
    let decide = |action| RequestDecision::new(by.clone(), at(1), action, "role", "digest");
    let first = pending.decide(decide(RequestAction::Approve), RequestStatus::Pending).unwrap();
    store.replace_request(&first).await.unwrap();
    // The first of two approvals has no notice, and the request can still expire.
    assert_eq!(notices(&table).await, [notice("pending", "on_removal", "Request Expired")]);
    // Nor does the notice of the end name who gave it.
    let items = table.items().await;
    let [ended] = items.iter().filter_map(|item| item.get("on_removal")).collect::<Vec<_>>()[..]
    else {
        panic!("{items:?}")
    };
    assert_eq!(ended.as_m().unwrap()["by"].as_s().unwrap(), "");
    let denied = first.decide(decide(RequestAction::Deny), RequestStatus::Denied).unwrap();
    store.replace_request(&denied).await.unwrap();
    assert_eq!(notices(&table).await, [notice("request", "notice", "Request Denied")]);
}

/// As for requests. The end of a closed grant causes no event, and its missing review does.
#[tokio::test(flavor = "multi_thread")]
async fn the_items_of_a_grant_contain_its_notices() {
    let Some(grants) = Grants::on(Kind::Ministack).await else { return };
    let (store, table) = grants.store().await;
    let open =
        any_grant(&GrantId::new(caller("alice").hash(), [1; 10])).with_review(at(5000), true);
    store.open_grant(&open, &OpeningLimits::default()).await.unwrap();
    let overdue = notice("review", "on_removal", "Break-Glass Review Overdue");
    let opened = notice("grant", "notice", "Break-Glass Opened");
    let ended = notice("open", "on_removal", "Break-Glass Expired");
    assert_eq!(notices(&table).await, [opened, ended, overdue.clone()]);
    let note = |seconds| GrantNote::new(open.holder.clone(), at(seconds), None);
    let closed = open.close(note(10)).unwrap();
    store.replace_grant(&closed).await.unwrap();
    assert_eq!(notices(&table).await, [notice("grant", "notice", "Break-Glass Closed"), overdue]);
    let reviewed = closed.review(note(20)).unwrap();
    store.replace_grant(&reviewed).await.unwrap();
    assert_eq!(notices(&table).await, [notice("grant", "notice", "Break-Glass Reviewed")]);
}

/// The time to live removes the marker of an expired grant late, possibly after its review.
#[tokio::test(flavor = "multi_thread")]
async fn the_notice_of_an_expired_grant_requests_no_review_after_it() {
    let Some(grants) = Grants::on(Kind::Ministack).await else { return };
    let (store, table) = grants.store().await;
    let open =
        any_grant(&GrantId::new(caller("alice").hash(), [1; 10])).with_review(at(5000), true);
    store.open_grant(&open, &OpeningLimits::default()).await.unwrap();
    let next = async || {
        let items = table.items().await;
        let ended = items.iter().find_map(|item| item.get("on_removal")).unwrap();
        let ended = ended.as_m().unwrap();
        assert_eq!(ended["type"].as_s().unwrap(), "Break-Glass Expired");
        ended["next"].as_s().unwrap().clone()
    };
    assert!(next().await.starts_with("To review"));
    let after_end = (open.expires - open.created).num_seconds() + 1;
    let note = GrantNote::new(open.holder.clone(), at(after_end), None);
    store.replace_grant(&open.review(note).unwrap()).await.unwrap();
    assert_eq!(next().await, "");
}
