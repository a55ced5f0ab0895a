//! The section `profiles`.

use std::collections::BTreeMap;

use crate::diagnostic::{Finding, Subject};
use crate::read::{Field, Reader, Shape};
use crate::{Profile, RoleArn, Span, Spanned};

const PROFILE: Shape =
    Shape { place: "a profile", keys: &["role_arn", "max_duration"], required: 0, nested: &[] };

impl<'n> Reader<'n> {
    /// The profiles by name.
    pub(super) fn profile_definitions(&mut self, field: Field<'n>) -> BTreeMap<String, Profile> {
        let mut profiles = BTreeMap::new();
        let Some(mapping) = self.mapping(field.subject(), field.node) else { return profiles };
        for entry in &mapping.entries {
            let name: &'n str = &entry.key;
            if !is_profile_name(name) {
                self.findings.report(entry.key_span, Finding::InvalidProfileName { name });
            }
            if self.is_null(name, &entry.value, entry.key_span) {
                continue;
            }
            let Some(fields) = self.fields(Subject::Key(name), &entry.value, &PROFILE) else {
                continue;
            };
            let profile = Profile {
                role_arn: fields.get("role_arn").and_then(|field| self.role_arn(field)),
                max_duration: fields.get("max_duration").and_then(|field| self.duration(field)),
                from_pattern: false,
                span: Span { start: entry.key_span.start, end: entry.value.span.end },
            };
            profiles.insert(name.to_owned(), profile);
        }
        profiles
    }

    fn role_arn(&mut self, field: Field<'n>) -> Option<Spanned<RoleArn>> {
        let value = self.exact_text(field.subject(), field.node)?;
        let arn = RoleArn::parse(value);
        if arn.is_none() {
            self.findings.report(field.node.span, Finding::InvalidRoleArn { value });
        }
        arn.map(|arn| Spanned::new(arn, field.node.span))
    }
}

/// Whether a text is a profile name that a caller can request:
/// `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
pub(super) fn is_profile_name(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}
