#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod chain;
mod cloudtrail;
mod line;
mod reconcile;
mod report;
mod trail;
mod what;
mod who;
mod why;

pub use chain::{Chains, Fault, FaultKind, Link, Verified};
pub use cloudtrail::{AssumeRole, assume_roles};
pub use line::{Line, Unreadable};
pub use reconcile::{Difference, DifferenceKind, Reconciled, Reconciliation};
pub use report::{CSV_HEADER, Count, Report, csv_line};
pub use trail::{Access, Comment, Ended, EndedBy, Trail};
pub use what::{Activity, What};
pub use who::{Holder, Who};
pub use why::{Reason, Reasons, Why};
