//! The cases for policy stores.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;

use super::report::{Checked, Report, Stop, ensure, ensure_eq, ensure_error, run};
use crate::{Cursor, ListedPolicy, Pages, PolicyPath, PolicyStore, StoreError};

/// A policy backend under test. A closure that returns an empty store is one.
#[async_trait]
pub trait PoliciesUnderTest: Send + Sync {
    /// An empty store, another one for each call.
    async fn fresh(&self) -> FreshPolicies;
}

/// A closure that returns an empty store.
#[async_trait]
impl<F, R> PoliciesUnderTest for F
where
    F: Fn() -> R + Send + Sync,
    R: Future<Output = FreshPolicies> + Send,
{
    async fn fresh(&self) -> FreshPolicies {
        self().await
    }
}

/// An empty policy store.
#[expect(missing_debug_implementations, reason = "an editor has no state to show")]
#[non_exhaustive]
pub struct FreshPolicies {
    /// The store.
    pub store: Arc<dyn PolicyStore>,
    /// The root of its documents.
    pub root: PolicyPath,
    /// How its documents change.
    pub editor: Box<dyn PolicyEditor>,
}

impl FreshPolicies {
    /// An empty store of the documents under `root`, which `editor` changes.
    pub fn new(
        store: impl PolicyStore + 'static,
        root: PolicyPath,
        editor: impl PolicyEditor + 'static,
    ) -> Self {
        Self { store: Arc::new(store), root, editor: Box::new(editor) }
    }
}

/// How the suite changes the documents of a store. A failed change fails the case.
#[async_trait]
pub trait PolicyEditor: Send + Sync {
    /// Writes the document of that name directly under the root. Returns whether the
    /// backend supports the text. Every backend must support a few hundred bytes of
    /// printable UTF-8 with line ends. A supported text must be stored byte for byte.
    async fn put(&self, name: &str, text: &[u8]) -> bool;

    /// Removes the document of that name.
    async fn remove(&self, name: &str);
}

/// Runs every case against the backend.
pub async fn policies(subject: &dyn PoliciesUnderTest) -> Report {
    let mut report = Report::default();
    run!(report, subject,
        cases::{
            a_missing_document_is_not_found,
            a_document_is_read_back_byte_for_byte,
            a_change_is_seen_by_the_next_read,
            two_texts_have_two_versions,
            a_removed_document_is_not_found,
            an_empty_root_has_no_names,
            each_document_is_listed_once,
            a_removed_document_is_not_listed,
            a_listed_text_equals_the_document,
            another_root_has_no_names,
            an_invalid_path_is_not_found,
            an_invalid_cursor_is_not_found,
        }
    );
    report
}

pub(super) async fn names(store: &dyn PolicyStore, root: &PolicyPath) -> Result<Vec<String>, Stop> {
    let listed = Pages::policies(store, root).items().await?;
    let mut names: Vec<_> = listed.into_iter().map(|listed| listed.name).collect();
    names.sort_unstable();
    Ok(names)
}

/// Writes a text that every backend must support.
async fn put(editor: &dyn PolicyEditor, name: &str, text: &[u8]) -> Checked {
    ensure!(editor.put(name, text).await, "an ordinary text is not supported: {text:?}");
    Ok(())
}

mod cases {
    use super::*;

