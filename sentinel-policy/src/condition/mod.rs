//! The conditions that a rule can have: one file for each kind, and one table.
//!
//! A file contains everything about its kind: the key in a policy, how the value is
//! read and which mistakes in it are reported, the compiled form, the evaluation,
//! the text of an explanation, and the times at which a condition that depends on
//! the time holds. The kinds implement [`Condition`], and in addition one of two
//! traits:
//!
//! - [`Name`]: a list of names, one of which must be the request's. Names are
//!   looked up in the [`index`](crate::index), which finds the rules to evaluate.
//! - [`Circumstance`]: everything else.
//!
//! The table at the end of this file lists the kinds. It generates
//! [`Conditions`], [`ConditionKind`], the list of keys, and for each stage one
//! function over all kinds ([`table`]). No stage names a kind, except where the
//! language itself singles one out: profiles govern documents, users of a deny are
//! compared with sessions of roles, the mode of the TVM is always `server`, and the
//! TVM has no device facts.
//!
//! # How to add a kind
//!
//! 1. Write `condition/KEY.rs` with a unit struct that implements [`Condition`]
//!    and [`Circumstance`]. [`source_vpc`] is an example of a list, [`mode`] of a
//!    set.
//! 2. Add the `mod` line and a row of the table below. Rows are in the order in
//!    which conditions are evaluated and explained.
//! 3. If the condition reads an attribute that requests do not have yet, add it and
//!    its `with_…` method to [`Request`].
//! 4. Add the kind to [`reference`](crate::reference). That list is written by
//!    hand, so that the agreement of the two evaluators proves something.
//!
//! `CONTRIBUTING.md` lists what to change outside of this crate.
//!
//! Comparing conditions with each other (whether one rule shadows another) also
//! belongs to the kind, next to [`Circumstance::covers`].

mod accounts;
mod device;
mod mode;
mod organizations;
mod principals;
mod profiles;
mod source_ip;
mod source_vpc;
mod table;
mod time;
mod users;

use std::fmt;

use chrono::{DateTime, Utc};

pub(crate) use self::accounts::is_account_id;
pub use self::device::{DeviceRequirements, OsType, OsVersion};
pub use self::mode::ModeSet;
pub use self::source_ip::{Network, NetworkError};
pub use self::source_vpc::{is_vpc_endpoint_id, is_vpc_id};
pub use self::time::{Day, DaySet, Hours, Window};
use crate::read::{Field, Fields, Reader};
use crate::{Pattern, Request, Spanned, UserEntry};

/// A list of which one entry must match. The check refuses an empty list, because
/// it could mean "any" or "none".
pub type AnyOf<T> = Vec<Spanned<T>>;

/// A kind of condition.
pub(crate) trait Condition {
    /// The value of the condition in a checked document.
    type Given;
    /// What a decision evaluates: for a name, one of its patterns.
    type Compiled;

    /// The key in a policy.
    const KEY: &'static str;
    /// The keys of the mapping under [`KEY`](Self::KEY), if the value is one.
    const NESTED: &'static [&'static str] = &[];

    /// Reads the value and reports what is wrong with it. `None` if it cannot be
    /// used, which must then have been reported.
    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given>;

    /// Whether a request meets the condition. A request that lacks the attribute
    /// does not.
    fn matches(compiled: &Self::Compiled, request: &Request<'_>, now: DateTime<Utc>) -> bool;

    /// What the condition reads in a request that does not meet it.
    fn saw(given: &Self::Given, request: &Request<'_>, now: DateTime<Utc>) -> Saw;

    /// What would have met it, as written in the policy: one text for each value
    /// of a list. `attribute` is that of [`saw`](Self::saw).
    fn wanted(given: &Self::Given, attribute: &str) -> Vec<String>;

    /// Writes what follows "`KEY` did not hold: " if the request has the attribute.
    fn describe(mismatch: &Mismatch<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is none of {}", mismatch.saw, mismatch.wanted)
    }
}

/// A condition on a name in the request.
pub(crate) trait Name: Condition {
    /// The name. `None` if the request does not have one.
    fn of<'a>(request: &Request<'a>) -> Option<&'a str>;

    /// The entries of the list.
    fn entries(given: &Self::Given) -> Vec<Entry<'_, Self::Compiled>>;
}

/// A condition on anything but a name.
pub(crate) trait Circumstance: Condition {
    /// Whether evaluating the condition costs less than remembering the result.
    const CHEAP: bool = false;

    /// The times at which the condition holds. `None` for a kind that does not
    /// depend on the time. This is the effect of the kind on
    /// [`Policy::valid_until`](crate::Policy::valid_until).
    const OPENINGS: Option<Openings<Self::Compiled>> = None;

