//! Reading lists to their end, and detecting lists without an end.

use std::num::NonZeroUsize;

use async_trait::async_trait;
use sentinel_store::memory::{MemoryPolicies, MemorySessions};
use sentinel_store::{
    Causes, Cursor, ListedPolicy, Listing, Page, Pages, PolicyPath, PolicyStore, PolicyText,
    SessionStore, StoreError,
};

use crate::fixtures::{caller, root, session};

#[tokio::test]
async fn every_item_of_a_list_is_read_once() {
    let policies = MemoryPolicies::with_page_size(NonZeroUsize::new(2).unwrap());
    for number in 0..5 {
        policies.put(&root().join(&format!("p{number}")), "text");
    }
    let root = root();
    let listed = Pages::policies(&policies, &root).items().await.unwrap();
    let names: Vec<_> = listed.into_iter().map(|listed| listed.name).collect();
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4"]);

    let sessions = MemorySessions::with_page_size(NonZeroUsize::new(2).unwrap());
    for number in 0..4 {
        sessions.create_session(&session(&caller("alice"), number)).await.unwrap();
    }
    let (mut sizes, mut pages) = (Vec::new(), Pages::sessions(&sessions, &Listing::All));
    while let Some(page) = pages.next().await.unwrap() {
        sizes.push(page.items.len());
    }
    assert_eq!(sizes, [2, 2]);
    assert!(pages.next().await.unwrap().is_none());
}

/// Its list returns the cursors of a circle of pages.
#[derive(Debug)]
struct Circle(usize);

#[async_trait]
impl PolicyStore for Circle {
    async fn policy(&self, _: &PolicyPath) -> Result<PolicyText, StoreError> {
        Err(StoreError::not_found())
    }

    async fn list(
        &self,
        _: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        let number: usize = cursor.map_or(0, |cursor| cursor.0.parse().unwrap());
        let next = Some(Cursor(((number + 1) % self.0).to_string()));
        Ok(Page::new(Vec::new()).with_next(next))
    }
}

#[tokio::test]
async fn a_list_that_repeats_its_pages_is_corrupt() {
    let root = root();
    for length in [1, 2, 7] {
        let error = Pages::policies(&Circle(length), &root).items().await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        assert_eq!(
            Causes(&error).to_string(),
            format!(
                "corrupt: policies under `{root}` in the policy store: the list repeats its pages"
            )
        );
    }
}

#[tokio::test]
async fn a_list_with_too_many_pages_is_corrupt() {
    let (store, root) = (Circle(usize::MAX), root());
    let mut pages = Pages::policies(&store, &root);
    let error = loop {
        match pages.next().await {
            Ok(page) => assert!(page.is_some()),
            Err(error) => break error,
        }
    };
    assert!(
        Causes(&error).to_string().ends_with("the list has more than 10000 pages"),
        "{error:?}"
    );
    assert!(pages.next().await.unwrap().is_none(), "there is a page after an error");
}
