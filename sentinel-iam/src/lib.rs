#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod doctor;
mod document;
mod functions;
mod people;
mod protected;
mod revoked;
mod routes;

use sentinel_broker::SourceIdentityFormat;
use sentinel_store::{AccountId, PolicyPath, ProfileName};

pub use document::{Document, Statement, StatementEffect, StatementPrincipal};
pub use revoked::deny_revoked;
pub use routes::ROUTES;

/// The location of a deployment, and the names of its parts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Deployment {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// The account of functions, tables and protected roles.
    pub account: AccountId,
    /// The region of functions, tables and parameters.
    pub region: String,
    /// `SENTINEL_POLICY_PARAMETER`: the main document.
    pub policy_parameter: PolicyPath,
    /// `SENTINEL_POLICY_ROOT`: the root of the documents of profiles.
    pub policy_root: PolicyPath,
    /// `SENTINEL_SESSION_TABLE`.
    pub session_table: String,
    /// `SENTINEL_APPROVAL_TABLE`.
    pub approval_table: String,
    /// `SENTINEL_BREAKGLASS_TABLE`.
    pub breakglass_table: String,
    /// `SENTINEL_POLICY_TABLE`, for documents too large for SSM.
    pub policy_table: Option<String>,
    /// ARN of the KMS key that encrypts SecureString parameters. `None` if they are
    /// plain, or encrypted with the key `aws/ssm`, whose policy allows every principal of
    /// the account that can read the parameter.
    pub policy_key: Option<String>,
    /// ARN of the KMS key that encrypts the tables. `None` for keys that DynamoDB owns.
    pub table_key: Option<String>,
    /// Prefix of the names of protected roles.
    pub role_prefix: String,
    /// `SENTINEL_SOURCE_IDENTITY_SEPARATOR`.
    pub source_identity: SourceIdentityFormat,
    /// The name of the TVM's function.
    pub tvm_function: String,
    /// The name of the authorizer's function.
    pub authorizer_function: String,
    /// The name of the TVM's execution role.
    pub tvm_role: String,
    /// The name of the authorizer's execution role.
    pub authorizer_role: String,
    /// The id of the API in front of the TVM. If `None`, documents contain `API_ID`.
    pub api_id: Option<String>,
    /// The group of [`DocumentName::GroupWriter`]. If `None`, the document contains `GROUP`.
    pub group: Option<ProfileName>,
}

/// The name of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum DocumentName {
    /// Policy of the TVM's execution role
    TvmFunction,
    /// Policy of the authorizer's execution role
    AuthorizerFunction,
    /// Trust policy of both execution roles
    FunctionTrust,
    /// Trust policy of every protected role
    ProtectedRoleTrust,
    /// Inline policy of every protected role: denies assuming further roles
    ProtectedRoleGuard,
    /// Policy of callers that request credentials, with every route
    Client,
    /// Policy of callers that request credentials and approvals
    Requester,
    /// Policy of approvers, who decide requests
    Approver,
    /// Policy of callers that open break-glass grants
    BreakGlass,
    /// Service control policy: vended credentials cannot call the TVM
    VendedCredentialsGuard,
    /// Policy of administrators, who run `bootstrap` and `policy push`
    Administrator,
    /// Policy of writers of one group's members, who run `policy group set`
    GroupWriter,
    /// Policy of operators, who revoke sessions, requests and grants, and stop vending
    Operator,
    /// Policy of operators who revoke in the session table directly; it also allows
    /// forging sessions
    EmergencyOperator,
    /// Policy of administrators who run `doctor`; it also allows reading the secrets of the
    /// functions
    Doctor,
}

impl DocumentName {
    /// Every document, in the order in which they are printed.
    pub const ALL: [Self; 15] = [
        Self::TvmFunction,
        Self::AuthorizerFunction,
        Self::FunctionTrust,
        Self::ProtectedRoleTrust,
        Self::ProtectedRoleGuard,
        Self::Client,
        Self::Requester,
        Self::Approver,
        Self::BreakGlass,
        Self::VendedCredentialsGuard,
        Self::Administrator,
        Self::GroupWriter,
        Self::Operator,
        Self::EmergencyOperator,
        Self::Doctor,
    ];

