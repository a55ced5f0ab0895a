#![doc = include_str!("../README.md")]

mod condition;
mod decision;
mod request;
mod rule;
mod span;

pub use condition::{
    AnyOf, Conditions, Day, DaySet, DeviceFacts, DeviceRequirements, Hours, Mode, ModeSet, Network,
    NetworkError, OsType, OsVersion, Pattern, UserPattern, Window,
};
pub use decision::{Decision, MatchedRule, Requirements, Verdict};
pub use request::{Approval, Caller, Facts, Request};
pub use rule::{
    ApprovalRule, AutoApprove, BreakGlassRule, Checked, Effect, Operation, OperatorRule, Profile,
    Quota, ReasonCode, RoleArn, Rule,
};
pub use span::{Position, Span, Spanned};
