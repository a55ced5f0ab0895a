//! The profiles that a caller can get: the response to `GET /profiles`.

use serde::{Deserialize, Serialize};

/// The profiles that a caller can get: the response to `GET /profiles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProfileList {
    /// The profiles, sorted by name.
    pub profiles: Vec<ProfileView>,
    /// The path that contains the documents of single profiles.
    pub root: String,
}

/// One profile of the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProfileView {
    /// The name of the profile.
    pub name: String,
    /// The path of the document that governs the profile.
    pub policy_path: String,
}

impl ProfileList {
    /// A list, with the path that contains the documents of single profiles.
    #[must_use]
    pub fn new(profiles: Vec<ProfileView>, root: impl Into<String>) -> Self {
        Self { profiles, root: root.into() }
    }
}

impl ProfileView {
    /// A profile, with the path of the document that governs it.
    #[must_use]
    pub fn new(name: impl Into<String>, policy_path: impl Into<String>) -> Self {
        Self { name: name.into(), policy_path: policy_path.into() }
    }
}
