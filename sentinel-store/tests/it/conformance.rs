//! Every backend, every wrapper, `Box` and `Arc` run the suite.

use std::sync::Arc;

use sentinel_store::memory::{MemoryPolicies, MemorySessions};
use sentinel_store::{
    PolicyStore, SessionStore,
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