    /// Its key in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TvmFunction => "tvm_function",
            Self::AuthorizerFunction => "authorizer_function",
            Self::FunctionTrust => "function_trust",
            Self::ProtectedRoleTrust => "protected_role_trust",
            Self::ProtectedRoleGuard => "protected_role_guard",
            Self::Client => "client",
            Self::Requester => "requester",
            Self::Approver => "approver",
            Self::BreakGlass => "break_glass",
            Self::VendedCredentialsGuard => "vended_credentials_guard",
            Self::Administrator => "administrator",
            Self::GroupWriter => "group_writer",
            Self::Operator => "operator",
            Self::EmergencyOperator => "emergency_operator",
            Self::Doctor => "doctor",
        }
    }
}

impl Deployment {
    /// A deployment whose parts have the names of the guide.
    #[must_use]
    pub fn new(
        partition: impl Into<String>,
        account: AccountId,
        region: impl Into<String>,
    ) -> Self {
        let policy_root = PolicyPath::new("/sentinel/policies");
        Self {
            partition: partition.into(),
            account,
            region: region.into(),
            policy_parameter: policy_root.join("main"),
            policy_root,
            session_table: "sentinel-sessions".to_owned(),
            approval_table: "sentinel-approvals".to_owned(),
            breakglass_table: "sentinel-breakglass".to_owned(),
            policy_table: None,
            policy_key: None,
            table_key: None,
            role_prefix: "SentinelProtected-".to_owned(),
            source_identity: SourceIdentityFormat::default(),
            tvm_function: "sentinel-tvm".to_owned(),
            authorizer_function: "sentinel-authorizer".to_owned(),
            tvm_role: "SentinelTVMExecutionRole".to_owned(),
            authorizer_role: "SentinelAuthorizerRole".to_owned(),
            api_id: None,
            group: None,
        }
    }

    /// One of its documents.
    #[must_use]
    pub fn document(&self, name: DocumentName) -> Document {
        match name {
            DocumentName::TvmFunction => self.tvm_function(),
            DocumentName::AuthorizerFunction => self.authorizer_function(),
            DocumentName::FunctionTrust => self.function_trust(),
            DocumentName::ProtectedRoleTrust => self.protected_role_trust(),
            DocumentName::ProtectedRoleGuard => self.protected_role_guard(),
            DocumentName::Client => self.client(),
            DocumentName::Requester => self.requester(),
            DocumentName::Approver => self.approver(),
            DocumentName::BreakGlass => self.break_glass(),
            DocumentName::VendedCredentialsGuard => self.vended_credentials_guard(),
            DocumentName::Administrator => self.administrator(),
            DocumentName::GroupWriter => self.group_writer(),
            DocumentName::Operator => self.operator(),
            DocumentName::EmergencyOperator => self.emergency_operator(),
            DocumentName::Doctor => self.doctor(),
        }
    }

    /// The ARN of a resource in the account and region.
    fn arn(&self, service: &str, rest: &str) -> String {
        let Self { partition, account, region, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    }

    /// The ARN of a role; IAM has no regions.
    fn role(&self, name: &str) -> String {
        let Self { partition, account, .. } = self;
        format!("arn:{partition}:iam::{account}:role/{name}")
    }

    fn table(&self, name: &str) -> String {
        self.arn("dynamodb", &format!("table/{name}"))
    }

    /// The ARN of a function, and of its versions and aliases.
    fn function(&self, name: &str) -> [String; 2] {
        let function = self.arn("lambda", &format!("function:{name}"));
        let qualified = format!("{function}:*");
        [function, qualified]
    }

    /// All routes of all stages of the API in front of the TVM.
    fn api(&self) -> String {
        let id = self.api_id.as_deref().unwrap_or("API_ID");
        self.arn("execute-api", &format!("{id}/*"))
    }

    /// Routes of the API in front of the TVM, such as `POST/requests`, in every stage.
    fn routes<'a>(&self, routes: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let id = self.api_id.as_deref().unwrap_or("API_ID");
        let route = |route| self.arn("execute-api", &format!("{id}/*/{route}"));
        routes.into_iter().map(route).collect()
    }