    pub(super) async fn a_missing_document_is_not_found(
        subject: &dyn PoliciesUnderTest,
    ) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        ensure_error!(store.policy(&root.join("production")).await, StoreError::NotFound(_));
        put(&*editor, "staging", b"text").await?;
        ensure_error!(store.policy(&root.join("production")).await, StoreError::NotFound(_));
        Ok(())
    }

    pub(super) async fn a_document_is_read_back_byte_for_byte(
        subject: &dyn PoliciesUnderTest,
    ) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        let line = "rules: \u{1f511}\r\n";
        let ordinary = ["version: \"1\"\n", "no end of line", line, " \t\n\n", "\u{feff}a: {}\n"];
        let large = [100, 300, 700, 25_000, 100_000].map(|count| line.repeat(count));
        let large = large.iter().map(String::as_bytes);
        let odd: [&[u8]; 4] = [b"", b"\0", b"\xff\xfe\r\n", b"{{ssm:production}}"];
        let texts = ordinary.iter().map(|text| text.as_bytes()).chain(large).chain(odd);
        for (number, text) in texts.enumerate() {
            let held = editor.put("production", text).await;
            ensure!(
                held || number >= ordinary.len(),
                "an ordinary text is not supported: {text:?}"
            );
            if held {
                let found = store.policy(&root.join("production")).await?;
                ensure!(found.text == text, "found {} bytes, not {}", found.text.len(), text.len());
            }
        }
        Ok(())
    }

    pub(super) async fn a_change_is_seen_by_the_next_read(
        subject: &dyn PoliciesUnderTest,
    ) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        for round in 0..10 {
            // The same length each time, without a pause.
            let text = format!("round: {round}").into_bytes();
            put(&*editor, "production", &text).await?;
            ensure_eq!(store.policy(&root.join("production")).await?.text, text);
        }
        Ok(())
    }

    pub(super) async fn two_texts_have_two_versions(subject: &dyn PoliciesUnderTest) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        put(&*editor, "production", b"one").await?;
        let one = store.policy(&root.join("production")).await?;
        ensure_eq!(store.policy(&root.join("production")).await?.version, one.version);
        put(&*editor, "production", b"two").await?;
        let two = store.policy(&root.join("production")).await?;
        ensure!(one.version != two.version, "two texts have the version {:?}", one.version);
        Ok(())
    }

    pub(super) async fn a_removed_document_is_not_found(
        subject: &dyn PoliciesUnderTest,
    ) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        put(&*editor, "production", b"text").await?;
        store.policy(&root.join("production")).await?;
        editor.remove("production").await;
        ensure_error!(store.policy(&root.join("production")).await, StoreError::NotFound(_));
        Ok(())
    }

    pub(super) async fn an_empty_root_has_no_names(subject: &dyn PoliciesUnderTest) -> Checked {
        let FreshPolicies { store, root, editor: _editor } = subject.fresh().await;
        ensure_eq!(names(&store, &root).await?, Vec::<String>::new());
        Ok(())
    }

    pub(super) async fn each_document_is_listed_once(subject: &dyn PoliciesUnderTest) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        let longest = "x".repeat(64);
        let mut expected: Vec<_> = (0..23).map(|number| format!("p{number}")).collect();
        expected.extend(
            ["main", "A.b_c-d", "production", "production.eu", "0", &longest].map(str::to_owned),
        );
        for name in &expected {
            put(&*editor, name, name.as_bytes()).await?;
        }
        expected.sort_unstable();
        ensure_eq!(names(&store, &root).await?, expected);
        for name in expected {
            ensure_eq!(store.policy(&root.join(&name)).await?.text, name.into_bytes());
        }
        Ok(())
    }

    pub(super) async fn a_removed_document_is_not_listed(
        subject: &dyn PoliciesUnderTest,
    ) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        put(&*editor, "production", b"text").await?;
        put(&*editor, "staging", b"text").await?;
        ensure_eq!(names(&store, &root).await?, ["production", "staging"]);
        editor.remove("production").await;
        ensure_eq!(names(&store, &root).await?, ["staging"]);
        Ok(())
    }

    pub(super) async fn a_listed_text_equals_the_document(
        subject: &dyn PoliciesUnderTest,
    ) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        for round in 0..2 {
            for name in ["production", "staging"] {
                put(&*editor, name, format!("{name}: {round}").as_bytes()).await?;
            }
            let mut pages = Pages::policies(&store, &root);
            while let Some(page) = pages.next().await? {
                for ListedPolicy { name, document } in page.items {
                    if let Some(document) = document {
                        ensure_eq!(document, store.policy(&root.join(&name)).await?);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) async fn another_root_has_no_names(subject: &dyn PoliciesUnderTest) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        put(&*editor, "production", b"text").await?;
        for other in [root.join("production"), root.join("x"), PolicyPath::new("/elsewhere")] {
            ensure_eq!(names(&store, &other).await?, Vec::<String>::new());
        }
        Ok(())
    }

    pub(super) async fn an_invalid_path_is_not_found(subject: &dyn PoliciesUnderTest) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        put(&*editor, "production", b"text").await?;
        let long = "x".repeat(100_000);
        let hostile = [
            "",
            "/",
            ".",
            "..",
            "../production",
            "./production",
            "production/",
            "/production",
            "production/production",
            "x/../production",
            "production\0",
            "production.yaml",
            "PRODUCTION",
            "\u{1f511}",
            "*",
            "~",
            "C:\\production",
            &long,
        ];
        for name in hostile {
            ensure_error!(store.policy(&root.join(name)).await, StoreError::NotFound(_));
        }
        for path in ["", "/", "production", "/elsewhere/production"] {
            ensure_error!(store.policy(&PolicyPath::new(path)).await, StoreError::NotFound(_));
        }
        ensure_eq!(store.policy(&root.join("production")).await?.text, b"text");
        Ok(())
    }

    pub(super) async fn an_invalid_cursor_is_not_found(subject: &dyn PoliciesUnderTest) -> Checked {
        let FreshPolicies { store, root, editor } = subject.fresh().await;
        put(&*editor, "production", b"text").await?;
        for cursor in ["", "../x", "/", "x/y"] {
            let cursor = Cursor(cursor.to_owned());
            ensure_error!(store.list(&root, Some(&cursor)).await, StoreError::NotFound(_));
        }
        Ok(())
    }
}
