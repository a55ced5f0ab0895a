//! Policy documents in SSM, in a table, and in both.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use sentinel_store::memory::MemoryPolicies;
use sentinel_store::{
    ListedPolicy, PolicyLayers, PolicyPath, PolicyStore, PolicyWriter, StoreError,
    conformance::{
        self, CallSelector, Faults, FreshPolicies, HookedPolicies, Phase, PoliciesUnderTest,
        PolicyEditor, Report, StoreErrorKind,
    },
};
use sentinel_testkit::emulator::Kind;

use crate::stores::{Backend, Documents, WriterEditor, root, ssm};

fn assert_conforms(report: Report) {
    assert!(report.outcomes().len() > 10, "the suite has lost its cases");
    assert_eq!(report.not_offered().count(), 0);
    report.result().unwrap();
}

async fn assert_all_conform(kind: Kind, backend: Backend) {
    let Some(documents) = Documents::on(kind, backend).await else { return };
    assert_conforms(conformance::policies(&documents).await);
    assert_conforms(conformance::writers(&documents).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_ssm_on_ministack_conform() {
    assert_all_conform(Kind::Ministack, Backend::Ssm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_ssm_on_moto_conform() {
    assert_all_conform(Kind::Moto, Backend::Ssm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_a_table_on_ministack_conform() {
    assert_all_conform(Kind::Ministack, Backend::Table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_a_table_on_moto_conform() {
    assert_all_conform(Kind::Moto, Backend::Table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_a_table_on_dynalite_conform() {
    assert_all_conform(Kind::Dynalite, Backend::Table).await;
}

/// As the broker contains them: boxed, shared, and behind wrappers.
struct Wrapped(Documents);

#[async_trait]
impl PoliciesUnderTest for Wrapped {
    async fn fresh(&self) -> FreshPolicies {
        let mut fresh = self.0.fresh().await;
        let store: Box<dyn PolicyStore> = Box::new(HookedPolicies::new(fresh.store, Faults::new()));
        fresh.store = Arc::new(store);
        fresh
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrapped_documents_in_ssm_conform() {
    let Some(documents) = Documents::on(Kind::Ministack, Backend::Ssm).await else { return };
    assert_conforms(conformance::policies(&Wrapped(documents)).await);
}

/// SSM and a table as one store. Every other name is stored in the table, and so is every document
/// that SSM cannot store.
struct Layers(Documents, Documents);

struct LayersEditor(WriterEditor, WriterEditor);

#[async_trait]
impl PoliciesUnderTest for Layers {
    async fn fresh(&self) -> FreshPolicies {
        let (ssm, table, root) = (self.0.writer().await, self.1.writer().await, root());
        let store = PolicyLayers::new(ssm.clone(), table.clone());
        let editor = |writer| WriterEditor { writer, root: root.clone() };
        let editor = LayersEditor(editor(ssm), editor(table));
        FreshPolicies::new(store, root.clone(), editor)
    }
}

#[async_trait]
impl PolicyEditor for LayersEditor {
    async fn put(&self, name: &str, text: &[u8]) -> bool {
        let path = self.0.root.join(name);
        let in_table = self.1.writer.policy(&path).await.is_ok();
        if !in_table && name.len().is_multiple_of(2) && self.0.put(name, text).await {
            return true;
        }
        if !in_table && self.0.writer.policy(&path).await.is_ok() {
            self.0.remove(name).await;
        }
        self.1.put(name, text).await
    }

    async fn remove(&self, name: &str) {
        let path = self.0.root.join(name);
        let in_table = self.1.writer.policy(&path).await.is_ok();
        if in_table { self.1.remove(name).await } else { self.0.remove(name).await }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_in_both_places_conform() {
    let Some(first) = Documents::on(Kind::Ministack, Backend::Ssm).await else { return };
    let Some(second) = Documents::on(Kind::Ministack, Backend::Table).await else { return };
    assert_conforms(conformance::policies(&Layers(first, second)).await);
}

#[tokio::test]
async fn a_document_in_both_layers_is_corrupt_and_listed_once() {
    let [first, second] = [(); 2].map(|()| Arc::new(MemoryPolicies::new()));
    let layers = PolicyLayers::new(first.clone(), second.clone());
    let (root, path) = (PolicyPath::new("/root"), PolicyPath::new("/root/production"));
    first.put(&path, "one");
    second.put(&root.join("staging"), "two");
    layers.policy(&path).await.unwrap();
    second.put(&path, "one");
    assert!(matches!(layers.policy(&path).await, Err(StoreError::Corrupt(_))));
    let list = layers.list(&root, None).await.unwrap();
    // Neither of the two texts is returned as the document.
    let both = ListedPolicy::new("production");
    let staging = second.policy(&root.join("staging")).await.unwrap();
    let one = ListedPolicy::new("staging").with_document(staging);
    assert_eq!((list.items, list.next), (vec![both, one], None));
}

/// The contents of a store that failed are unknown: the document in the other store may be one of
/// two.
#[tokio::test]
async fn a_layer_that_fails_makes_both_fail() {
    let path = PolicyPath::new("/root/production");
    let failures =
        StoreErrorKind::ALL.into_iter().filter(|failure| *failure != StoreErrorKind::NotFound);
    for failure in failures {
        for failing in [0, 1] {
            let faults = Faults::new();
            faults.fail(CallSelector::All, Phase::Before, failure);
            let [good, bad] = [(); 2].map(|()| Arc::new(MemoryPolicies::new()));
            good.put(&path, "one");
            let bad = Arc::new(HookedPolicies::new(bad, faults));
            let layers = if failing == 0 {
                PolicyLayers::new(bad, good)
            } else {
                PolicyLayers::new(good, bad)
            };
            let found = layers.policy(&path).await.unwrap_err();
            assert_eq!(found.without_location().to_string(), failure.error().to_string());
            let found = layers.list(&PolicyPath::new("/root"), None).await.unwrap_err();
            assert_eq!(found.without_location().to_string(), failure.error().to_string());
        }
    }
}

/// Overwriting a parameter preserves the other settings that an administrator chose for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_parameter_stays_encrypted_with_its_key() {
    for kind in [Kind::Ministack, Kind::Moto] {
        let documents = Documents::on(kind, Backend::Ssm).await.unwrap();
        let client = aws_sdk_ssm::Client::new(&documents.config);
        let path = root().join("production");
        client
            .put_parameter()
            .name(path.as_str())
            .value("version: \"1\"")
            .r#type(ParameterType::SecureString)
            .key_id("alias/policies")
            .send()
            .await
            .unwrap();
        let store = ssm(&documents.config);
        assert_eq!(store.policy(&path).await.unwrap().text, b"version: \"1\"");
        store.put(&path, b"two", Some("1")).await.unwrap();
        assert_eq!(store.policy(&path).await.unwrap().text, b"two");
        let history =
            client.get_parameter_history().name(path.as_str()).send().await.unwrap().parameters;
        let last = history.unwrap().pop().unwrap();
        assert_eq!(last.r#type, Some(ParameterType::SecureString), "{kind:?}");
        assert_eq!(last.key_id.as_deref(), Some("alias/policies"), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_parameter_is_advanced_and_stays_so() {
    let documents = Documents::on(Kind::Ministack, Backend::Ssm).await.unwrap();
    let client = aws_sdk_ssm::Client::new(&documents.config);
    let path = root().join("production");
    let store = ssm(&documents.config);
    let mut over = None;
    let sizes = [4096, 4097, 8192, 10];
    for bytes in sizes {
        let text = "x".repeat(bytes);
        over = Some(store.put(&path, text.as_bytes(), over.as_deref()).await.unwrap());
    }
    let history =
        client.get_parameter_history().name(path.as_str()).send().await.unwrap().parameters;
    let tiers: Vec<_> = history.unwrap().into_iter().map(|entry| entry.tier.unwrap()).collect();
    let advanced = ParameterTier::Advanced;
    assert_eq!(tiers, [ParameterTier::Standard, advanced.clone(), advanced.clone(), advanced]);

    let error = store.put(&path, "x".repeat(8193).as_bytes(), over.as_deref()).await.unwrap_err();
    let StoreError::Refused(cause) = error else { panic!("{error:?}") };
    assert!(cause.to_string().contains("SENTINEL_POLICY_TABLE"), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_texts_is_not_a_policy() {
    for kind in [Kind::Ministack, Kind::Moto] {
        let documents = Documents::on(kind, Backend::Ssm).await.unwrap();
        let client = aws_sdk_ssm::Client::new(&documents.config);
        let path = root().join("production");
        let list = client.put_parameter().name(path.as_str()).value("a,b");
        list.r#type(ParameterType::StringList).send().await.unwrap();
        let found = ssm(&documents.config).policy(&path).await;
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
    }
}
