//! Every backend, every wrapper and everything that holds one runs the suite.

use std::sync::Arc;

use async_trait::async_trait;
use sentinel_store::{
    MemoryPolicies, MemorySessions, PolicyStore, SessionStore,
    conformance::{
        self, Faults, FreshPolicies, FreshSessions, HookedPolicies, HookedSessions,
        PoliciesUnderTest, Report, SessionsUnderTest,
    },
};

use crate::fixtures::{FolderEditor, MemoryBackdoor, MemoryEditor, RedbBackdoor, page_size, root};

struct Memory<W>(W);
struct Redb<W>(W);
struct MemoryDocuments<W>(W);
struct FolderDocuments<W>(W);

#[async_trait]
impl<W, S> SessionsUnderTest for Memory<W>
where
    W: Fn(Arc<MemorySessions>) -> S + Send + Sync,
    S: SessionStore + 'static,
{
    async fn fresh(&self) -> FreshSessions {
        let sessions = Arc::new(MemorySessions::with_page_size(page_size()));
        let store = Arc::new((self.0)(Arc::clone(&sessions)));
        FreshSessions { store, backdoor: Some(Box::new(MemoryBackdoor(sessions))) }
    }
}

#[async_trait]
impl<W, S> SessionsUnderTest for Redb<W>
where
    W: Fn(sentinel_store::RedbSessions) -> S + Send + Sync,
    S: SessionStore + 'static,
{
    async fn fresh(&self) -> FreshSessions {
        let backdoor = RedbBackdoor::new();
        let store = Arc::new((self.0)(backdoor.sessions.clone()));
        FreshSessions { store, backdoor: Some(Box::new(backdoor)) }
    }
}

#[async_trait]
impl<W, S> PoliciesUnderTest for MemoryDocuments<W>
where
    W: Fn(Arc<MemoryPolicies>) -> S + Send + Sync,
    S: PolicyStore + 'static,
{
    async fn fresh(&self) -> FreshPolicies {
        let policies = Arc::new(MemoryPolicies::with_page_size(page_size()));
        let store = Arc::new((self.0)(Arc::clone(&policies)));
        FreshPolicies { store, root: root(), editor: Box::new(MemoryEditor(policies)) }
    }
}

#[async_trait]
impl<W, S> PoliciesUnderTest for FolderDocuments<W>
where
    W: Fn(sentinel_store::FolderPolicies) -> S + Send + Sync,
    S: PolicyStore + 'static,
{
    async fn fresh(&self) -> FreshPolicies {
        let (policies, editor) = FolderEditor::new();
        let store = Arc::new((self.0)(policies));
        FreshPolicies { store, root: root(), editor: Box::new(editor) }
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
    holds(conformance::sessions(&Memory(|store| store)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_sessions_do_what_they_must() {
    let boxed = |store| Box::new(store) as Box<dyn SessionStore>;
    holds(conformance::sessions(&Memory(boxed)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_sessions_do_what_they_must() {
    let shared = |store| Arc::new(store) as Arc<dyn SessionStore>;
    holds(conformance::sessions(&Memory(shared)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_behind_a_hook_do_what_they_must() {
    let hooked = |store| HookedSessions::new(store, Faults::new());
    holds(conformance::sessions(&Memory(hooked)).await, &NOT_IN_MEMORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_in_a_file_do_what_they_must() {
    holds(conformance::sessions(&Redb(|store| store)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_memory_do_what_they_must() {
    holds(conformance::policies(&MemoryDocuments(|store| store)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn boxed_policies_do_what_they_must() {
    let boxed = |store| Box::new(store) as Box<dyn PolicyStore>;
    holds(conformance::policies(&MemoryDocuments(boxed)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_behind_a_hook_do_what_they_must() {
    let hooked = |store| HookedPolicies::new(store, Faults::new());
    holds(conformance::policies(&MemoryDocuments(hooked)).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_a_folder_do_what_they_must() {
    holds(conformance::policies(&FolderDocuments(|store| store)).await, &[]);
}
