//! The results of the cases of the suite.

use std::{fmt, panic::Location};

use crate::StoreError;

/// The result of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaseResult {
    /// The store conforms.
    Passed,
    /// The case did not run, because the backend has no means to set it up.
    NotOffered,
    /// The store does not conform. What the suite found, and where.
    Failed(String),
}

/// A case and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaseOutcome {
    /// The case: a sentence about what a store must do.
    pub case: &'static str,
    /// Its result.
    pub result: CaseResult,
}

/// The results of all cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Report {
    outcomes: Vec<CaseOutcome>,
}

impl Report {
    /// Every case, in the order in which they ran.
    #[must_use]
    pub fn outcomes(&self) -> &[CaseOutcome] {
        &self.outcomes
    }

    /// The cases that did not run, because the backend has no means to set them up.
    pub fn not_offered(&self) -> impl Iterator<Item = &'static str> {
        let outcomes = self.outcomes.iter();
        outcomes
            .filter(|outcome| outcome.result == CaseResult::NotOffered)
            .map(|outcome| outcome.case)
    }

    /// Whether the store conforms.
    ///
    /// # Errors
    /// All cases that failed.
    pub fn result(self) -> Result<(), FailedCases> {
        let failed: Vec<_> = self
            .outcomes
            .into_iter()
            .filter(|outcome| matches!(outcome.result, CaseResult::Failed(_)))
            .collect();
        if failed.is_empty() { Ok(()) } else { Err(FailedCases(failed)) }
    }

    pub(super) fn add(&mut self, case: &'static str, checked: Checked) {
        let result = match checked {
            Ok(()) => CaseResult::Passed,
            Err(Stop::NotOffered) => CaseResult::NotOffered,
            Err(Stop::Failed(what)) => CaseResult::Failed(what),
        };
        self.outcomes.push(CaseOutcome { case, result });
    }
}

/// The cases that failed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedCases(pub Vec<CaseOutcome>);

impl fmt::Display for FailedCases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases of the conformance suite failed", self.0.len())?;
        for CaseOutcome { case, result } in &self.0 {
            if let CaseResult::Failed(what) = result {
                write!(f, "\n- {case}: {what}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FailedCases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for FailedCases {}

pub(super) type Checked = Result<(), Stop>;

/// Why a case stopped early.
pub(super) enum Stop {
    Failed(String),
    NotOffered,
}

impl Stop {
    #[track_caller]
    pub(super) fn failed(what: impl fmt::Display) -> Self {
        let place = Location::caller();
        Self::Failed(format!("{what} ({}:{})", place.file(), place.line()))
    }
}

impl From<StoreError> for Stop {
    #[track_caller]
    fn from(error: StoreError) -> Self {
        Self::failed(format_args!("unexpected error {error:?}"))
    }
}

impl From<tokio::task::JoinError> for Stop {
    #[track_caller]
    fn from(error: tokio::task::JoinError) -> Self {
        Self::failed(format_args!("a call did not return: {error}"))
    }
}

/// Runs cases one after another. The name of a case is the name of its function.
macro_rules! run {
    ($report:ident, $subject:expr, $($module:ident :: { $($case:ident),+ $(,)? })+) => {
        $($( $report.add(stringify!($case), $module::$case($subject).await); )+)+
    };
}
pub(super) use run;

/// Continues only if a condition is true.
macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err($crate::conformance::report::Stop::failed(format_args!($($what)+)));
        }
    };
}
pub(super) use ensure;

/// Continues only if two values are equal.
macro_rules! ensure_eq {
    ($found:expr, $expected:expr) => {
        match (&$found, &$expected) {
            (found, expected) => $crate::conformance::report::ensure!(
                found == expected,
                "found {found:?}, expected {expected:?}"
            ),
        }
    };
}
pub(super) use ensure_eq;

/// Continues only if a call returns one kind of error.
macro_rules! ensure_error {
    ($found:expr, $expected:pat) => {
        match $found {
            Err($expected) => {}
            found => {
                return Err($crate::conformance::report::Stop::failed(format_args!(
                    "found {found:?}, expected `{}`",
                    stringify!($expected)
                )));
            }
        }
    };
}
pub(super) use ensure_error;
