//! How large session policy and tags are when they are packed.
//!
//! AWS compresses them into a form of its own and does not say how; it answers
//! only how full that is, in percent. The model here is the worst case: nothing
//! compresses but the white space of the policy, and there is room for as much
//! as the plain text of a policy may be.

use std::collections::BTreeMap;

use serde_json::Value;

/// The room that policy and tags share.
const ROOM: usize = 2048;
/// What a tag takes beside its key and value.
const TAG_OVERHEAD: usize = 2;

/// How full the room is, in percent, rounded up.
pub(super) fn percent(policy: Option<&str>, tags: &BTreeMap<String, String>) -> usize {
    let policy = policy.map_or(0, |text| {
        let value = serde_json::from_str::<Value>(text);
        value.map_or(text.len(), |value| value.to_string().len())
    });
    let tags = tags.iter().map(|(key, value)| key.len() + value.len() + TAG_OVERHEAD);
    ((policy + tags.sum::<usize>()) * 100).div_ceil(ROOM)
}
