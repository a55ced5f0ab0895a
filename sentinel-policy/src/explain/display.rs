//! Explanations as lines for people.

use std::fmt;

use super::{Step, StepOutcome, Unmet};
use crate::condition::{Mismatch, Wanted};

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}` (#{}): {}", self.rule, self.index, self.outcome)
    }
}

impl fmt::Display for StepOutcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched => f.write_str("matched"),
            Self::Unmet(unmet) => unmet.fmt(f),
            Self::Excluded => f.write_str("its conditions held, and `unless` held too"),
        }
    }
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` did not hold: ", self.condition.as_str())?;
        let Some(saw) = &self.saw else {
            return write!(f, "the request has no `{}`", self.attribute);
        };
        let wanted = self.wanted();
        let mismatch = Mismatch { attribute: self.attribute, saw, wanted: Wanted(&wanted) };
        self.condition.describe(&mismatch, f)
    }
}
