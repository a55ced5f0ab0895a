//! The cases for policy writers, in addition to those for policy stores.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::policies::names;
use super::report::{Checked, Report, Stop, ensure, ensure_eq, ensure_error, run};
use crate::{
    Cursor, Pages, PolicyPath, PolicyRevision, PolicyStore, PolicyWriter, StoreError,
    StoreResultExt,
};

/// A backend with a policy writer under test. A closure that returns a writer of an
/// empty store is one.
#[async_trait]
pub trait WritersUnderTest: Send + Sync {
    /// A writer of an empty store, another one for each call.
    async fn fresh(&self) -> FreshWriter;
}

/// A closure that returns an empty store.
#[async_trait]
impl<F, R> WritersUnderTest for F
where
    F: Fn() -> R + Send + Sync,
    R: Future<Output = FreshWriter> + Send,
{
    async fn fresh(&self) -> FreshWriter {
        self().await
    }
}

/// A writer of an empty store.
#[derive(Debug)]
#[non_exhaustive]
pub struct FreshWriter {
    /// The writer.
    pub writer: Arc<dyn PolicyWriter>,
    /// The root of its documents.
    pub root: PolicyPath,
}

impl FreshWriter {
    /// A writer of an empty store of the documents under `root`.
    pub fn new(writer: impl PolicyWriter + 'static, root: PolicyPath) -> Self {
        Self { writer: Arc::new(writer), root }
    }
}

/// Runs every case against the backend.
pub async fn writers(subject: &dyn WritersUnderTest) -> Report {
    let mut report = Report::default();
    run!(report, subject,
        cases::{
            a_written_document_is_read_and_listed,
            a_document_is_not_overwritten_without_its_version,
            a_document_is_not_overwritten_with_another_version,
            a_missing_document_is_not_overwritten,
            an_unsupported_text_is_refused_and_changes_nothing,
            one_of_many_concurrent_first_writes_is_kept,
            one_of_many_concurrent_writes_over_one_version_is_kept,
            a_history_lists_each_version_once_and_the_oldest_first,
            a_failed_write_is_not_in_the_history,
            every_version_can_be_read,
            an_invalid_revision_is_not_found,
            a_removed_document_has_no_text_and_no_history,
            a_removed_document_can_be_written_again,
            removing_a_missing_document_is_not_found,
            an_invalid_cursor_is_not_found,
        }
    );
    report
}

const TASKS: usize = 4;
const ROUNDS: usize = 5;

async fn history(
    writer: &dyn PolicyWriter,
    path: &PolicyPath,
) -> Result<Vec<PolicyRevision>, Stop> {
    Ok(Pages::history(writer, path).items().await?)
}

/// Writes several texts concurrently. Returns the version and the text of each
/// acknowledged write.
async fn concurrent_puts(
    writer: &Arc<dyn PolicyWriter>,
    path: &PolicyPath,
    over: Option<&str>,
) -> Result<Vec<(String, String)>, Stop> {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (writer, path) = (Arc::clone(writer), path.clone());
        let (text, over) = (format!("task: {task}, over: {over:?}"), over.map(str::to_owned));
        tasks.spawn(async move {
            let put = writer.put(&path, text.as_bytes(), over.as_deref()).await;
            Ok::<_, Stop>(put.unless_conflict()?.map(|version| (version, text)))
        });
    }
    let mut written = Vec::new();
    while let Some(done) = tasks.join_next().await {
        written.extend(done??);
    }
    Ok(written)
}

mod cases {
    use super::*;

    pub(super) async fn a_written_document_is_read_and_listed(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        let mut over: Option<String> = None;
        let mut versions = BTreeSet::new();
        for text in [&b"one"[..], b"two", b"two", b"one"] {
            let version = writer.put(&path, text, over.as_deref()).await?;
            let found = writer.policy(&path).await?;
            ensure_eq!(found.text, text);
            ensure_eq!(found.version, version);
            ensure!(versions.insert(version.clone()), "the version {version:?} was returned twice");
            over = Some(version);
        }
        ensure_eq!(names(&writer, &root).await?, ["production"]);
        Ok(())
    }

