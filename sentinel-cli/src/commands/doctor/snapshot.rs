//! What was read of an account. The checks take it as their only input, so that they need no account.

use std::collections::BTreeMap;

use sentinel_broker::Home;
use sentinel_iam::Deployment;

use super::statement::Statement;

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    /// The action that was refused or failed.
    pub(super) action: &'static str,
    /// The resource that it was for.
    pub(super) resource: String,
    /// The error, if it is another one than a missing permission.
    pub(super) error: Option<String>,
}

/// What was read, or why it was not.
pub(super) type Read<T> = Result<T, Unread>;

/// A resource that may not exist.
pub(super) type Seen<T> = Read<Option<T>>;

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Function {
    /// The ARN of its execution role.
    pub(super) role: String,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) log_group: Option<String>,
    pub(super) log_format: Option<String>,
    pub(super) in_vpc: bool,
    pub(super) traced: bool,
    /// SHA-256 of its package, in base64.
    pub(super) code: String,
}

/// What the APIs call of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// No API that calls it was found.
    Unknown,
    /// The function itself, so that an update is in effect immediately.
    Itself,
    /// An alias or a version.
    Qualified(String),
}

/// A function, its policy, and what the API calls of it.
#[derive(Clone, Debug)]
pub(super) struct Deployed {
    pub(super) name: String,
    pub(super) called: Called,
    pub(super) function: Seen<Function>,
    /// The version of the alias, and whether a second version gets a part of the requests. `None` if
    /// there is no such alias.
    pub(super) alias: Option<Seen<(String, bool)>>,
    /// Which principals can invoke it.
    pub(super) policy: Seen<Vec<Statement>>,
    /// SHA-256 of the package that it should have.
    pub(super) package: Option<String>,
}

impl Deployed {
    /// Whether the function could be read and does not have the variable.
    pub(super) fn lacks(&self, name: &str) -> bool {
        matches!(&self.function, Ok(Some(_))) && self.variable(name).is_none()
    }

    /// A variable of the function. `None` also if it could not be read.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let function = self.function.as_ref().ok()?.as_ref()?;
        function.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) trust: Vec<Statement>,
}

/// A role, and its permissions by inline and attached policies.
#[derive(Clone, Debug)]
pub(super) struct RoleWithPolicies {
    pub(super) arn: String,
    pub(super) role: Seen<Role>,
    pub(super) statements: Read<Vec<Statement>>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// Index and stream, if they are missing.
    pub(super) lacks: Vec<String>,
    /// Keys, indexes and expiration that differ, and what to do.
    pub(super) differs: Vec<String>,
    pub(super) has_ttl: bool,
    pub(super) recovers: bool,
    pub(super) protected: bool,
    /// The required key, if the table is encrypted with another one.
    pub(super) other_key: Option<String>,
    /// Whether its key cannot be used.
    pub(super) inaccessible: bool,
}

/// A document or the members of a group, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) path: String,
    pub(super) kind: String,
    /// Why it cannot be used: the first error.
    pub(super) problem: Option<String>,
}

/// The policy documents, and what they name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Documents {
    pub(super) has_main: bool,
    pub(super) parameters: Vec<Parameter>,
    /// Documents that are also in the policy table.
    pub(super) twice: Vec<String>,
    /// The roles of the profiles, by their ARN, with the names of the profiles.
    pub(super) roles: BTreeMap<String, String>,
}

/// A route of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Such as `GET /whoami`.
    pub(super) key: String,
    pub(super) authorization: String,
    /// What it calls.
    pub(super) target: String,
}

/// An API in front of the TVM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Api {
    pub(super) id: String,
    pub(super) is_rest: bool,
    pub(super) routes: Vec<Route>,
    /// Stage variables `sentinelOrigin`, by stage.
    pub(super) stages: BTreeMap<String, Option<String>>,
}

/// The use of the authorizer by an API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AuthorizerUse {
    pub(super) api: String,
    pub(super) id: String,
    pub(super) ttl_s: u64,
    pub(super) identity_source: String,
    /// `simple` or `policy`. `None` if the API accepts policies only.
    pub(super) simple: bool,
}

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogGroup {
    pub(super) retention_days: Option<u64>,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alarm {
    pub(super) name: String,
    pub(super) enabled: bool,
    pub(super) has_action: bool,
}

/// The organization of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Organization {
    pub(super) is_management: bool,
    /// The statements of all service control policies that apply to the account. Not read for the
    /// management account.
    pub(super) policies: Vec<Statement>,
}

/// The response to the signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WhoamiSeen {
    /// The URL of the TVM is not known.
    NotSent,
    /// The TVM identified the caller as this user.
    User(String),
    /// API Gateway refused the request before the TVM.
    Denied(String),
    Failed(String),
}

/// Everything that was read.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The names of the parts, as the functions use them.
    pub(super) deployment: Deployment,
    pub(super) home: Home,
    /// The ARNs of the roles of profiles for which the policy names none.
    pub(super) role_pattern: String,
    pub(super) tvm: Deployed,
    pub(super) authorizer: Deployed,
    pub(super) tvm_role: RoleWithPolicies,
    pub(super) authorizer_role: RoleWithPolicies,
    pub(super) documents: Read<Documents>,
    /// The roles of profiles, and all roles that match the template.
    pub(super) protected: Vec<RoleWithPolicies>,
    /// Why roles that match the template could not be listed.
    pub(super) unlisted: Option<Unread>,
    /// By name.
    pub(super) tables: Vec<(String, Seen<Table>)>,
    /// By id.
    pub(super) apis: Vec<(String, Seen<Api>)>,
    pub(super) authorizers: Vec<Read<Vec<AuthorizerUse>>>,
    /// By name.
    pub(super) logs: Vec<(String, Seen<LogGroup>)>,
    pub(super) alarms: Read<Vec<Alarm>>,
    pub(super) organization: Seen<Organization>,
    pub(super) whoami: WhoamiSeen,
}

impl Snapshot {
    /// The number of resources that were read, by kind: a run that reads nothing finds nothing.
    pub(super) fn counts(&self) -> Vec<(&'static str, usize)> {
        fn read<'s, T: 's>(all: impl IntoIterator<Item = &'s Seen<T>>) -> usize {
            all.into_iter().filter(|seen| matches!(seen, Ok(Some(_)))).count()
        }
        let documents = self.documents.as_ref().map(|documents| documents.parameters.len());
        let roles = [&self.tvm_role, &self.authorizer_role].into_iter().chain(&self.protected);
        let authorizers = self.authorizers.iter().flatten().map(Vec::len).sum();
        vec![
            ("functions", read([&self.tvm.function, &self.authorizer.function])),
            ("roles", read(roles.map(|role| &role.role))),
            ("tables", read(self.tables.iter().map(|(_, table)| table))),
            ("policies", documents.unwrap_or_default()),
            ("apis", read(self.apis.iter().map(|(_, api)| api))),
            ("authorizers", authorizers),
            ("log_groups", read(self.logs.iter().map(|(_, group)| group))),
            ("alarms", self.alarms.as_ref().map(Vec::len).unwrap_or_default()),
        ]
    }
}
