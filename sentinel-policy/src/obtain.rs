//! The profiles that a caller can obtain under some circumstances. The names are
//! fixed: user, principal, account, organization and profile. All other conditions
//! are on circumstances, which can vary.

use crate::condition::NameKind;
use crate::evaluate::Evaluation;
use crate::index::Unsure;
use crate::memory::Every;
use crate::policy::{Policy, names};
use crate::user_entry::is_one_of;
use crate::{ConditionKind, Conditions, Effect, Mode, ModeSet, Principal, Request};

/// Whether a rule matches a caller and a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matches {
    /// It does not match under any circumstances.
    Never,
    /// It matches under some circumstances.
    Sometimes,
    /// It matches under all circumstances.
    Always,
}

impl Policy {
    /// Whether that caller can obtain that profile under some circumstances. The caller
    /// can if a rule that can match allows or requires an approval, and no deny before
    /// it always applies to the caller, or if a break-glass rule names the caller.
    /// Rules are evaluated one by one, so several denies that together leave a later
    /// rule no time are not recognized.
    #[must_use]
    pub fn may_obtain(&self, principal: &Principal<'_>, profile: &str) -> bool {
        self.rules_grant(principal, profile)
            || self
                .checked
                .break_glass
                .iter()
                .any(|rule| names(&rule.profiles, profile) && is_one_of(&rule.users, principal))
    }

    fn rules_grant(&self, principal: &Principal<'_>, profile: &str) -> bool {
        let request = Request::new(*principal, profile);
        let situation = self.situation(&request, chrono::DateTime::UNIX_EPOCH);
        let mut memory = Every::of(self.clauses.compiled.len());
        let mut evaluation =
            Evaluation { policy: self, situation: &situation, memory: &mut memory };
        let mut candidates = self.index.candidates::<{ NameKind::COUNT }>(&situation.given);
        while let Some((index, unsure)) = candidates.next() {
            let Some((compiled, rule)) = self.rule(index) else { continue };
            let Ok(other) = evaluation.unmet_name(&compiled.conditions, unsure);
            if other.is_some() {
                continue;
            }
            let unless = match (&compiled.unless, &rule.unless) {
                (Some(compiled), Some(checked)) => {
                    let Ok(other) = evaluation.unmet_name(compiled, Unsure::EVERYTHING);
                    other.is_none().then_some(&**checked)
                }
                (Some(_), None) | (None, _) => None,
            };
            let grants = match rule.effect {
                Effect::Allow | Effect::RequireApproval => {
                    circumstances(&rule.conditions, unless, None) != Matches::Never
                }
                // They allow only if the mode is `server`, whichever modes the
                // rule's conditions or its exception name.
                Effect::RequireServer | Effect::RequireServerSession => {
                    circumstances(&rule.conditions, unless, Some(Mode::Server)) != Matches::Never
                }
                Effect::Deny => match circumstances(&rule.conditions, unless, None) {
                    Matches::Always => return false,
                    Matches::Never | Matches::Sometimes => false,
                },
            };
            if grants {
                return true;
            }
        }
        false
    }
}

/// Whether a rule matches if the names in its conditions match, and the names in
/// its exception if it has one.
fn circumstances(
    conditions: &Conditions,
    unless: Option<&Conditions>,
    mode: Option<Mode>,
) -> Matches {
    if mode.is_some_and(|mode| !allows(conditions.mode.as_ref().map(|it| it.value), mode)) {
        return Matches::Never;
    }
    let Some(unless) = unless else {
        return if is_certain(conditions, mode) { Matches::Always } else { Matches::Sometimes };
    };
    if excludes(unless, conditions, mode) { Matches::Never } else { Matches::Sometimes }
}

/// Whether the conditions on circumstances always hold.
fn is_certain(conditions: &Conditions, mode: Option<Mode>) -> bool {
    excludes(conditions, &Conditions::default(), mode)
}

/// Whether an exception holds whenever the conditions of its rule do: the
/// conditions name each circumstance of the exception at least as narrowly. `mode`
/// is the mode of the request if the effect of the rule depends on it.
fn excludes(unless: &Conditions, conditions: &Conditions, mode: Option<Mode>) -> bool {
    let modes = unless.mode.as_ref().map(|modes| modes.value);
    mode.is_none_or(|mode| allows(modes, mode))
        && unless.circumstances_cover(conditions, mode.map(|_| ConditionKind::Mode))
}

/// Whether a condition on those modes holds for that mode.
fn allows(modes: Option<ModeSet>, mode: Mode) -> bool {
    modes.is_none_or(|modes| modes.contains(mode))
}
