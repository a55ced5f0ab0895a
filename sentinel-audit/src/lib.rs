#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod chain;
mod cloudtrail;
mod csv;
mod line;
mod page;
mod reconcile;
mod report;
mod trail;
mod what;
mod who;
mod why;

pub use chain::{Chains, Fault, FaultKind, Link, Verified};
pub use cloudtrail::{AssumeRole, assume_roles};
pub use csv::{CSV_HEADER, csv_line};
pub use line::{Line, Unreadable, word};
pub use reconcile::{Difference, DifferenceKind, Reconciled, Reconciliation, role_key};
pub use report::{Count, Report};
pub use trail::{Access, Comment, Ended, EndedBy};
pub use what::{Activity, What};
pub use who::{Holder, Who};
pub use why::{Reason, Reasons, Why};
