//! The role of a profile for which the policy names none.

use sentinel_policy::RoleArn;
use sentinel_store::ProfileName;

use crate::home::Home;

/// `SENTINEL_ROLE_ARN_TEMPLATE`: the ARN of a role, with the placeholders `{partition}`, `{account}`
/// and `{profile}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArnTemplate(Box<str>);

impl Default for RoleArnTemplate {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl RoleArnTemplate {
    /// The default template.
    pub const DEFAULT: &'static str =
        "arn:{partition}:iam::{account}:role/SentinelProtected-{profile}";

    /// Parses a template. It must result in the ARN of a role, and the name of the role must contain
    /// the name of the profile: if only the path did, all profiles would share one role. `None` for
    /// any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let template = Self(text.into());
        let filled = template.fill_text("aws", "111122223333", "profile");
        let (_, name) = text.rsplit_once('/')?;
        (name.contains("{profile}") && RoleArn::parse(&filled).is_some()).then_some(template)
    }

    /// The role of that profile. `None` if the result is too long for an ARN.
    #[must_use]
    pub fn fill(&self, home: &Home, profile: &ProfileName) -> Option<RoleArn> {
        RoleArn::parse(&self.fill_text(&home.partition, home.account.as_str(), profile.as_str()))
    }

    /// The profile whose role this is, in lower case. `None` if it is the role of no profile.
    #[must_use]
    pub fn profile_of(&self, home: &Home, role: &RoleArn) -> Option<ProfileName> {
        const PLACEHOLDER: &str = "{profile}";
        let filled = self.fill_text(&home.partition, home.account.as_str(), PLACEHOLDER);
        let (_, template) = filled.rsplit_once('/')?;
        // Each placeholder has the length of the profile's name.
        let (start, count) = (template.find(PLACEHOLDER)?, template.matches(PLACEHOLDER).count());
        let fixed = template.len().checked_sub(PLACEHOLDER.len().checked_mul(count)?)?;
        let length = role.name().len().checked_sub(fixed)?.checked_div(count)?;
        let name = role.name().get(start..start.checked_add(length)?)?;
        let profile = ProfileName::parse(&name.to_ascii_lowercase()).ok()?;
        (self.fill(home, &profile)?.key() == role.key()).then_some(profile)
    }

    fn fill_text(&self, partition: &str, account: &str, profile: &str) -> String {
        self.0
            .replace("{partition}", partition)
            .replace("{account}", account)
            .replace("{profile}", profile)
    }
}

#[cfg(test)]
mod tests {
    use sentinel_store::AccountId;

    use super::*;

    #[test]
    fn the_profile_of_a_role_is_the_one_to_which_the_template_assigns_it() {
        let home = Home::new("aws", AccountId::parse("111122223333").unwrap());
        let own = "arn:aws:iam::111122223333:role/";
        for (template, role, profile) in [
            (RoleArnTemplate::DEFAULT, format!("{own}SentinelProtected-b"), Some("b")),
            (RoleArnTemplate::DEFAULT, format!("{own}p/sentinelprotected-B"), Some("b")),
            (RoleArnTemplate::DEFAULT, format!("{own}SentinelProtected-"), None),
            (RoleArnTemplate::DEFAULT, format!("{own}Other-b"), None),
            (RoleArnTemplate::DEFAULT, format!("{own}b"), None),
            (
                RoleArnTemplate::DEFAULT,
                "arn:aws:iam::444455556666:role/SentinelProtected-b".into(),
                None,
            ),
            (
                "arn:aws:iam::444455556666:role/{profile}",
                "arn:aws:iam::444455556666:role/b".into(),
                Some("b"),
            ),
            (
                "arn:aws:iam::{account}:role/{profile}/x-{profile}-y",
                format!("{own}X-Bc-Y"),
                Some("bc"),
            ),
            ("arn:aws:iam::{account}:role/{profile}-{profile}", format!("{own}ab-AB"), Some("ab")),
            ("arn:aws:iam::{account}:role/{profile}-{profile}", format!("{own}ab-ac"), None),
            (
                "arn:aws:iam::{account}:role/{account}{profile}",
                format!("{own}111122223333b"),
                Some("b"),
            ),
            ("arn:aws:iam::{account}:role/{profile}", format!("{own}+b"), None),
        ] {
            let found = RoleArnTemplate::parse(template)
                .unwrap()
                .profile_of(&home, &RoleArn::parse(&role).unwrap());
            assert_eq!(found.as_ref().map(ProfileName::as_str), profile, "{template} {role}");
        }
    }
}
