//! Explanations as lines for people.

use std::fmt;

use super::fact::Fact;
use super::{Outcome, Step, Unmet};
use crate::ConditionKind;

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}` (#{}): {}", self.rule, self.index, self.outcome)
    }
}

impl fmt::Display for Outcome<'_> {
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
        let wanted = Wanted(self.wanted());
        match self.condition {
            ConditionKind::Profiles
            | ConditionKind::Users
            | ConditionKind::Principals
            | ConditionKind::Accounts
            | ConditionKind::Organizations
            | ConditionKind::Mode => write!(f, "`{saw}` is none of {wanted}"),
            ConditionKind::SourceIp => write!(f, "`{saw}` lies in none of {wanted}"),
            ConditionKind::Time => write!(f, "{saw} is outside {}", wanted.0.join(", ")),
            ConditionKind::Device => {
                write!(f, "`{}` is `{saw}`", self.attribute)?;
                match self.fact {
                    Some(Fact::OsVersion) => write!(f, ", which is not {wanted} or later"),
                    Some(Fact::OsType) => write!(f, ", which is none of {wanted}"),
                    Some(
                        Fact::MdmEnrolled
                        | Fact::MdmCompliant
                        | Fact::DiskEncrypted
                        | Fact::FirewallEnabled,
                    )
                    | None => Ok(()),
                }
            }
        }
    }
}

/// How many of the values that would have done are named in one line.
const NAMED: usize = 5;

struct Wanted(Vec<String>);

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, value) in self.0.iter().take(NAMED).enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}`{value}`")?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
