//! The pages of lists: the responses to the routes that list sessions, requests and grants.

/// A page of records: a struct whose first key names them.
macro_rules! list {
    (
        $(#[$doc:meta])*
        $name:ident { $(#[$items_doc:meta])* $items:ident: $item:ty, $(#[$unreadable_doc:meta])* unreadable }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            $(#[$items_doc])*
            pub $items: Vec<$item>,
            $(#[$unreadable_doc])*
            #[serde(default, skip_serializing_if = "crate::lists::is_zero")]
            pub unreadable: usize,
            /// Whether the list contains only the caller's own records because the policy cannot be used:
            /// if the caller is an operator, records of others are missing.
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            pub own_only: bool,
            /// The position at which the next page begins. `None` if this is the last page.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub next: Option<String>,
        }

        impl $name {
            /// The last page.
            #[must_use]
            pub const fn new($items: Vec<$item>) -> Self {
                Self { $items, unreadable: 0, own_only: false, next: None }
            }

            /// The same page, which omits that number of damaged rows.
            #[must_use]
            pub fn with_unreadable(self, unreadable: usize) -> Self {
                Self { unreadable, ..self }
            }

            /// The same page, with only the caller's own records because the policy cannot be used.
            #[must_use]
            pub fn with_own_only(self, own_only: bool) -> Self {
                Self { own_only, ..self }
            }

            /// The same page, after which the page at that position follows.
            #[must_use]
            pub fn with_next(self, next: impl Into<Option<String>>) -> Self {
                Self { next: next.into(), ..self }
            }
        }
    };
}

pub(crate) use list;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(crate) const fn is_zero(count: &usize) -> bool {
    *count == 0
}
