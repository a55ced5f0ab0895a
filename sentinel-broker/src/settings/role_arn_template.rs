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

    fn fill_text(&self, partition: &str, account: &str, profile: &str) -> String {
        self.0
            .replace("{partition}", partition)
            .replace("{account}", account)
            .replace("{profile}", profile)
    }
}
