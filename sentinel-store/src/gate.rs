//! Gates: what revocation writes and what every vend and every check reads.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{CallerKey, Epoch, Epochs, ProfileName, StoreError};

/// The gate of one caller. A missing gate is one at epoch 0, open. Gates are
/// never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Whose.
    pub caller: CallerKey,
    /// For the caller as a whole.
    pub whole: GateState,
    /// For the caller on single profiles.
    pub profiles: BTreeMap<ProfileName, GateState>,
}

/// A gate, for the caller as a whole or for one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateState {
    /// How often it was revoked; sessions made under another epoch are refused.
    pub epoch: Epoch,
    /// While revoked: the block on new sessions. Written even when there is
    /// none: a gate without the key is no open one.
    #[serde(deserialize_with = "Option::deserialize")]
    pub block: Option<Block>,
}

/// A block on new sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Until when; none until an operator reinstates.
    #[serde(deserialize_with = "Option::deserialize")]
    pub until: Option<DateTime<Utc>>,
    /// Who revoked: the caller key.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a change of a gate is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The caller as a whole.
    Caller,
    /// The caller on one profile.
    Profile(ProfileName),
}

/// What is done to a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateAction {
    /// Raises the epoch and blocks. A block that is in force and lasts longer
    /// stays: a short revocation does not shorten a long one.
    Revoke(Block),
    /// Lifts the block. The epoch stays, so old sessions are not revived.
    Reinstate,
}

/// A change of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateChange {
    /// What it is about.
    pub scope: Scope,
    /// What is done.
    pub action: GateAction,
}

impl Gate {
    /// The gate of a caller of whom none is stored.
    #[must_use]
    pub fn open(caller: CallerKey) -> Self {
        Self { caller, whole: GateState::default(), profiles: BTreeMap::new() }
    }

    /// The epochs that a session on `profile` made now would hold.
    #[must_use]
    pub fn epochs(&self, profile: &ProfileName) -> Epochs {
        Epochs {
            caller: self.whole.epoch,
            profile: self.profiles.get(profile).map(|state| state.epoch).unwrap_or_default(),
        }
    }

    /// The block that stands at `now` in the way of this caller as a whole.
    #[must_use]
    pub fn blocked(&self, now: DateTime<Utc>) -> Option<&Block> {
        self.whole.blocked(now)
    }

    /// The block that stands at `now` in the way of a new session on `profile`.
    #[must_use]
    pub fn blocked_on(&self, profile: &ProfileName, now: DateTime<Utc>) -> Option<&Block> {
        self.blocked(now).or_else(|| self.profiles.get(profile)?.blocked(now))
    }

    /// The state that `scope` is about.
    #[must_use]
    pub fn state(&self, scope: &Scope) -> GateState {
        match scope {
            Scope::Caller => self.whole.clone(),
            Scope::Profile(profile) => self.profiles.get(profile).cloned().unwrap_or_default(),
        }
    }

    /// On how many profiles a caller can be revoked one by one: a gate is one
    /// record, and must never grow too large to be changed.
    pub const MAX_PROFILES: usize = 200;

    /// Applies the change, and returns whether the gate is another one after it.
    /// If it is not, there is nothing to write. Stores call it inside whatever
    /// makes their write atomic.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for the revocation of one profile more than
    /// [`Self::MAX_PROFILES`]. The caller as a whole can always be revoked.
    pub fn apply(&mut self, change: &GateChange) -> Result<bool, StoreError> {
        match &change.action {
            GateAction::Revoke(block) => {
                let full = self.profiles.len() >= Self::MAX_PROFILES;
                let state = match &change.scope {
                    Scope::Caller => &mut self.whole,
                    Scope::Profile(profile) if full && !self.profiles.contains_key(profile) => {
                        return Err(StoreError::conflict());
                    }
                    Scope::Profile(profile) => self.profiles.entry(profile.clone()).or_default(),
                };
                state.epoch = state.epoch.next();
                let longer = state.blocked(block.at).is_some_and(|standing| {
                    match (standing.until, block.until) {
                        (None, _) => true,
                        (Some(_), None) => false,
                        (Some(standing), Some(new)) => standing > new,
                    }
                });
                if !longer {
                    state.block = Some(block.clone());
                }
                Ok(true)
            }
            // What was never revoked gets no entry: entries are never removed, and
            // must not fill the gate.
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

impl GateState {
    /// The block, if it is in force at `now`.
    #[must_use]
    pub fn blocked(&self, now: DateTime<Utc>) -> Option<&Block> {
        self.block.as_ref().filter(|block| block.until.is_none_or(|until| now < until))
    }
}
