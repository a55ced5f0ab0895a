//! Reading a list to its end, page by page.
//!
//! Every caller that reads whole lists does it with [`Pages`]. It is the only place
//! that guards against a list that does not end.

use std::{fmt, future::Future, pin::Pin};

use sentinel_wire::{EndlessList, SeenCursors};

use crate::{
    Cursor, GrantListing, GrantPage, GrantStore, ListedPolicy, Listing, Location, Page, PolicyPath,
    PolicyRevision, PolicyStore, PolicyWriter, RecordPage, RequestListing, RequestPage,
    RequestStore, SessionPage, SessionStore, StoreError, StoreResultExt,
};

/// A part of a list, which may have a next part.
pub trait PageOf: Send {
    /// Where the next page begins. `None` on the last page.
    fn next(&self) -> Option<&Cursor>;
}

impl<T: Send> PageOf for Page<T> {
    fn next(&self) -> Option<&Cursor> {
        self.next.as_ref()
    }
}

impl<T: Send> PageOf for RecordPage<T> {
    fn next(&self) -> Option<&Cursor> {
        self.next.as_ref()
    }
}

/// The request for one page.
pub type PageRequest<'a, P> = Pin<Box<dyn Future<Output = Result<P, StoreError>> + Send + 'a>>;

/// The pages of a list, from the first to the last.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use sentinel_store::{ Pages, PolicyPath};
/// use sentinel_store::memory::MemoryPolicies;
///
/// let (store, root) = (MemoryPolicies::new(), PolicyPath::new("/sentinel/policies"));
/// store.put(&root.join("production"), "version: \"1\"\n");
///
/// let mut names = Vec::new();
/// let mut pages = Pages::policies(&store, &root);
/// while let Some(page) = pages.next().await? {
///     names.extend(page.items.into_iter().map(|listed| listed.name));
/// }
/// assert_eq!(names, ["production"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pages<'a, P> {
    request: Box<dyn FnMut(Option<Cursor>) -> PageRequest<'a, P> + Send + 'a>,
    location: Location,
    position: Position,
    seen: SeenCursors,
}

enum Position {
    Start,
    At(Cursor),
    End,
}

impl<'a, P: PageOf> Pages<'a, P> {
    /// The pages that `request` returns for `None` and then for each cursor in turn.
    /// `location` names the list in errors.
    pub fn new(
        location: Location,
        request: impl FnMut(Option<Cursor>) -> PageRequest<'a, P> + Send + 'a,
    ) -> Self {
        Self {
            request: Box::new(request),
            location,
            position: Position::Start,
            seen: SeenCursors::default(),
        }
    }

    /// The next page. `None` after the last one, and after an error.
    ///
    /// # Errors
    /// - the error of the store
    /// - [`StoreError::Corrupt`] if the list is [endless](EndlessList)
    pub async fn next(&mut self) -> Result<Option<P>, StoreError> {
        let cursor = match std::mem::replace(&mut self.position, Position::End) {
            Position::Start => None,
            Position::At(cursor) => Some(cursor),
            Position::End => return Ok(None),
        };
        let page = (self.request)(cursor).await?;
        if let Some(next) = page.next() {
            self.seen.visit(&next.0).map_err(StoreError::from).at(|| self.location.clone())?;
            self.position = Position::At(next.clone());
        }
        Ok(Some(page))
    }
}

impl<'a> Pages<'a, Page<ListedPolicy>> {
    /// The documents directly under `root`.
    pub fn policies<S: PolicyStore + ?Sized>(store: &'a S, root: &'a PolicyPath) -> Self {
        let location = Location::new("the policy store").policies(root);
        Self::new(location, move |cursor| {
            Box::pin(async move { store.list(root, cursor.as_ref()).await })
        })
    }
}

impl<'a> Pages<'a, Page<PolicyRevision>> {
    /// The versions of the document at `path`, the oldest first.
    pub fn history<S: PolicyWriter + ?Sized>(store: &'a S, path: &'a PolicyPath) -> Self {
        let location = Location::new("the policy store").history(path);
        Self::new(location, move |cursor| {
            Box::pin(async move { store.history(path, cursor.as_ref()).await })
        })
    }
}

impl<'a> Pages<'a, SessionPage> {
    /// The sessions of a listing.
    pub fn sessions<S: SessionStore + ?Sized>(store: &'a S, listing: &'a Listing) -> Self {
        let location = Location::new("the session store").sessions(listing);
        Self::new(location, move |cursor| {
            Box::pin(async move { store.sessions(listing, cursor.as_ref()).await })
        })
    }
}

impl<'a> Pages<'a, RequestPage> {
    /// The requests of a listing.
    pub fn requests<S: RequestStore + ?Sized>(store: &'a S, listing: &'a RequestListing) -> Self {
        let location = Location::new("the request store").requests(listing);
        Self::new(location, move |cursor| {
            Box::pin(async move { store.requests(listing, cursor.as_ref()).await })
        })
    }
}

impl<'a> Pages<'a, GrantPage> {
    /// The grants of a listing.
    pub fn grants<S: GrantStore + ?Sized>(store: &'a S, listing: &'a GrantListing) -> Self {
        let location = Location::new("the grant store").grants(listing);
        Self::new(location, move |cursor| {
            Box::pin(async move { store.grants(listing, cursor.as_ref()).await })
        })
    }
}

impl<T: Send> Pages<'_, Page<T>> {
    /// The items of all pages that were not read yet.
    ///
    /// # Errors
    /// As those of [`next`](Self::next).
    pub async fn items(mut self) -> Result<Vec<T>, StoreError> {
        let mut items = Vec::new();
        while let Some(page) = self.next().await? {
            items.extend(page.items);
        }
        Ok(items)
    }
}

impl<P> fmt::Debug for Pages<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("location", &self.location).finish_non_exhaustive()
    }
}

impl From<EndlessList> for StoreError {
    fn from(endless: EndlessList) -> Self {
        Self::Corrupt(endless.into())
    }
}
