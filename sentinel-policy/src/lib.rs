#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod approvers;
mod check;
mod clause;
mod closed_set;
mod condition;
mod decision;
mod diagnostic;
mod document;
mod duration;
mod evaluate;
mod explain;
mod index;
mod limits;
mod memory;
mod name;
mod obtain;
mod pattern;
mod policy;
mod read;
#[cfg(feature = "reference")]
pub mod reference;
mod request;
mod rule;
mod sharing;
mod span;
mod user_entry;
mod valid_until;

pub use check::GroupMembers;
pub use closed_set::UnknownWord;
pub use condition::{
    AnyOf, ConditionKind, Conditions, Day, DaySet, DeviceRequirements, Hours, ModeSet, Network,
    NetworkError, OsType, OsVersion, Window, is_vpc_endpoint_id, is_vpc_id,
};
pub use decision::{Decision, MatchedRule, Requirements, Verdict};
#[cfg(feature = "miette")]
pub use diagnostic::DiagnosticReport;
pub use diagnostic::{Diagnostic, DiagnosticCode, Diagnostics, Severity, is_unprintable};
pub use document::PolicyDocument;
pub use duration::{DurationError, parse_duration};
pub use explain::{Explanation, Step, StepOutcome, Unmet};
pub use limits::Limits;
pub use pattern::{Pattern, UserPattern};
pub use policy::Policy;
pub use request::{ActiveGrant, Approval, DeviceFacts, Facts, Mode, Principal, Request};
pub use rule::{
    ApprovalRule, ApprovalStep, AutoApprove, BreakGlassRule, CheckedPolicy, Effect, Operation,
    OperatorRule, Profile, Quota, ReasonCode, RoleArn, RoleKey, Rule,
};
pub use span::{Position, Span, Spanned};
pub use user_entry::{ExternalGroup, UserEntry};
