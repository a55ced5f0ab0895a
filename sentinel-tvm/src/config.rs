//! The environment of the function. It is read once, and every problem is reported.

use sentinel_broker::{
    CallerRate, OperatorArn, RoleArnTemplate, SessionNameRole, Settings, SourceIdentityFormat,
};
use sentinel_function::{ConfigError, ConfigWarning, Function, Reader, unread};
use sentinel_policy::parse_duration;
use sentinel_store::{AccountId, Generation, PolicyPath, Secret, SessionKeys};

/// The configuration, from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The settings of the broker.
    pub settings: Settings,
    /// The name of the session table. `None` if sessions are not tracked.
    pub session_table: Option<String>,
    /// The name of the table of approval requests. `None` if no approval can be requested.
    pub approval_table: Option<String>,
    /// The name of the table of break-glass grants. `None` if none can be opened.
    pub breakglass_table: Option<String>,
    /// The name of the table with policies that are too large for SSM. `None` if there is no table.
    pub policy_table: Option<String>,
    /// The value that the stage variable `sentinelOrigin` must have. `None` if it is not checked.
    pub origin_secret: Option<Secret>,
}

impl Config {
    /// Reads the variables that the crate documentation lists. `variable` returns the value of one.
    ///
    /// # Errors
    /// Every variable that is missing or invalid.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new(&variable);
        let config = Self::parse(&mut reader);
        let errors = reader.into_errors();
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    /// The problems that do not stop the function: listed roles without an account, a rate that cannot
    /// be counted, and the variables that have no effect. `set` are the names of all variables that are set.
    pub fn warnings(
        variable: impl Fn(&str) -> Option<String>,
        set: impl IntoIterator<Item = String>,
    ) -> Vec<ConfigWarning> {
        let mut reader = Reader::new(&variable);
        let config = Self::parse(&mut reader);
        let roles = config.settings.session_name_roles;
        let is_default = reader.text(SESSION_NAME_ROLES).is_none();
        let of_every_account = roles.iter().filter(|role| !role.has_account()).map(|role| {
            let default = if is_default { " (the default)" } else { "" };
            ConfigWarning::new(
                SESSION_NAME_ROLES,
                format!(
                    "`{role}`{default} names no account: a principal that can create a role of such \
                     a name in any trusted account can be any user; list the exact roles, as \
                     `account:RoleName`"
                ),
            )
        });
        let mut warnings: Vec<_> = of_every_account.collect();
        let is_limited = reader.text(CALLER_RATE).is_some_and(|text| text != NO_RATE);
        if is_limited && config.session_table.is_none() {
            warnings.push(ConfigWarning::new(
                CALLER_RATE,
                "has no effect without SENTINEL_SESSION_TABLE, in which requests are counted",
            ));
        }
        warnings.extend(unread(Function::Tvm, reader.names(), set));
        warnings
    }

