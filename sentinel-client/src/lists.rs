//! The lists of a TVM, page by page.

use std::fmt;

use sentinel_wire::{
    GrantList, GrantState, RequestList, RequestState, SeenCursors, SessionList, SessionState,
};

use crate::{Client, ClientError};

/// A list: its filter, its pages, and the methods of both.
macro_rules! list {
    (
        $method:ident, $path:literal, $what:literal,
        $filter:ident, $pages:ident, $list:ident, $state:ident
    ) => {
        #[doc = concat!("The ", $what, " to list. By default, all that `GET ", $path, "` lists for the caller.")]
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $filter {
            /// The caller: a name or `account/RoleName`.
            pub user: Option<String>,
            /// The profile.
            pub profile: Option<String>,
            /// The state.
            pub state: Option<$state>,
        }

        impl $filter {
            #[doc = concat!("The same filter, for the ", $what, " of one caller.")]
            #[must_use]
            pub fn with_user(self, user: impl Into<Option<String>>) -> Self {
                Self { user: user.into(), ..self }
            }

            #[doc = concat!("The same filter, for the ", $what, " on one profile.")]
            #[must_use]
            pub fn with_profile(self, profile: impl Into<Option<String>>) -> Self {
                Self { profile: profile.into(), ..self }
            }

            #[doc = concat!("The same filter, for the ", $what, " in one state.")]
            #[must_use]
            pub fn with_state(self, state: impl Into<Option<$state>>) -> Self {
                Self { state: state.into(), ..self }
            }
        }

        #[doc = concat!("The pages of a list of ", $what, ", from the first to the last.")]
        pub struct $pages<'a> {
            client: &'a Client,
            filter: $filter,
            /// Where the next page begins: `Some(None)` is the start, `None` the end.
            cursor: Option<Option<String>>,
            seen: SeenCursors,
        }

        impl Client {
            #[doc = concat!("The ", $what, " that match, page by page: `GET ", $path, "`.")]
            #[must_use]
            pub fn $method(&self, filter: $filter) -> $pages<'_> {
                let (cursor, seen) = (Some(None), SeenCursors::default());
                $pages { client: self, filter, cursor, seen }
            }
        }

        impl $pages<'_> {
            /// The next page. `None` after the last one. After an error, or if the future is dropped,
            /// the next call requests the same page again.
            ///
            /// # Errors
            /// If the TVM refuses or cannot be reached, or the list does not end.
            pub async fn next(&mut self) -> Result<Option<$list>, ClientError> {
                let Some(cursor) = &self.cursor else { return Ok(None) };
                let $filter { user, profile, state } = &self.filter;
                let query: Vec<(&str, &str)> = [
                    ("user", user.as_deref()),
                    ("profile", profile.as_deref()),
                    ("state", state.map($state::as_str)),
                    ("cursor", cursor.as_deref()),
                ]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
                let page: $list = self.client.get($path, &query).await?;
                if let Some(cursor) = cursor {
                    self.seen.visit(cursor)?;
                }
                self.cursor = page.next.clone().map(Some);
                Ok(Some(page))
            }
        }

        impl fmt::Debug for $pages<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($pages))
                    .field("filter", &self.filter)
                    .finish_non_exhaustive()
            }
        }
    };
}

list!(sessions, "/sessions", "sessions", SessionFilter, SessionPages, SessionList, SessionState);
list!(
    requests,
    "/requests",
    "approval requests",
    RequestFilter,
    RequestPages,
    RequestList,
    RequestState
);
list!(grants, "/break-glass", "grants", GrantFilter, GrantPages, GrantList, GrantState);