    pub(super) async fn a_document_is_not_overwritten_without_its_version(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        writer.put(&path, b"one", None).await?;
        ensure_error!(writer.put(&path, b"two", None).await, StoreError::Conflict(_));
        ensure_eq!(writer.policy(&path).await?.text, b"one");
        Ok(())
    }

    pub(super) async fn a_document_is_not_overwritten_with_another_version(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        let one = writer.put(&path, b"one", None).await?;
        let two = writer.put(&path, b"two", Some(&one)).await?;
        for over in [one.as_str(), "", "0", "-1", "1000000", "latest", &format!("{two} ")] {
            ensure_error!(writer.put(&path, b"three", Some(over)).await, StoreError::Conflict(_));
        }
        let found = writer.policy(&path).await?;
        ensure_eq!((found.text, found.version), (b"two".to_vec(), two));
        Ok(())
    }

    pub(super) async fn a_missing_document_is_not_overwritten(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        ensure_error!(writer.put(&path, b"one", Some("1")).await, StoreError::Conflict(_));
        ensure_error!(writer.policy(&path).await, StoreError::NotFound(_));
        Ok(())
    }

    pub(super) async fn an_unsupported_text_is_refused_and_changes_nothing(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        let one = writer.put(&path, b"one", None).await?;
        let huge = vec![b'x'; 3 << 20];
        ensure_error!(writer.put(&path, &huge, Some(&one)).await, StoreError::Refused(_));
        ensure_error!(writer.put(&root.join("other"), &huge, None).await, StoreError::Refused(_));
        for name in ["", "/", "a b", "a:1", "\u{1f511}", "x\0"] {
            let odd = root.join(name);
            ensure_error!(writer.put(&odd, b"text", None).await, StoreError::Refused(_));
        }
        ensure_eq!(writer.policy(&path).await?.text, b"one");
        ensure_eq!(names(&writer, &root).await?, ["production"]);
        Ok(())
    }

    pub(super) async fn one_of_many_concurrent_first_writes_is_kept(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        for round in 0..ROUNDS {
            let path = root.join(&format!("p{round}"));
            let written = concurrent_puts(&writer, &path, None).await?;
            let found = writer.policy(&path).await?;
            let found = (found.version, String::from_utf8_lossy(&found.text).into_owned());
            ensure_eq!(written, [found]);
        }
        Ok(())
    }

    pub(super) async fn one_of_many_concurrent_writes_over_one_version_is_kept(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        writer.put(&path, b"one", None).await?;
        for _ in 0..ROUNDS {
            let over = writer.policy(&path).await?.version;
            let written = concurrent_puts(&writer, &path, Some(&over)).await?;
            let found = String::from_utf8_lossy(&writer.policy(&path).await?.text).into_owned();
            // Restoring another writer's text creates another version.
            let texts: Vec<_> = written.into_iter().map(|(_, text)| text).collect();
            ensure_eq!(texts, [found]);
        }
        Ok(())
    }

    pub(super) async fn a_history_lists_each_version_once_and_the_oldest_first(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        let mut versions: Vec<String> = Vec::new();
        for bytes in 1..=23_usize {
            let text = "x".repeat(bytes);
            let over = versions.last().map(String::as_str);
            versions.push(writer.put(&path, text.as_bytes(), over).await?);
        }
        let history = history(&*writer, &path).await?;
        let found: Vec<_> = history.iter().map(|revision| revision.version.clone()).collect();
        ensure_eq!(found, versions);
        let bytes: Vec<_> = history.iter().map(|revision| revision.bytes).collect();
        ensure_eq!(bytes, (1..=23).collect::<Vec<_>>());
        ensure!(history.iter().all(|revision| revision.at.is_some()), "a version has no time");
        ensure!(history.is_sorted_by_key(|revision| revision.at), "not in order of time");
        Ok(())
    }

