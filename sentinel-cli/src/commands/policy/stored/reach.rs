//! Which documents decide about which profiles, as far as a push changes it: deny
//! rules that do not reach a profile, and documents that decide nothing.

use std::collections::BTreeSet;

use sentinel_policy::{CheckedPolicy, Effect, Limits, Policy};
use sentinel_store::ProfileName;
use serde::Serialize;

use super::{Found, Stores};
use crate::aws::Policies;
use crate::output::{Failure, Screen, printable};

/// Maximum number of names to list. More names are counted.
const SHOWN: usize = 20;

/// The profiles and documents that a document does not reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Reach {
    /// Profiles to which a deny rule of the main document does not apply, since
    /// each has its own document.
    deny_rules_do_not_apply_to: Vec<String>,
    /// Documents that decide nothing: the main document governs their profiles.
    govern_nothing: Vec<String>,
    /// Documents whose names are not the name of any profile, so that they are
    /// never read.
    never_read: Vec<String>,
}

impl Reach {
    /// The reach of a main document next to documents of those names.
    fn new(main: &Policy, main_name: &str, names: impl IntoIterator<Item = String>) -> Self {
        let mut reach = Self::default();
        for name in names {
            if ProfileName::parse(&name).is_err() {
                reach.never_read.push(name);
            } else if name == main_name || main.names_profile(&name) {
                reach.govern_nothing.push(name);
            } else if denies(main, &name) {
                reach.deny_rules_do_not_apply_to.push(name);
            }
        }
        reach
    }

    /// The part that concerns one document.
    pub(super) fn of(&self, name: &str) -> Self {
        let only = |names: &[String]| names.iter().filter(|it| *it == name).cloned().collect();
        Self {
            deny_rules_do_not_apply_to: only(&self.deny_rules_do_not_apply_to),
            govern_nothing: only(&self.govern_nothing),
            never_read: only(&self.never_read),
        }
    }

    /// Reports it to a person.
    pub(super) fn show(&self, screen: &Screen) {
        let Self { deny_rules_do_not_apply_to, govern_nothing, never_read } = self;
        if !deny_rules_do_not_apply_to.is_empty() {
            screen.note(&format!(
                "deny rules of the main document do not apply to profiles that have their own \
                 document: {}",
                listed(deny_rules_do_not_apply_to)
            ));
        }
        if !govern_nothing.is_empty() {
            screen.warn(&format!(
                "the main document governs these profiles, so their own documents decide nothing: {}",
                listed(govern_nothing)
            ));
        }
        if !never_read.is_empty() {
            screen.warn(&format!(
                "no profile can have these names, so their documents are never read: {}",
                listed(never_read)
            ));
        }
    }
}

/// Whether a deny rule would apply to that profile if the document governed it.
fn denies(main: &Policy, profile: &str) -> bool {
    main.rules().iter().filter(|rule| rule.effect == Effect::Deny).any(|rule| {
        let profiles = rule.conditions.profiles.as_ref();
        profiles.is_none_or(|all| all.iter().any(|pattern| pattern.value.matches(profile)))
    })
}

fn listed(names: &[String]) -> String {
    let quoted = |name: &String| format!("`{}`", printable(name));
    let shown = names.iter().take(SHOWN).map(quoted).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The reach of the main document after the push: `pushed` are the names of
/// profiles' own documents, and `pushed_main` is the main document if it is pushed.
/// `None` if there is no usable main document.
pub(super) async fn reach<'d>(
    stores: &Stores,
    policies: &Policies,
    pushed: impl IntoIterator<Item = &'d str>,
    pushed_main: Option<&CheckedPolicy>,
) -> Result<Option<Reach>, Failure> {
    let (root, main) = (policies.root(), policies.main());
    let checked = match pushed_main {
        Some(checked) => Some(checked.clone()),
        None => match stores.find(&main).await? {
            Found { ssm: Some(text), table: None } | Found { ssm: None, table: Some(text) } => {
                CheckedPolicy::parse(&text.text, &Limits::default()).ok()
            }
            Found { ssm: None, table: None } | Found { ssm: Some(_), table: Some(_) } => None,
        },
    };
    let Some(checked) = checked else { return Ok(None) };
    let stored = stores.names(&root).await?.into_iter().map(|(name, _)| name);
    let mut names: BTreeSet<String> = stored.collect();
    names.extend(pushed.into_iter().map(str::to_owned));
    // A main document under the root is listed too, but does not belong to a
    // profile.
    if main.parent().as_ref() == Some(&root) {
        names.remove(main.name());
    }
    Ok(Some(Reach::new(&checked.compile(), main.name(), names)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = r#"
version: "1"
profiles: { described: {} }
rules:
  - { name: freeze, effect: deny, conditions: { profiles: ["prod*"] } }
  - { name: named, effect: allow, conditions: { profiles: [named] } }
"#;

    #[test]
    fn documents_are_classified_by_how_the_main_document_affects_them() {
        let main = CheckedPolicy::parse(MAIN.as_bytes(), &Limits::default()).unwrap().compile();
        let names = ["bad name", "described", "named", "prod-eu", "staging", "main"];
        let reach = Reach::new(&main, "main", names.map(str::to_owned));
        assert_eq!(reach.deny_rules_do_not_apply_to, ["prod-eu"]);
        assert_eq!(reach.govern_nothing, ["described", "named", "main"]);
        assert_eq!(reach.never_read, ["bad name"]);
        assert_eq!(reach.of("staging"), Reach::default());
        assert_eq!(reach.of("named").govern_nothing, ["named"]);
    }

    #[test]
    fn a_long_list_of_names_is_truncated() {
        let names: Vec<String> = (0..25).map(|index| format!("p{index}")).collect();
        assert!(listed(&names).ends_with("`p19` and 5 more"), "{}", listed(&names));
        assert_eq!(listed(&["a\u{1b}".to_owned()]), format!("`{}`", printable("a\u{1b}")));
    }
}
