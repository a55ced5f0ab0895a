//! Every backend, every wrapper, `Box` and `Arc` run the suite.

use std::sync::Arc;

use sentinel_store::memory::{MemoryGrants, MemoryPolicies, MemoryRequests, MemorySessions};
use sentinel_store::{
    GrantStore, PolicyStore, RequestStore, SessionStore,
    conformance::{
        self, Faults, FreshGrants, FreshPolicies, FreshRequests, FreshSessions, GrantsUnderTest,
        HookedGrants, HookedPolicies, HookedRequests, HookedSessions, PoliciesUnderTest, Report,
        RequestsUnderTest, SessionsUnderTest,
    },
};

use crate::fixtures::{
    FolderEditor, MemoryBackdoor, MemoryEditor, MemoryGrantBackdoor, MemoryRequestBackdoor,
    RedbBackdoor, RedbPeople, page_size, root,
};

fn memory<S: SessionStore + 'static>(
    wrap: impl Fn(Arc<MemorySessions>) -> S + Send + Sync,
) -> impl SessionsUnderTest {
    move || {
        let sessions = Arc::new(MemorySessions::with_page_size(page_size()));
        let store = wrap(Arc::clone(&sessions));
        async { FreshSessions::new(store).with_backdoor(MemoryBackdoor(sessions)) }
    }
}

fn memory_requests<S: RequestStore + 'static>(
    wrap: impl Fn(Arc<MemoryRequests>) -> S + Send + Sync,
) -> impl RequestsUnderTest {
    move || {
        let requests = Arc::new(MemoryRequests::with_page_size(page_size()));
        let store = wrap(Arc::clone(&requests));
        async { FreshRequests::new(store).with_backdoor(MemoryRequestBackdoor(requests)) }
    }
}

fn memory_grants<S: GrantStore + 'static>(
    wrap: impl Fn(Arc<MemoryGrants>) -> S + Send + Sync,
) -> impl GrantsUnderTest {
    move || {
        let grants = Arc::new(MemoryGrants::with_page_size(page_size()));
        let store = wrap(Arc::clone(&grants));
        async { FreshGrants::new(store).with_backdoor(MemoryGrantBackdoor(grants)) }
    }
}

fn memory_policies<S: PolicyStore + 'static>(
    wrap: impl Fn(Arc<MemoryPolicies>) -> S + Send + Sync,
) -> impl PoliciesUnderTest {
    move || {
        let policies = Arc::new(MemoryPolicies::with_page_size(page_size()));
        let store = wrap(Arc::clone(&policies));
        async { FreshPolicies::new(store, root(), MemoryEditor(policies)) }
    }
}

/// Every case passed, except the ones that the backend cannot set up.
fn passes(report: Report, not_offered: &[&str]) {
    assert!(report.outcomes().len() > 10, "cases are missing from the suite");
    assert_eq!(report.not_offered().collect::<Vec<_>>(), not_offered);
    report.result().unwrap();
}

/// A store in memory contains records, not bytes, so that unreadable ones cannot be planted.
const NOT_IN_MEMORY: [&str; 2] =
    ["an_unreadable_gate_is_corrupt", "an_unreadable_session_is_corrupt"];

#[tokio::test(flavor = "multi_thread")]
async fn sessions_in_memory_conform() {
    passes(conformance::sessions(&memory(|store| store)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_sessions_conform() {
    let boxed = |store| Box::new(store) as Box<dyn SessionStore>;
    passes(conformance::sessions(&memory(boxed)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_sessions_conform() {
    let shared = |store| Arc::new(store) as Arc<dyn SessionStore>;
    passes(conformance::sessions(&memory(shared)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_behind_a_hook_conform() {
    let hooked = |store| HookedSessions::new(store, Faults::new());
    passes(conformance::sessions(&memory(hooked)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_in_a_file_conform() {
    let fresh = || async {
        let backdoor = RedbBackdoor::new();
        FreshSessions::new(backdoor.sessions.clone()).with_backdoor(backdoor)
    };
    passes(conformance::sessions(&fresh).await, &[]);
}

const REQUEST_NOT_IN_MEMORY: [&str; 1] = ["an_unreadable_request_is_corrupt"];

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_memory_conform() {
    let subject = memory_requests(|store| store);
    passes(conformance::requests(&subject).await, &REQUEST_NOT_IN_MEMORY);
    conformance::request_sequences(&subject, 0..500).await.result().unwrap();
    conformance::many_requests(&subject, 10_000).await.result().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_requests_conform() {
    let boxed = |store| Box::new(store) as Box<dyn RequestStore>;
    let report = conformance::requests(&memory_requests(boxed)).await;
    passes(report, &REQUEST_NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_requests_conform() {
    let shared = |store| Arc::new(store) as Arc<dyn RequestStore>;
    let report = conformance::requests(&memory_requests(shared)).await;
    passes(report, &REQUEST_NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_behind_a_hook_conform() {
    let hooked = |store| HookedRequests::new(store, Faults::new());
    let report = conformance::requests(&memory_requests(hooked)).await;
    passes(report, &REQUEST_NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_a_file_conform() {
    let fresh = || async {
        let file = RedbPeople::new();
        FreshRequests::new(file.requests.clone()).with_backdoor(file)
    };
    passes(conformance::requests(&fresh).await, &[]);
    conformance::many_requests(&fresh, 10_000).await.result().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_in_a_file_conform() {
    let fresh = || async {
        let file = RedbPeople::new();
        FreshGrants::new(file.grants.clone()).with_backdoor(file)
    };
    passes(conformance::grants(&fresh).await, &[]);
}

const GRANT_NOT_IN_MEMORY: [&str; 1] = ["an_unreadable_grant_is_corrupt"];

#[tokio::test(flavor = "multi_thread")]
async fn grants_in_memory_conform() {
    let subject = memory_grants(|store| store);
    passes(conformance::grants(&subject).await, &GRANT_NOT_IN_MEMORY);
    conformance::grant_sequences(&subject, 0..500).await.result().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_grants_conform() {
    let boxed = |store| Box::new(store) as Box<dyn GrantStore>;
    passes(conformance::grants(&memory_grants(boxed)).await, &GRANT_NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_grants_conform() {
    let shared = |store| Arc::new(store) as Arc<dyn GrantStore>;
    passes(conformance::grants(&memory_grants(shared)).await, &GRANT_NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_behind_a_hook_conform() {
    let hooked = |store| HookedGrants::new(store, Faults::new());
    passes(conformance::grants(&memory_grants(hooked)).await, &GRANT_NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_memory_conform() {
    passes(conformance::policies(&memory_policies(|store| store)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_policies_conform() {
    let boxed = |store| Box::new(store) as Box<dyn PolicyStore>;
    passes(conformance::policies(&memory_policies(boxed)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_behind_a_hook_conform() {
    let hooked = |store| HookedPolicies::new(store, Faults::new());
    passes(conformance::policies(&memory_policies(hooked)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_a_folder_conform() {
    let fresh = || async {
        let (policies, editor) = FolderEditor::new();
        FreshPolicies::new(policies, root(), editor)
    };
    passes(conformance::policies(&fresh).await, &[]);
}
