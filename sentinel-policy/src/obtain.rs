//! Which profiles a caller can get under some circumstance. What they are is
//! known: user, principal, account, organization, and the profile asked for.
//! Time, device, mode and address are circumstances, which may be one way or
//! the other.

use crate::evaluate::Judge;
use crate::index::{NAME_KINDS, Unsure};
use crate::judged::Every;
use crate::policy::{Policy, is_one_of, names};
use crate::{
    Caller, Conditions, Day, DeviceRequirements, Effect, Mode, ModeSet, Network, Request, Window,
};

/// Whether a rule matches, as far as who asks for what decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matches {
    /// Under no circumstance.
    Never,
    /// Under some.
    Sometimes,
    /// Under every.
    Always,
}

impl Policy {
    /// Whether that caller can get that profile under some circumstance: a rule
    /// that they can meet comes to allow or to require an approval, and no deny
    /// that always applies to them stands before it, or a break-glass rule names
    /// them. Rules are taken one by one: whether a deny leaves a later rule any
    /// time at all is not looked at.
    #[must_use]
    pub fn may_obtain(&self, caller: &Caller<'_>, profile: &str) -> bool {
        self.rules_give(caller, profile)
            || self
                .checked
                .break_glass
                .iter()
                .any(|rule| names(&rule.profiles, profile) && is_one_of(&rule.users, caller.user))
    }

    fn rules_give(&self, caller: &Caller<'_>, profile: &str) -> bool {
        let request = Request::new(*caller, profile);
        let situation = self.situation(&request, chrono::DateTime::UNIX_EPOCH);
        let mut memory = Every::of(self.clauses.judged.len());
        let mut judge = Judge { policy: self, situation: &situation, memory: &mut memory };
        let mut candidates = self.index.candidates::<NAME_KINDS>(&situation.given);
        while let Some((index, unsure)) = candidates.next() {
            let Some((compiled, rule)) = self.rule(index) else { continue };
            let Ok(other) = judge.unmet_name(&compiled.conditions, unsure);
            if other.is_some() {
                continue;
            }
            let unless = match (&compiled.unless, &rule.unless) {
                (Some(compiled), Some(checked)) => {
                    let Ok(other) = judge.unmet_name(compiled, Unsure::EVERYTHING);
                    other.is_none().then_some(checked)
                }
                (Some(_), None) | (None, _) => None,
            };
            let gives = match rule.effect {
                Effect::Allow | Effect::RequireApproval => {
                    circumstances(&rule.conditions, unless, None) != Matches::Never
                }
                // They come to allow only when the mode is `server`, whichever
                // mode the rule's conditions or its exception ask for.
                Effect::RequireServer | Effect::RequireServerSession => {
                    circumstances(&rule.conditions, unless, Some(Mode::Server)) != Matches::Never
                }
                Effect::Deny => match circumstances(&rule.conditions, unless, None) {
                    Matches::Always => return false,
                    Matches::Never | Matches::Sometimes => false,
                },
            };
            if gives {
                return true;
            }
        }
        false
    }
}

/// Whether a rule matches whose conditions, and whose exception where one is
/// given, are met by who asks for what.
fn circumstances(asked: &Conditions, unless: Option<&Conditions>, mode: Option<Mode>) -> Matches {
    if mode.is_some_and(|mode| !allows(asked.mode.as_ref().map(|it| it.value), mode)) {
        return Matches::Never;
    }
    let Some(unless) = unless else {
        return if is_certain(asked, mode) { Matches::Always } else { Matches::Sometimes };
    };
    if excludes(unless, asked, mode) { Matches::Never } else { Matches::Sometimes }
}

/// Whether the circumstances asked for hold whatever they are.
fn is_certain(asked: &Conditions, mode: Option<Mode>) -> bool {
    excludes(asked, &Conditions::default(), mode)
}

/// Whether an exception holds whenever the conditions it stands beside do: each
/// circumstance it asks for is one that they ask for more narrowly.
fn excludes(unless: &Conditions, asked: &Conditions, mode: Option<Mode>) -> bool {
    let Conditions {
        // Met by who asks: the caller of this looks there.
        profiles: _,
        users: _,
        principals: _,
        accounts: _,
        organizations: _,
        source_ip,
        mode: modes,
        time,
        device,
    } = unless;
    source_ip.as_ref().is_none_or(|wide| {
        asked.source_ip.as_ref().is_some_and(|narrow| {
            narrow.iter().all(|inner| wide.iter().any(|outer| lies_in(inner.value, outer.value)))
        })
    }) && modes.as_ref().is_none_or(|wide| match mode {
        Some(mode) => wide.value.contains(mode),
        None => asked
            .mode
            .as_ref()
            .is_some_and(|narrow| narrow.value.iter().all(|mode| wide.value.contains(mode))),
    }) && time.as_ref().is_none_or(|wide| {
        is_always_open(&wide.value)
            || asked.time.as_ref().is_some_and(|narrow| narrow.value == wide.value)
    }) && device.as_ref().is_none_or(|wide| {
        asked.device.as_ref().is_some_and(|narrow| asks_as_much(&narrow.value, &wide.value))
    })
}

/// Whether a rule that asks for those modes can be met in that one.
fn allows(modes: Option<ModeSet>, mode: Mode) -> bool {
    modes.is_none_or(|modes| modes.contains(mode))
}

/// Whether a network is the other or a part of it.
fn lies_in(inner: Network, outer: Network) -> bool {
    outer.contains(inner.address()) && inner.prefix() >= outer.prefix()
}

/// Whether a window never closes.
fn is_always_open(window: &Window) -> bool {
    Day::ALL.into_iter().all(|day| window.days.contains(day))
        && window.hours.is_none_or(|hours| hours.start() == 0 && hours.end() == 1440)
}

/// Whether a device that meets `narrow` meets `wide`.
fn asks_as_much(narrow: &DeviceRequirements, wide: &DeviceRequirements) -> bool {
    let DeviceRequirements {
        require_mdm,
        require_mdm_compliant,
        require_encryption,
        require_firewall,
        min_os_version,
        allowed_os_types,
    } = wide;
    (!require_mdm || narrow.require_mdm)
        && (!require_mdm_compliant || narrow.require_mdm_compliant)
        && (!require_encryption || narrow.require_encryption)
        && (!require_firewall || narrow.require_firewall)
        && min_os_version.as_ref().is_none_or(|least| {
            narrow.min_os_version.as_ref().is_some_and(|asked| least.is_met_by(asked.as_str()))
        })
        && allowed_os_types.as_ref().is_none_or(|wide| {
            narrow
                .allowed_os_types
                .as_ref()
                .is_some_and(|narrow| narrow.iter().all(|os| wide.contains(os)))
        })
}
