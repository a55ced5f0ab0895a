//! What became of each case of the suite.

use std::{fmt, panic::Location};

use crate::StoreError;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The store does what it must.
    Held,
    /// The backend offers no way to bring this case about.
    NotOffered,
    /// The store does something else: where the suite saw it, and what.
    Broken(String),
}

/// A case and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The case: a sentence on what a store must do.
    pub case: &'static str,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of all cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Every case, in the order in which they ran.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// The cases that the backend offers no way to bring about.
    pub fn not_offered(&self) -> impl Iterator<Item = &'static str> {
        let outcomes = self.outcomes.iter();
        outcomes
            .filter(|outcome| outcome.verdict == Verdict::NotOffered)
            .map(|outcome| outcome.case)
    }

    /// Whether the store does all that it must.
    ///
    /// # Errors
    /// All cases in which it does not.
    pub fn verdict(self) -> Result<(), Broken> {
        let broken: Vec<_> = self
            .outcomes
            .into_iter()
            .filter(|outcome| matches!(outcome.verdict, Verdict::Broken(_)))
            .collect();
        if broken.is_empty() { Ok(()) } else { Err(Broken(broken)) }
    }

    pub(super) fn add(&mut self, case: &'static str, checked: Checked) {
        let verdict = match checked {
            Ok(()) => Verdict::Held,
            Err(Stop::NotOffered) => Verdict::NotOffered,
            Err(Stop::Broken(what)) => Verdict::Broken(what),
        };
        self.outcomes.push(Outcome { case, verdict });
    }
}

/// The cases in which a store does not do what it must.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken(pub Vec<Outcome>);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the suite's cases do not hold", self.0.len())?;
        for Outcome { case, verdict } in &self.0 {
            if let Verdict::Broken(what) = verdict {
                write!(f, "\n- {case}: {what}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Broken {}

pub(super) type Checked = Result<(), Stop>;

/// Why a case ended before its end.
pub(super) enum Stop {
    Broken(String),
    NotOffered,
}

impl Stop {
    #[track_caller]
    pub(super) fn broken(what: impl fmt::Display) -> Self {
        let place = Location::caller();
        Self::Broken(format!("{what} ({}:{})", place.file(), place.line()))
    }
}

impl From<StoreError> for Stop {
    #[track_caller]
    fn from(error: StoreError) -> Self {
        Self::broken(format_args!("unexpected error {error:?}"))
    }
}

impl From<tokio::task::JoinError> for Stop {
    #[track_caller]
    fn from(error: tokio::task::JoinError) -> Self {
        Self::broken(format_args!("a call did not end: {error}"))
    }
}

/// Runs cases one after another; each is named as its function.
macro_rules! run {
    ($report:ident, $subject:expr, $($module:ident :: { $($case:ident),+ $(,)? })+) => {
        $($( $report.add(stringify!($case), $module::$case($subject).await); )+)+
    };
}
pub(super) use run;

/// Goes on only when something holds.
macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err($crate::conformance::report::Stop::broken(format_args!($($what)+)));
        }
    };
}
pub(super) use ensure;

/// Goes on only when two values are equal.
macro_rules! ensure_eq {
    ($found:expr, $expected:expr) => {
        match (&$found, &$expected) {
            (found, expected) => $crate::conformance::report::ensure!(
                found == expected,
                "found {found:?} where {expected:?} should be"
            ),
        }
    };
}
pub(super) use ensure_eq;

/// Goes on only when something fails in one particular way.
macro_rules! ensure_error {
    ($found:expr, $expected:pat) => {
        match $found {
            Err($expected) => {}
            found => {
                return Err($crate::conformance::report::Stop::broken(format_args!(
                    "found {found:?} where `{}` should be",
                    stringify!($expected)
                )));
            }
        }
    };
}
pub(super) use ensure_error;
