//! What a decision is compared with: two lookups, which no index by name can do without, and a loop
//! over the rules, which is the obvious way to write a policy engine.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use sentinel_policy::{CheckedPolicy, Request, UserEntry};

/// The users and profiles of [`Workload::names`](crate::workload::Workload::names), hashed as the
/// index hashes them.
#[derive(Debug)]
pub struct Lookups {
    users: HashMap<String, usize, FixedState>,
    profiles: HashMap<String, usize, FixedState>,
}

impl Lookups {
    /// The names of a policy with that number of rules.
    #[must_use]
    pub fn new(rules: usize) -> Self {
        let table = |kind: &str| (0..=rules).map(|i| (format!("{kind}-{i}"), i)).collect();
        Self { users: table("user"), profiles: table("profile") }
    }

    /// Hashes and looks up both names.
    #[must_use]
    pub fn find(&self, user: &str, profile: &str) -> (Option<usize>, Option<usize>) {
        (self.users.get(user).copied(), self.profiles.get(profile).copied())
    }
}

/// Rules with literal names in a list, compared one by one. It supports nothing else.
#[derive(Debug)]
pub struct Scan(Vec<(Vec<String>, Vec<String>)>);

impl Scan {
    /// The rules of a document with literal names of profiles and users.
    #[must_use]
    pub fn new(checked: &CheckedPolicy) -> Self {
        let rules = checked.rules().iter().map(|rule| {
            let profiles = rule.conditions.profiles.iter().flatten();
            let users = rule.conditions.users.iter().flatten();
            let user = |entry: &UserEntry| entry.as_str().to_owned();
            (
                profiles.map(|profile| profile.value.as_str().to_owned()).collect(),
                users.map(|entry| user(&entry.value)).collect(),
            )
        });
        Self(rules.collect())
    }

    /// Index of the first rule that matches.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Option<usize> {
        self.0.iter().position(|(profiles, users)| {
            profiles.iter().any(|profile| profile == request.profile)
                && users.iter().any(|user| user == request.principal.user)
        })
    }
}
