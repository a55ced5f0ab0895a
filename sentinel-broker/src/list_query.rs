//! What the requests for pages of sessions, approval requests and grants have in common.

/// The methods of a request for a page, which has the fields `user`, `profile`, `state` and `cursor`.
macro_rules! list_query {
    ($name:ident, $state:ident, $what:literal) => {
        impl $name {
            #[doc = concat!("The same request, for the ", $what, " of one caller key.")]
            #[must_use]
            pub fn with_user(self, user: impl Into<Option<CallerKey>>) -> Self {
                Self { user: user.into(), ..self }
            }

            #[doc = concat!("The same request, for the ", $what, " for one profile.")]
            #[must_use]
            pub fn with_profile(self, profile: impl Into<Option<ProfileName>>) -> Self {
                Self { profile: profile.into(), ..self }
            }

            #[doc = concat!("The same request, for the ", $what, " in one state.")]
            #[must_use]
            pub fn with_state(self, state: impl Into<Option<$state>>) -> Self {
                Self { state: state.into(), ..self }
            }

            /// The same request, for the page that begins there.
            #[must_use]
            pub fn with_cursor(self, cursor: impl Into<Option<Cursor>>) -> Self {
                Self { cursor: cursor.into(), ..self }
            }
        }
    };
}

pub(crate) use list_query;