    pub(super) async fn a_failed_write_is_not_in_the_history(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        let one = writer.put(&path, b"one", None).await?;
        let two = writer.put(&path, b"two", Some(&one)).await?;
        ensure_error!(writer.put(&path, b"three", Some(&one)).await, StoreError::Conflict(_));
        ensure_error!(writer.put(&path, b"three", None).await, StoreError::Conflict(_));
        let three = writer.put(&path, b"three", Some(&two)).await?;
        let found = history(&*writer, &path).await?;
        let found: Vec<_> = found.into_iter().map(|revision| revision.version).collect();
        ensure_eq!(found, [one, two, three]);
        Ok(())
    }

    pub(super) async fn every_version_can_be_read(subject: &dyn WritersUnderTest) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        let mut versions: Vec<String> = Vec::new();
        for round in 0..5 {
            let over = versions.last().map(String::as_str);
            versions.push(writer.put(&path, format!("round {round}").as_bytes(), over).await?);
        }
        for (round, version) in versions.iter().enumerate() {
            let found = writer.revision(&path, version).await?;
            ensure_eq!(found.text, format!("round {round}").into_bytes());
            ensure_eq!(found.version, *version);
        }
        Ok(())
    }

    pub(super) async fn an_invalid_revision_is_not_found(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        writer.put(&path, b"one", None).await?;
        for version in ["", "0", "-1", "1000000", "01", "1 ", "latest", "18446744073709551616"] {
            ensure_error!(writer.revision(&path, version).await, StoreError::NotFound(_));
        }
        ensure_error!(writer.revision(&root.join("staging"), "1").await, StoreError::NotFound(_));
        Ok(())
    }

    pub(super) async fn a_removed_document_has_no_text_and_no_history(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        let one = writer.put(&path, b"one", None).await?;
        writer.remove(&path).await?;
        ensure_error!(writer.policy(&path).await, StoreError::NotFound(_));
        ensure_error!(writer.history(&path, None).await, StoreError::NotFound(_));
        ensure_error!(writer.revision(&path, &one).await, StoreError::NotFound(_));
        ensure_error!(writer.put(&path, b"two", Some(&one)).await, StoreError::Conflict(_));
        ensure_error!(writer.remove(&path).await, StoreError::NotFound(_));
        ensure_eq!(names(&writer, &root).await?, Vec::<String>::new());
        Ok(())
    }

    pub(super) async fn a_removed_document_can_be_written_again(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        for round in 0..3 {
            let text = format!("round {round}").into_bytes();
            let version = writer.put(&path, &text, None).await?;
            ensure_eq!(writer.policy(&path).await?.text, text);
            ensure_eq!(writer.revision(&path, &version).await?.text, text);
            let last = history(&*writer, &path).await?.pop();
            ensure_eq!(last.map(|last| last.version), Some(version));
            writer.remove(&path).await?;
        }
        Ok(())
    }

    pub(super) async fn removing_a_missing_document_is_not_found(
        subject: &dyn WritersUnderTest,
    ) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        for path in [root.join("production"), root.join("a:1"), PolicyPath::new("production")] {
            ensure_error!(writer.remove(&path).await, StoreError::NotFound(_));
            ensure_error!(writer.history(&path, None).await, StoreError::NotFound(_));
        }
        Ok(())
    }

    pub(super) async fn an_invalid_cursor_is_not_found(subject: &dyn WritersUnderTest) -> Checked {
        let FreshWriter { writer, root } = subject.fresh().await;
        let path = root.join("production");
        writer.put(&path, b"one", None).await?;
        for cursor in ["", " ", "-1", "01", "x", "../..", "\u{1f511}"] {
            let cursor = Cursor(cursor.to_owned());
            ensure_error!(writer.history(&path, Some(&cursor)).await, StoreError::NotFound(_));
        }
        Ok(())
    }
}