    /// The configuration, with defaults for variables that are invalid.
    fn parse(reader: &mut Reader<'_>) -> Self {
        let duration = "a duration as in `30s`, `5m` or `1h30m`";
        let path = |text: &str| {
            let good = text.starts_with('/') && !text.ends_with('/') && !text.contains("//");
            good.then(|| PolicyPath::new(text))
        };

        const PARAMETER: &str = "SENTINEL_POLICY_PARAMETER";
        let parameter =
            reader.read(PARAMETER, "a path as in `/sentinel/policies/production`", path);
        if parameter.is_none() && reader.text(PARAMETER).is_none() {
            reader.error(PARAMETER, "must be set: the path of the main policy document");
        }
        let mut settings = Settings::new(parameter.unwrap_or_else(|| PolicyPath::new("/")));
        let root = reader.read("SENTINEL_POLICY_ROOT", "a path as in `/sentinel/policies`", path);
        settings.policy_root = root.unwrap_or(settings.policy_root);
        let or_zero = |text: &str| parse_duration(text).ok();
        let ttl = reader.read("SENTINEL_POLICY_CACHE_TTL", duration, or_zero);
        settings.policy_cache_ttl = ttl.unwrap_or(settings.policy_cache_ttl);
        let age = reader.read("SENTINEL_POLICY_MAX_AGE", duration, or_zero);
        settings.policy_max_age = age.unwrap_or(settings.policy_max_age);
        settings.trusted_accounts = reader.list(
            "SENTINEL_TRUSTED_ACCOUNTS",
            "account ids of twelve digits, separated by commas",
            |text| AccountId::parse(text).ok(),
        );
        let roles = reader.list(
            SESSION_NAME_ROLES,
            "`[account:]pattern`, separated by commas; with `*` alone, every caller that can assume \
             some role could choose its user",
            |text| SessionNameRole::parse(text).ok(),
        );
        settings.session_name_roles = roles.unwrap_or(settings.session_name_roles);
        let roles = &settings.session_name_roles;
        let operators = reader.list(
            "SENTINEL_OPERATORS",
            "complete ARNs without wildcards, separated by commas, of IAM users, roles, or sessions of \
             roles in SENTINEL_SESSION_NAME_ROLES",
            |text| OperatorArn::parse(text).filter(|operator| operator.can_match(roles)),
        );
        settings.operators = operators.unwrap_or_default();
        let template = reader.read(
            "SENTINEL_ROLE_ARN_TEMPLATE",
            "the ARN of a role with `{profile}` in the role's name; it may contain `{partition}` and \
             `{account}`",
            RoleArnTemplate::parse,
        );
        settings.role_arn_template = template.unwrap_or_default();
        let maximum = reader.read("SENTINEL_MAX_DURATION", duration, |text| {
            parse_duration(text).ok().filter(|length| !length.is_zero())
        });
        settings.max_duration = maximum.unwrap_or(settings.max_duration);
        let rate = reader.read(
            CALLER_RATE,
            "a number of requests and a duration from `1s` to `24h`, as in `60/1m`, or `0` for no limit",
            |text| if text == NO_RATE { Some(None) } else { CallerRate::parse(text).map(Some) },
        );
        settings.caller_rate = rate.unwrap_or(settings.caller_rate);
        let format = reader.read(
            "SENTINEL_SOURCE_IDENTITY_SEPARATOR",
            "one of `-` `_` `.` `,` `@` `+` `=`: STS accepts no other",
            SourceIdentityFormat::with_separator,
        );
        settings.source_identity = format.unwrap_or_default();
        let session_table = reader.table("SENTINEL_SESSION_TABLE");
        let policy_table = reader.table("SENTINEL_POLICY_TABLE");
        let approval_table = reader.table("SENTINEL_APPROVAL_TABLE");
        let breakglass_table = reader.table("SENTINEL_BREAKGLASS_TABLE");
        let generation = reader.read("SENTINEL_GENERATION", "a whole number", |text| {
            text.parse().ok().map(Generation)
        });
        settings.generation = generation.unwrap_or_default();
        settings.session_keys =
            reader.read("SENTINEL_SESSION_KEY", SessionKeys::FORM, SessionKeys::parse);
        let origin_secret = reader.read(
            "SENTINEL_ORIGIN_SECRET",
            "at least 32 characters of `A-Z`, `a-z`, `0-9`, `.`, `_`, `~` and `-`",
            |text| {
                let good = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
                (text.len() >= 32 && text.bytes().all(good)).then(|| Secret::new(text))
            },
        );
        Self {
            settings,
            session_table,
            approval_table,
            breakglass_table,
            policy_table,
            origin_secret,
        }
    }
}

const CALLER_RATE: &str = "SENTINEL_CALLER_RATE";
/// The value for no limit.
const NO_RATE: &str = "0";
const SESSION_NAME_ROLES: &str = "SENTINEL_SESSION_NAME_ROLES";
