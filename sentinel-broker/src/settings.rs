//! What a broker is set up with. Every value was parsed, and is therefore
//! valid.

use std::time::Duration;

use sentinel_policy::RoleArn;
use sentinel_store::{AccountId, Generation, PolicyPath, ProfileName, SessionKeys};

use crate::arn::Arn;
use crate::{Caller, Home, SessionNameRole, SourceIdentityFormat};

/// The settings of a broker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the main document lies.
    pub policy_parameter: PolicyPath,
    /// What the documents of single profiles lie under.
    pub policy_root: PolicyPath,
    /// Whether there must be a main document. Only a developer's machine may do
    /// without.
    pub main_document_required: bool,
    /// A copy of a document older than this is refreshed before it decides.
    pub policy_cache_ttl: Duration,
    /// A copy older than this never decides; 0 for no stale copy at all.
    pub policy_max_age: Duration,
    /// The accounts that are served; none for the function's own.
    pub trusted_accounts: Option<Vec<AccountId>>,
    /// The roles whose session name is the user.
    pub session_name_roles: Vec<SessionNameRole>,
    /// Who may list and revoke whatever the state of the policy.
    pub operators: Vec<OperatorArn>,
    /// The role of a profile for which the policy names none.
    pub role_arn_template: RoleArnTemplate,
    /// The upper bound on every credential.
    pub max_duration: Duration,
    /// How source identities are written.
    pub source_identity: SourceIdentityFormat,
    /// The generation of the session table.
    pub generation: Generation,
    /// The keys of the check in session ids. `None` for ids without a check.
    pub session_keys: Option<SessionKeys>,
}

impl Settings {
    /// The defaults, with the main document at that path and the others beside
    /// it.
    #[must_use]
    pub fn new(policy_parameter: PolicyPath) -> Self {
        let policy_root = policy_parameter.parent().unwrap_or_else(|| PolicyPath::new(""));
        Self {
            policy_parameter,
            policy_root,
            main_document_required: true,
            policy_cache_ttl: Duration::from_secs(30),
            policy_max_age: Duration::from_secs(300),
            trusted_accounts: None,
            session_name_roles: SessionNameRole::parse(SessionNameRole::DEFAULT)
                .into_iter()
                .collect(),
            operators: Vec::new(),
            role_arn_template: RoleArnTemplate::default(),
            max_duration: Duration::from_secs(3600),
            source_identity: SourceIdentityFormat::default(),
            generation: Generation::default(),
            session_keys: None,
        }
    }
}

/// An entry of `SENTINEL_OPERATORS`: an IAM user's ARN, an assumed-role
/// session's, or a role's, which stands for any session of that role. Compared
/// whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorArn(Box<str>);

impl OperatorArn {
    /// Reads one; none for another kind of ARN, or one with a wildcard.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let named = arn.user().or(arn.role()).or(arn.session().map(|(role, _)| role));
        (AccountId::parse(arn.account).is_ok() && named.is_some() && !text.contains(['*', '?']))
            .then(|| Self(text.into()))
    }

    /// Whether any caller can be meant: a session's own ARN counts only where the
    /// role is listed as one whose session names can be trusted.
    #[must_use]
    pub fn can_match(&self, session_name_roles: &[SessionNameRole]) -> bool {
        let session = Arn::parse(&self.0).and_then(|arn| Some((arn.account, arn.session()?.0)));
        let Some((account, role)) = session else { return true };
        AccountId::parse(account)
            .is_ok_and(|account| session_name_roles.iter().any(|it| it.lists(&account, role)))
    }

    /// Whether `caller` is meant. A session's own ARN counts only where the
    /// session name can be trusted; a role's ARN counts for any session of it.
    #[must_use]
    pub fn is(&self, caller: &Caller) -> bool {
        if caller.named && *self.0 == *caller.principal {
            return true;
        }
        let (Some(operator), Some(principal)) =
            (Arn::parse(&self.0), Arn::parse(&caller.principal))
        else {
            return false;
        };
        operator.role().is_some()
            && operator.role() == caller.role.as_deref()
            && operator.account == caller.account.as_str()
            && operator.partition == principal.partition
    }
}

/// `SENTINEL_ROLE_ARN_TEMPLATE`: a role's ARN with `{partition}`, `{account}`
/// and `{profile}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArnTemplate(Box<str>);

impl Default for RoleArnTemplate {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl RoleArnTemplate {
    /// What holds when nothing else is set.
    pub const DEFAULT: &'static str =
        "arn:{partition}:iam::{account}:role/SentinelProtected-{profile}";

    /// Reads a template. It must give a role's ARN, and the name of the role must contain the
    /// profile's: if only the path did, all profiles would share one role.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let template = Self(text.into());
        let filled = template.fill_text("aws", "111122223333", "profile");
        let (_, name) = text.rsplit_once('/')?;
        (name.contains("{profile}") && RoleArn::parse(&filled).is_some()).then_some(template)
    }

    /// The role of that profile; none when the whole is too long for an ARN.
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
