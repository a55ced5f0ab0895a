//! Every backend, every wrapper and everything that holds one runs the suite.

use std::sync::Arc;

use sentinel_store::{
    MemoryPolicies, MemorySessions, PolicyStore, SessionStore,
    conformance::{
        self, Faults, FreshPolicies, FreshSessions, HookedPolicies, HookedSessions,
        PoliciesUnderTest, Report, SessionsUnderTest,
    },
};

use crate::fixtures::{FolderEditor, MemoryBackdoor, MemoryEditor, RedbBackdoor, page_size, root};

fn memory<S: SessionStore + 'static>(
    wrap: impl Fn(Arc<MemorySessions>) -> S + Send + Sync,
) -> impl SessionsUnderTest {
    move || {
        let sessions = Arc::new(MemorySessions::with_page_size(page_size()));
        let store = wrap(Arc::clone(&sessions));
        async { FreshSessions::new(store).with_backdoor(MemoryBackdoor(sessions)) }
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

/// Every case holds; those alone were left out that the backend cannot bring
/// about.
fn holds(report: Report, not_offered: &[&str]) {
    assert!(report.outcomes().len() > 10, "the suite has lost its cases");
    assert_eq!(report.not_offered().collect::<Vec<_>>(), not_offered);
    report.verdict().unwrap();
}

/// Memory holds records and no bytes: what is no record cannot be put there.
const NOT_IN_MEMORY: [&str; 2] = ["what_is_no_gate_is_corrupt", "what_is_no_session_is_corrupt"];

#[tokio::test(flavor = "multi_thread")]
async fn sessions_in_memory_do_what_they_must() {
    holds(conformance::sessions(&memory(|store| store)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_sessions_do_what_they_must() {
    let boxed = |store| Box::new(store) as Box<dyn SessionStore>;
    holds(conformance::sessions(&memory(boxed)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_sessions_do_what_they_must() {
    let shared = |store| Arc::new(store) as Arc<dyn SessionStore>;
    holds(conformance::sessions(&memory(shared)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_behind_a_hook_do_what_they_must() {
    let hooked = |store| HookedSessions::new(store, Faults::new());
    holds(conformance::sessions(&memory(hooked)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_in_a_file_do_what_they_must() {
    let fresh = || async {
        let backdoor = RedbBackdoor::new();
        FreshSessions::new(backdoor.sessions.clone()).with_backdoor(backdoor)
    };
    holds(conformance::sessions(&fresh).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_memory_do_what_they_must() {
    holds(conformance::policies(&memory_policies(|store| store)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_policies_do_what_they_must() {
    let boxed = |store| Box::new(store) as Box<dyn PolicyStore>;
    holds(conformance::policies(&memory_policies(boxed)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_behind_a_hook_do_what_they_must() {
    let hooked = |store| HookedPolicies::new(store, Faults::new());
    holds(conformance::policies(&memory_policies(hooked)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_a_folder_do_what_they_must() {
    let fresh = || async {
        let (policies, editor) = FolderEditor::new();
        FreshPolicies::new(policies, root(), editor)
    };
    holds(conformance::policies(&fresh).await, &[]);
}
