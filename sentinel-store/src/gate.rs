//! Gates. A revocation writes a gate, and every vend and every session check reads it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{CallerKey, Epoch, ProfileName, StoreError};

/// The gate of one caller. If no gate is stored, the gate is open and its epoch is 0.
/// Gates are never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Gate {
    /// The caller key.
    pub caller: CallerKey,
    /// The state for the caller on all profiles.
    pub whole: GateState,
    /// The states for the caller on single profiles.
    pub profiles: BTreeMap<ProfileName, GateState>,
}

/// The state of a gate, for the caller on all profiles or on one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GateState {
    /// Number of revocations. Sessions created under another epoch are refused.
    pub epoch: Epoch,
    /// The block on new sessions, while revoked. `None` is written as well: a record
    /// without this key is corrupt, and not an open gate.
    #[serde(deserialize_with = "Option::deserialize")]
    pub block: Option<Block>,
}

/// A block on new sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Block {
    /// When the block ends. `None` if it lasts until an operator reinstates the caller.
    #[serde(deserialize_with = "Option::deserialize")]
    pub until: Option<DateTime<Utc>>,
    /// The caller key of the operator who revoked.
    pub by: String,
    /// The reason that the operator entered.
    pub reason: String,
    /// When the operator revoked.
    pub at: DateTime<Utc>,
}

/// The part of a gate that a change affects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every store must be able to change every part")]
pub enum Scope {
    /// The caller on all profiles.
    Caller,
    /// The caller on one profile.
    Profile(ProfileName),
}

/// How a gate changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every store must implement every change")]
pub enum GateAction {
    /// Raises the epoch and blocks new sessions. A block in force that lasts longer
    /// stays: a short revocation does not shorten a long one.
    Revoke(Block),
    /// Raises the epoch and blocks nothing: the sessions end, and new ones are vended.
    EndSessions,
    /// Lifts the block. The epoch stays, so that sessions revoked earlier remain invalid.
    Reinstate,
}

/// A change of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GateChange {
    /// The part of the gate that changes.
    pub scope: Scope,
    /// How it changes.
    pub action: GateAction,
}

/// The epochs of a caller's gate, on all profiles and on one profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "every store must keep every epoch")]
pub struct Epochs {
    /// The epoch of the caller on all profiles.
    pub caller: Epoch,
    /// The epoch of the caller on the profile.
    pub profile: Epoch,
}

impl Gate {
    /// The gate of a caller without a stored gate.
    #[must_use]
    pub fn open(caller: CallerKey) -> Self {
        Self { caller, whole: GateState::default(), profiles: BTreeMap::new() }
    }

    /// The same gate with another state for the caller on all profiles.
    #[must_use]
    pub fn with_whole(self, whole: GateState) -> Self {
        Self { whole, ..self }
    }

    /// The same gate with other states for the caller on single profiles.
    #[must_use]
    pub fn with_profiles(self, profiles: BTreeMap<ProfileName, GateState>) -> Self {
        Self { profiles, ..self }
    }

    /// The epochs of a new session on `profile`.
    #[must_use]
    pub fn epochs(&self, profile: &ProfileName) -> Epochs {
        Epochs {
            caller: self.whole.epoch,
            profile: self.profiles.get(profile).map(|state| state.epoch).unwrap_or_default(),
        }
    }

    /// The block on the caller on all profiles that is in force at `now`.
    #[must_use]
    pub fn blocked(&self, now: DateTime<Utc>) -> Option<&Block> {
        self.whole.blocked(now)
    }

    /// The block on a new session on `profile` that is in force at `now`.
    #[must_use]
    pub fn blocked_on(&self, profile: &ProfileName, now: DateTime<Utc>) -> Option<&Block> {
        self.blocked(now).or_else(|| self.profiles.get(profile)?.blocked(now))
    }

