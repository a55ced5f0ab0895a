#![doc = include_str!("../README.md")]

mod check;
mod closed_set;
mod condition;
mod decision;
mod diagnostic;
mod document;
mod duration;
mod limits;
mod request;
mod rule;
mod span;

pub use condition::{
    AnyOf, Conditions, Day, DaySet, DeviceFacts, DeviceRequirements, Hours, Mode, ModeSet, Network,
    NetworkError, OsType, OsVersion, Pattern, UserPattern, Window,
};
pub use decision::{Decision, MatchedRule, Requirements, Verdict};
pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use document::Document;
pub use duration::{DurationError, parse_duration};
pub use limits::Limits;
pub use request::{Approval, Caller, Facts, Request};
pub use rule::{
    ApprovalRule, AutoApprove, BreakGlassRule, Checked, Effect, Operation, OperatorRule, Profile,
    Quota, ReasonCode, RoleArn, Rule,
};
pub use span::{Position, Span, Spanned};
