#![doc = include_str!("../README.md")]

mod clause;
mod condition;
mod decision;
mod evaluate;
mod index;
mod judged;
mod obtain;
mod policy;
#[cfg(feature = "reference")]
pub mod reference;
mod request;
mod rule;
mod schedule;
mod span;
mod valid_until;
mod zone;

pub use condition::{
    AnyOf, ConditionKind, Conditions, Day, DaySet, DeviceFacts, DeviceRequirements, Hours, Mode,
    ModeSet, Network, NetworkError, OsType, OsVersion, Pattern, UserPattern, Window,
};
pub use decision::{Decision, MatchedRule, Requirements, Verdict};
pub use policy::Policy;
pub use request::{Approval, Caller, Facts, Request};
pub use rule::{
    ApprovalRule, AutoApprove, BreakGlassRule, Checked, Effect, Operation, OperatorRule, Profile,
    Quota, ReasonCode, RoleArn, Rule,
};
pub use span::{Position, Span, Spanned};
