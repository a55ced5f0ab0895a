//! The roles that belong to the profiles of the main document, so that no other profile gets them.

use std::collections::HashMap;

use sentinel_policy::{Policy, RoleArn, RoleKey};
use sentinel_store::{PolicyPath, ProfileName};

use crate::home::Home;
use crate::settings::RoleArnTemplate;

/// The roles of the profiles that a main document governs.
#[derive(Clone, Debug, Default)]
pub struct GovernedRoles {
    /// The profiles whose role the document names, by that role.
    named: HashMap<RoleKey, String>,
    /// The profiles whose role results from the template, by their name in lower case.
    filled: HashMap<String, String>,
}

impl GovernedRoles {
    /// The roles of the profiles that the main document at `path` governs.
    #[must_use]
    pub fn of(main: &Policy, path: &PolicyPath) -> Self {
        let mut roles = Self::default();
        for profile in main.governs().chain([path.name()]) {
            match main.profile(profile).and_then(|it| it.role_arn.as_ref()) {
                Some(role) => roles.named.insert(role.value.key(), profile.to_owned()),
                None => roles.filled.insert(profile.to_ascii_lowercase(), profile.to_owned()),
            };
        }
        roles
    }

    /// The governed profile whose role `profile` would get from `template`. The main document does not
    /// govern `profile`. `None` if the role belongs to no governed profile.
    #[must_use]
    pub fn owner(
        &self,
        template: &RoleArnTemplate,
        home: &Home,
        profile: &ProfileName,
    ) -> Option<&str> {
        let role = template.fill(home, profile)?;
        // The name of the resulting role contains the name of the profile. It is the same for two
        // profiles only if they differ only in case.
        let filled = || self.filled.get(&profile.as_str().to_ascii_lowercase());
        self.named.get(&role.key()).or_else(filled).map(String::as_str)
    }

    /// The governed profile that gets `role` from `template`. The main document assigns `role` to another
    /// profile. `None` if the template assigns the role to no governed profile.
    #[must_use]
    pub fn filled(&self, template: &RoleArnTemplate, home: &Home, role: &RoleArn) -> Option<&str> {
        let profile = template.profile_of(home, role)?;
        self.filled.get(profile.as_str()).map(String::as_str)
    }
}
