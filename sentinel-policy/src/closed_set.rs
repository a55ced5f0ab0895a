//! The closed sets of words of the language. Each is an enum that defines the word of
//! each variant once. The words, `Display` and `FromStr` are derived from that.

use std::fmt;

/// A text is not one of the words of a closed set.
///
/// ```
/// use sentinel_policy::Effect;
///
/// assert_eq!("deny".parse(), Ok(Effect::Deny));
/// let unknown = "refuse".parse::<Effect>().unwrap_err();
/// assert_eq!(
///     unknown.to_string(),
///     "the words are `allow`, `deny`, `require_approval`, `require_server`, `require_server_session`"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    known: &'static [&'static str],
}

impl UnknownWord {
    /// The words of the set, in the order in which help texts list them.
    #[must_use]
    pub const fn known(self) -> &'static [&'static str] {
        self.known
    }

    pub(crate) const fn new(known: &'static [&'static str]) -> Self {
        Self { known }
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the words are ")?;
        for (index, word) in self.known.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}`{word}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownWord {}

/// An enum over a closed set of words.
pub(crate) trait ClosedSet: std::str::FromStr<Err = UnknownWord> {
    /// The words of all variants, in the order in which help texts list them.
    const WORDS: &'static [&'static str];
}

/// Defines an enum over a closed set of words.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        $crate::closed_set::words! { $name { $($variant = $word),+ } }
    };
}

/// Implements the words of an enum: `ALL`, `as_str`, `Display` and `FromStr`.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:expr),+ $(,)? }) => {
        impl $name {
            /// All variants, in the order in which help texts list them.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            /// The word of this variant in policies, output and records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl $crate::closed_set::ClosedSet for $name {
            const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            /// The variant with exactly this word.
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                let known = <Self as $crate::closed_set::ClosedSet>::WORDS;
                Self::ALL
                    .into_iter()
                    .find(|variant| variant.as_str() == word)
                    .ok_or($crate::UnknownWord::new(known))
            }
        }
    };
}

pub(crate) use {closed_set, words};

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};

    use super::ClosedSet;
    use crate::{
        ConditionKind, Day, DiagnosticCode, Effect, Mode, Operation, OsType, ReasonCode, Severity,
        Verdict,
    };

    fn reads_what_it_writes<T, const N: usize>(all: [T; N])
    where
        T: ClosedSet + Copy + Debug + Display + PartialEq,
    {
        assert_eq!(T::WORDS.len(), N);
        for (variant, word) in all.into_iter().zip(T::WORDS) {
            assert_eq!(variant.to_string(), *word);
            assert_eq!(word.parse(), Ok(variant));
            assert!(word.to_uppercase().parse::<T>().is_err());
            assert!(format!(" {word}").parse::<T>().is_err());
        }
    }

    #[test]
    fn every_closed_set_reads_exactly_the_words_that_it_writes() {
        reads_what_it_writes(ConditionKind::ALL);
        reads_what_it_writes(Day::ALL);
        reads_what_it_writes(DiagnosticCode::ALL);
        reads_what_it_writes(Effect::ALL);
        reads_what_it_writes(Mode::ALL);
        reads_what_it_writes(Operation::ALL);
        reads_what_it_writes(OsType::ALL);
        reads_what_it_writes(ReasonCode::ALL);
        reads_what_it_writes(Severity::ALL);
        reads_what_it_writes(Verdict::ALL);
    }
}
