//! The rules under `break_glass`.

use super::approval::MAX_DURATION;
use crate::diagnostic::Subject;
use crate::document::Node;
use crate::read::{Field, Reader, Shape};
use crate::{BreakGlassRule, Quota, ReasonCode};

const BREAK_GLASS: Shape = Shape {
    place: "a break-glass rule",
    keys: &[
        "name",
        "profiles",
        "users",
        "reason_codes",
        "max_duration",
        "cooldown",
        "quota",
        "quota_per_profile",
        "overrides_deny",
        "review_within",
        "review_blocks",
    ],
    required: 4,
    nested: &[("quota", QUOTA.keys), ("quota_per_profile", QUOTA_PER_PROFILE.keys)],
};
const QUOTA: Shape = Shape { place: "`quota`", keys: &["count", "per"], required: 2, nested: &[] };
const QUOTA_PER_PROFILE: Shape = Shape { place: "`quota_per_profile`", ..QUOTA };

impl<'n> Reader<'n> {
    /// Reads one break-glass rule. `None` if a required value could not be read.
    pub(super) fn break_glass(&mut self, node: &'n Node<'n>) -> Option<BreakGlassRule> {
        let fields = self.fields(Subject::EntryOf("break_glass"), node, &BREAK_GLASS)?;
        let name = fields.get("name").and_then(|f| self.name(f));
        let profiles = fields.get("profiles").and_then(|f| self.profiles(f));
        let users = fields.get("users").and_then(|f| self.users(f));
        let reason_codes = fields.get("reason_codes").and_then(|f| {
            self.each(f, |reader, key, node| reader.word::<ReasonCode>(Subject::EntryOf(key), node))
        });
        let max_duration = fields.get("max_duration").and_then(|f| self.duration(f));
        let cooldown = fields.get("cooldown").and_then(|f| self.duration(f));
        let quota = fields.get("quota").and_then(|f| self.quota(f, &QUOTA));
        let quota_per_profile =
            fields.get("quota_per_profile").and_then(|f| self.quota(f, &QUOTA_PER_PROFILE));
        let overrides_deny = fields.get("overrides_deny").and_then(|f| self.flag(f));
        let review_within = fields.get("review_within").and_then(|f| self.duration(f));
        let review_blocks = fields.get("review_blocks").and_then(|f| self.flag(f));
        Some(BreakGlassRule {
            name: name?,
            profiles: profiles?,
            users: users?,
            reason_codes: reason_codes?,
            max_duration: max_duration.unwrap_or(MAX_DURATION),
            cooldown,
            quota,
            quota_per_profile,
            overrides_deny: overrides_deny.unwrap_or(false),
            review_within,
            review_blocks: review_blocks.unwrap_or(false),
        })
    }

    fn quota(&mut self, field: Field<'n>, shape: &Shape) -> Option<Quota> {
        let fields = self.fields(field.subject(), field.node, shape)?;
        let count = fields.get("count").and_then(|f| self.count(f));
        let per = fields.get("per").and_then(|f| self.duration(f));
        Some(Quota { count: count?, per: per? })
    }
}
