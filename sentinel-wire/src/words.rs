//! Closed sets of words, each from one table.

/// An enum with a word for each variant: in JSON, for `Display` and for `FromStr`.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $name:ident, $error:ident, $message:literal {
            $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        /// The text is not one of the words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        #[non_exhaustive]
        pub struct $error;

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        /// The word.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(word: &str) -> Result<Self, $error> {
                Self::ALL.into_iter().find(|it| it.as_str() == word).ok_or($error)
            }
        }
    };
}

pub(crate) use words;
