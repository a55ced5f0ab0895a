//! `profiles`: patterns over the names of profiles.

use chrono::{DateTime, Utc};

use super::{AnyOf, Condition, Entry, Name, Saw, texts};
use crate::diagnostic::{Finding, Subject};
use crate::document::Node;
use crate::name::{Fault, meant_profile, profile_fault};
use crate::read::{Field, Reader};
use crate::{Pattern, Request};

pub(crate) struct Profiles;

impl Condition for Profiles {
    type Given = AnyOf<Pattern>;
    type Compiled = Pattern;

    const KEY: &'static str = "profiles";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        reader.profiles(field)
    }

    fn matches(pattern: &Pattern, request: &Request<'_>, _: DateTime<Utc>) -> bool {
        pattern.matches(request.profile)
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        Saw::text("profile", Some(request.profile))
    }

    fn wanted(profiles: &Self::Given, _: &str) -> Vec<String> {
        texts(profiles, |profile| profile.as_str().to_owned())
    }
}

impl Name for Profiles {
    fn of<'a>(request: &Request<'a>) -> Option<&'a str> {
        Some(request.profile)
    }

    fn entries(profiles: &Self::Given) -> Vec<Entry<'_, Pattern>> {
        profiles.iter().map(|profile| Entry::new(&profile.value)).collect()
    }
}

impl<'n> Reader<'n> {
    /// A list of profile patterns.
    pub(crate) fn profiles(&mut self, field: Field<'n>) -> Option<AnyOf<Pattern>> {
        self.each(field, Self::profile)
    }

    /// Reads a profile pattern. A pattern that matches no profile is reported.
    fn profile(&mut self, key: &'static str, node: &'n Node<'n>) -> Option<Pattern> {
        let what = Subject::EntryOf(key);
        let value = self.text(what, node)?;
        let finding = match profile_fault(value) {
            None => return Some(Pattern::new(value)),
            Some(Fault::Character(character)) => {
                Finding::InvalidProfile { what, value, character, meant: meant_profile }
            }
            Some(Fault::Shape) => Finding::UnmatchedProfile { what, value, meant: meant_profile },
        };
        self.findings.report(node.span, finding);
        Some(Pattern::new(value))
    }
}