    /// Compiles the condition. Equal conditions must compile to equal values: a
    /// decision evaluates each distinct value once.
    fn compile(given: &Self::Given, shared: &mut Shared) -> Self::Compiled;

    /// Whether every request that meets `narrow` meets `wide`. `None` means that the
    /// rule does not have the condition, so that every request meets it. `false` is the
    /// safe answer if this is not certain:
    /// [`Policy::may_obtain`](crate::Policy::may_obtain) then expects that the narrow
    /// condition can hold without the wide one.
    fn covers(wide: &Self::Given, narrow: Option<&Self::Given>) -> bool;
}

/// Returns the times in `[from, to)` at which a condition holds, in seconds since
/// the epoch, ascending. Two of them may touch.
pub(crate) type Openings<C> = fn(&C, from: i64, to: i64) -> Vec<(i64, i64)>;

/// What the compiled conditions of a policy have in common.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    zones: time::Zones,
}

/// One entry of a list of names.
#[derive(Clone, Debug)]
pub(crate) enum Entry<'a, C> {
    /// Every name matches.
    Anyone,
    /// This name matches.
    Written(&'a str),
    /// Names of this pattern match.
    Pattern(C),
}

impl<'a, C> Entry<'a, C> {
    fn map<D>(self, wrap: impl Fn(C) -> D) -> Entry<'a, D> {
        match self {
            Self::Anyone => Entry::Anyone,
            Self::Written(name) => Entry::Written(name),
            Self::Pattern(pattern) => Entry::Pattern(wrap(pattern)),
        }
    }
}

impl<'a> Entry<'a, Pattern> {
    fn new(pattern: &'a Pattern) -> Self {
        if pattern.is_literal() {
            Self::Written(pattern.as_str())
        } else if pattern.as_str() == "*" {
            Self::Anyone
        } else {
            Self::Pattern(pattern.clone())
        }
    }
}

/// What a condition reads in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saw {
    /// The name of the attribute in a request.
    pub(crate) attribute: &'static str,
    /// Its value. `None` if the request does not have it.
    pub(crate) value: Option<String>,
}

impl Saw {
    fn text(attribute: &'static str, value: Option<&str>) -> Self {
        Self { attribute, value: value.map(str::to_owned) }
    }
}

/// A value in a request that does not meet a condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mismatch<'a> {
    pub(crate) attribute: &'a str,
    pub(crate) saw: &'a str,
    pub(crate) wanted: Wanted<'a>,
}

/// The values that would have met a condition. Its `Display` names the first few.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a>(pub(crate) &'a [String]);

impl Wanted<'_> {
    /// Number of values that are named in one line.
    const NAMED: usize = 5;
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, value) in self.0.iter().take(Self::NAMED).enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}`{value}`")?;
        }
        match self.0.len().saturating_sub(Self::NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The values of a list as they are written.
fn texts<T>(list: &AnyOf<T>, text: impl Fn(&T) -> String) -> Vec<String> {
    list.iter().map(|entry| text(&entry.value)).collect()
}

// The table. `profiles` is first: the caps of profiles are stored by the numbers
// that their names have in the first column of the index.
table::conditions! {
    names {
        /// Profiles, by pattern.
        Profiles(profiles: AnyOf<Pattern>) = profiles::Profiles;
        /// Users, by pattern. Groups are replaced by their members, each with the
        /// place at which the group is used. A member can be a pattern over ARNs.
        Users(users: AnyOf<UserEntry>) = users::Users;
        /// ARNs of principals, by pattern.
        Principals(principals: AnyOf<Pattern>) = principals::Principals;
        /// Account ids, compared whole.
        Accounts(accounts: AnyOf<String>) = accounts::Accounts;
        /// Organization ids, compared whole.
        Organizations(organizations: AnyOf<String>) = organizations::Organizations;
    }
    circumstances {
        /// Networks that contain the address of the request.
        SourceIp(source_ip: AnyOf<Network>) = source_ip::SourceIp;
        /// Ids of VPCs that the request was sent from, compared whole.
        SourceVpc(source_vpc: AnyOf<String>) = source_vpc::SourceVpc;
        /// Ids of VPC endpoints that the request was sent through, compared whole.
        SourceVpce(source_vpce: AnyOf<String>) = source_vpc::SourceVpce;
        /// The ways to request credentials.
        Mode(mode: Spanned<ModeSet>) = mode::Modes;
        /// The days and hours.
        Time(time: Spanned<Window>) = time::Time;
        /// The requirements on the device.
        Device(device: Spanned<DeviceRequirements>) = device::Device;
    }
}