    /// The state of the part `scope`.
    #[must_use]
    pub fn state(&self, scope: &Scope) -> GateState {
        match scope {
            Scope::Caller => self.whole.clone(),
            Scope::Profile(profile) => self.profiles.get(profile).cloned().unwrap_or_default(),
        }
    }

    /// Maximum number of profiles on which a caller can be revoked separately. A gate is
    /// one record, and must not become too large to be changed.
    pub const MAX_PROFILES: usize = 200;

    /// Applies the change, and returns whether the gate changed. If it did not, there is
    /// nothing to write. A store calls this inside its transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there would be more than [`Self::MAX_PROFILES`]
    /// profiles. A revocation on all profiles is always possible.
    pub fn apply(&mut self, change: &GateChange) -> Result<bool, StoreError> {
        match &change.action {
            GateAction::Revoke(_) | GateAction::EndSessions => {
                let full = self.profiles.len() >= Self::MAX_PROFILES;
                let state = match &change.scope {
                    Scope::Caller => &mut self.whole,
                    Scope::Profile(profile) if full && !self.profiles.contains_key(profile) => {
                        return Err(StoreError::conflict());
                    }
                    Scope::Profile(profile) => self.profiles.entry(profile.clone()).or_default(),
                };
                state.epoch = state.epoch.next();
                let GateAction::Revoke(block) = &change.action else { return Ok(true) };
                let longer = state.blocked(block.at).is_some_and(|current| {
                    match (current.until, block.until) {
                        (None, _) => true,
                        (Some(_), None) => false,
                        (Some(current), Some(new)) => current > new,
                    }
                });
                if !longer {
                    state.block = Some(block.clone());
                }
                Ok(true)
            }
            // A profile that was never revoked gets no entry. Entries are never removed,
            // and must not fill the gate.
            GateAction::Reinstate => {
                let state = match &change.scope {
                    Scope::Caller => Some(&mut self.whole),
                    Scope::Profile(profile) => self.profiles.get_mut(profile),
                };
                Ok(state.is_some_and(|state| state.block.take().is_some()))
            }
        }
    }
}

impl GateChange {
    /// A change of that part of a gate.
    #[must_use]
    pub const fn new(scope: Scope, action: GateAction) -> Self {
        Self { scope, action }
    }

    /// A revocation: raises the epoch and blocks new sessions.
    #[must_use]
    pub const fn revoke(scope: Scope, block: Block) -> Self {
        Self::new(scope, GateAction::Revoke(block))
    }

    /// An end of the sessions, without a block on new ones.
    #[must_use]
    pub const fn end_sessions(scope: Scope) -> Self {
        Self::new(scope, GateAction::EndSessions)
    }

    /// A reinstatement: lifts the block.
    #[must_use]
    pub const fn reinstate(scope: Scope) -> Self {
        Self::new(scope, GateAction::Reinstate)
    }
}

impl Block {
    /// A block by the operator with the caller key `by`, without a reason, that lasts until an
    /// operator reinstates the caller.
    #[must_use]
    pub fn new(by: impl Into<String>, at: DateTime<Utc>) -> Self {
        Self { until: None, by: by.into(), reason: String::new(), at }
    }

    /// The same block with the reason that the operator entered.
    #[must_use]
    pub fn with_reason(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }

    /// The same block with an end.
    #[must_use]
    pub fn with_until(self, until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { until: until.into(), ..self }
    }
}

impl GateState {
    /// A state without a block.
    #[must_use]
    pub const fn new(epoch: Epoch) -> Self {
        Self { epoch, block: None }
    }

    /// The same state with a block on new sessions.
    #[must_use]
    pub fn with_block(self, block: impl Into<Option<Block>>) -> Self {
        Self { block: block.into(), ..self }
    }

    /// The block, if it is in force at `now`.
    #[must_use]
    pub fn blocked(&self, now: DateTime<Utc>) -> Option<&Block> {
        self.block.as_ref().filter(|block| block.until.is_none_or(|until| now < until))
    }
}
