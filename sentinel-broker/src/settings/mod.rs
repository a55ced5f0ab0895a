//! The settings of a broker. Every value was parsed, and is therefore valid.

mod caller_rate;
mod operator_arn;
mod role_arn_template;

pub use caller_rate::CallerRate;
pub use operator_arn::OperatorArn;
pub use role_arn_template::RoleArnTemplate;

use std::time::Duration;

use sentinel_store::{AccountId, Generation, PolicyPath, SessionKeys};

use crate::home::Home;
use crate::identity::{SessionNameRole, SourceIdentityFormat, Trust};

/// The settings of a broker.
///
/// ```
/// use std::time::Duration;
///
/// use sentinel_broker::Settings;
/// use sentinel_store::PolicyPath;
///
/// let settings = Settings::new(PolicyPath::new("/sentinel/policies/main"))
///     .with_max_duration(Duration::from_secs(1800));
/// assert_eq!(settings.policy_root, PolicyPath::new("/sentinel/policies"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The path of the main policy document.
    pub policy_parameter: PolicyPath,
    /// The path that contains the documents of single profiles.
    pub policy_root: PolicyPath,
    /// Whether a main document must exist. Only a service for development may work without.
    pub main_document_required: bool,
    /// The age from which a copy of a document is refreshed before it is used.
    pub policy_cache_ttl: Duration,
    /// The age from which a copy of a document is never used. A copy between the two ages is used
    /// while the store is throttled or unavailable. 0 if such copies are never used.
    pub policy_max_age: Duration,
    /// The accounts that are served. `None` for the service's own account only.
    pub trusted_accounts: Option<Vec<AccountId>>,
    /// The roles whose session name is the user.
    pub session_name_roles: Vec<SessionNameRole>,
    /// The operators that may list and revoke sessions, whatever the state of the policy.
    pub operators: Vec<OperatorArn>,
    /// The role of a profile for which the policy names no role.
    pub role_arn_template: RoleArnTemplate,
    /// The maximum lifetime of credentials.
    pub max_duration: Duration,
    /// The maximum rate of vends of one caller across all instances of the service. `None` for no
    /// limit. Without a session table there is no limit.
    pub caller_rate: Option<CallerRate>,
    /// How source identities are written.
    pub source_identity: SourceIdentityFormat,
    /// The generation of sessions. A session of another generation is refused.
    pub generation: Generation,
    /// The keys of the check in session ids. `None` for ids without a check.
    pub session_keys: Option<SessionKeys>,
}

impl Settings {
    /// The defaults, with the main document at that path and the documents of single profiles in the
    /// same folder.
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
            caller_rate: Some(CallerRate::default()),
            source_identity: SourceIdentityFormat::default(),
            generation: Generation::default(),
            session_keys: None,
        }
    }

    /// The same settings with another path that contains the documents of single profiles.
    #[must_use]
    pub fn with_policy_root(self, policy_root: PolicyPath) -> Self {
        Self { policy_root, ..self }
    }

    /// The same settings, with or without the need for a main document.
    #[must_use]
    pub fn with_main_document_required(self, main_document_required: bool) -> Self {
        Self { main_document_required, ..self }
    }

    /// The same settings with other ages from which a copy is refreshed, and never used.
    #[must_use]
    pub fn with_policy_ages(self, policy_cache_ttl: Duration, policy_max_age: Duration) -> Self {
        Self { policy_cache_ttl, policy_max_age, ..self }
    }

    /// The same settings with other accounts that are served. `None` for the service's own account.
    #[must_use]
    pub fn with_trusted_accounts(self, accounts: impl Into<Option<Vec<AccountId>>>) -> Self {
        Self { trusted_accounts: accounts.into(), ..self }
    }

    /// The same settings with other roles whose session name is the user.
    #[must_use]
    pub fn with_session_name_roles(self, session_name_roles: Vec<SessionNameRole>) -> Self {
        Self { session_name_roles, ..self }
    }

    /// The same settings with other operators.
    #[must_use]
    pub fn with_operators(self, operators: Vec<OperatorArn>) -> Self {
        Self { operators, ..self }
    }

    /// The same settings with another role for profiles without one.
    #[must_use]
    pub fn with_role_arn_template(self, role_arn_template: RoleArnTemplate) -> Self {
        Self { role_arn_template, ..self }
    }

    /// The same settings with another maximum lifetime of credentials.
    #[must_use]
    pub fn with_max_duration(self, max_duration: Duration) -> Self {
        Self { max_duration, ..self }
    }

    /// The same settings with another maximum rate of vends of one caller. `None` for no limit.
    #[must_use]
    pub fn with_caller_rate(self, caller_rate: impl Into<Option<CallerRate>>) -> Self {
        Self { caller_rate: caller_rate.into(), ..self }
    }

    /// The same settings with another way to write source identities.
    #[must_use]
    pub fn with_source_identity(self, source_identity: SourceIdentityFormat) -> Self {
        Self { source_identity, ..self }
    }

    /// The same settings with another generation of sessions.
    #[must_use]
    pub fn with_generation(self, generation: Generation) -> Self {
        Self { generation, ..self }
    }

    /// The same settings with other keys of the check in session ids.
    #[must_use]
    pub fn with_session_keys(self, session_keys: impl Into<Option<SessionKeys>>) -> Self {
        Self { session_keys: session_keys.into(), ..self }
    }

    /// Which identities are served by a service in that account.
    pub(crate) fn trust<'a>(&'a self, home: &'a Home) -> Trust<'a> {
        let own = std::slice::from_ref(&home.account);
        Trust {
            accounts: self.trusted_accounts.as_deref().unwrap_or(own),
            session_name_roles: &self.session_name_roles,
            source_identity: self.source_identity,
        }
    }
}
