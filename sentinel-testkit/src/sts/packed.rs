//! The packed size of session policy and tags.
//!
//! AWS compresses them into an undocumented format. Its answers contain only the used share of the
//! space, in percent. The model here is the worst case: nothing is compressed except the white
//! space of the policy, and the space is as large as the maximum plain text of a policy.

use std::collections::BTreeMap;

use serde_json::Value;

/// The space that policy and tags share.
const ROOM: usize = 2048;
/// The size of a tag in addition to its key and value.
const TAG_OVERHEAD: usize = 2;

/// The used share of the space, in percent, rounded up.
pub(super) fn percent(policy: Option<&str>, tags: &BTreeMap<String, String>) -> usize {
    let policy = policy.map_or(0, |text| {
        let value = serde_json::from_str::<Value>(text);
        value.map_or(text.len(), |value| value.to_string().len())
    });
    let tags = tags.iter().map(|(key, value)| key.len() + value.len() + TAG_OVERHEAD);
    ((policy + tags.sum::<usize>()) * 100).div_ceil(ROOM)
}