    /// The parameters that contain policies. GetParametersByPath is authorized on the ARN
    /// of the root itself, without `/*`.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html>
    fn parameters(&self) -> Vec<String> {
        let Self { policy_root: root, policy_parameter: main, .. } = self;
        let parameter = |path: &str| self.arn("ssm", &format!("parameter{path}"));
        let root_path = root.as_str().trim_end_matches('/');
        let mut arns = vec![parameter(root_path), parameter(&format!("{root_path}/*"))];
        if main.parent().as_ref() != Some(root) {
            arns.push(parameter(main.as_str()));
        }
        arns
    }

    /// The source identities of what Sentinel vends, for `StringLike`.
    fn source_identities(&self) -> String {
        self.source_identity.of_all_callers()
    }

    /// The service through which a KMS key can be used.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>
    fn via(&self, service: &str) -> String {
        format!("{service}.{}.amazonaws.com", self.region)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn deployment() -> Deployment {
        Deployment::new("aws", AccountId::parse("111122223333").unwrap(), "eu-central-1")
    }

    /// A deployment with every optional part.
    fn full() -> Deployment {
        let key = |id: &str| Some(format!("arn:aws:kms:eu-central-1:111122223333:key/{id}"));
        Deployment {
            policy_parameter: PolicyPath::new("/acme/main"),
            policy_table: Some("sentinel-policies".to_owned()),
            policy_key: key("policies"),
            table_key: key("tables"),
            source_identity: SourceIdentityFormat::with_separator(".").unwrap(),
            api_id: Some("a1b2c3d4e5".to_owned()),
            group: Some(ProfileName::parse("oncall").unwrap()),
            ..deployment()
        }
    }

    #[test]
    fn the_documents_are_as_people_read_them() {
        for name in DocumentName::ALL {
            insta::assert_snapshot!(name.as_str(), deployment().document(name));
        }
    }

    #[test]
    fn what_is_optional_is_granted_only_where_there_is_such_a_thing() {
        for name in DocumentName::ALL {
            let name_of_full = format!("{}_full", name.as_str());
            insta::assert_snapshot!(name_of_full, full().document(name));
        }
    }

    #[test]
    fn each_document_is_one_that_iam_takes() {
        for deployment in [deployment(), full()] {
            for name in DocumentName::ALL {
                let document = deployment.document(name);
                let mut sids = BTreeSet::new();
                for statement in document.statements() {
                    let Statement { sid, action, resource, principal, .. } = statement;
                    assert!(sids.insert(*sid), "{name:?}: {sid} twice");
                    assert!(sid.bytes().all(|b| b.is_ascii_alphanumeric()), "{name:?}: {sid}");
                    assert!(!action.is_empty() && resource.is_empty() == principal.is_some());
                    let actions: BTreeSet<_> = action.iter().collect();
                    assert_eq!(actions.len(), action.len(), "{name:?}: {sid}");
                }
                // The quota of a role's inline policies is 10,240 characters, that of a
                // trust policy 2,048 (both without white space), of an SCP 5,120.
                let characters = serde_json::to_string(&document).unwrap().len();
                let quota = match name {
                    DocumentName::FunctionTrust | DocumentName::ProtectedRoleTrust => 2048,
                    DocumentName::VendedCredentialsGuard => 5120,
                    DocumentName::TvmFunction
                    | DocumentName::AuthorizerFunction
                    | DocumentName::ProtectedRoleGuard
                    | DocumentName::Client
                    | DocumentName::Requester
                    | DocumentName::Approver
                    | DocumentName::BreakGlass
                    | DocumentName::Administrator
                    | DocumentName::GroupWriter
                    | DocumentName::Operator
                    | DocumentName::EmergencyOperator
                    | DocumentName::Doctor => 6144,
                };
                assert!(characters <= quota, "{name:?}: {characters}");
            }
        }
    }

    #[cfg(feature = "clap")]
    #[test]
    fn every_document_is_listed_once_under_its_own_name() {
        use clap::ValueEnum;
        let listed: BTreeSet<_> = DocumentName::ALL.into_iter().collect();
        assert_eq!(listed.len(), DocumentName::value_variants().len());
        for name in DocumentName::ALL {
            let value = name.to_possible_value().unwrap();
            assert_eq!(value.get_name().replace('-', "_"), name.as_str());
        }
    }
}
