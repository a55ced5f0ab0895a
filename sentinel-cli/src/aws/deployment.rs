//! Names of the parts of a deployment, from options and the environment variables
//! of the functions.

use clap::Args;
use sentinel_broker::SourceIdentityFormat;
use sentinel_iam::Deployment;
use sentinel_store::{AccountId, PolicyPath};

const DEFAULT_ROOT: &str = "/sentinel/policies";

/// The paths and the table of policy documents.
#[derive(Clone, Debug, Args)]
pub(crate) struct Policies {
    /// Main document: its name under the root or its complete path
    #[arg(
        long,
        env = "SENTINEL_POLICY_PARAMETER",
        value_name = "NAME",
        default_value = "main",
        help_heading = "Policies"
    )]
    main: String,
    /// Root of the documents of profiles (default: the parent of the main document,
    /// or /sentinel/policies)
    #[arg(
        long,
        env = "SENTINEL_POLICY_ROOT",
        value_name = "PATH",
        value_parser = path,
        help_heading = "Policies"
    )]
    policy_root: Option<PolicyPath>,
    /// DynamoDB table for documents that are too large for SSM
    #[arg(
        long,
        env = "SENTINEL_POLICY_TABLE",
        value_name = "TABLE",
        value_parser = table,
        help_heading = "Policies"
    )]
    pub(crate) policy_table: Option<String>,
}

impl Policies {
    /// The path under which the documents of profiles are stored.
    pub(crate) fn root(&self) -> PolicyPath {
        let of_main = || path(&self.main).ok().and_then(|main| main.parent());
        self.policy_root.clone().or_else(of_main).unwrap_or_else(|| PolicyPath::new(DEFAULT_ROOT))
    }

    /// The path of the main document.
    pub(crate) fn main(&self) -> PolicyPath {
        path(&self.main).unwrap_or_else(|_| self.root().join(&self.main))
    }

    /// The path of the document with that name.
    pub(crate) fn path(&self, name: &str) -> PolicyPath {
        let main = self.main();
        if name == main.name() { main } else { self.root().join(name) }
    }

    /// The path of the members of a group that `groups_from` names.
    pub(crate) fn members(&self, group: &str) -> PolicyPath {
        self.root().join("groups").join(group)
    }
}

/// Names of the other parts. The defaults are the names in the guide.
#[derive(Clone, Debug, Args)]
pub(crate) struct Parts {
    /// Table of sessions and gates
    #[arg(
        long,
        env = "SENTINEL_SESSION_TABLE",
        value_name = "TABLE",
        default_value = "sentinel-sessions",
        value_parser = table,
        help_heading = "Parts"
    )]
    session_table: String,
    /// Table of approval requests
    #[arg(
        long,
        env = "SENTINEL_APPROVAL_TABLE",
        value_name = "TABLE",
        default_value = "sentinel-approvals",
        value_parser = table,
        help_heading = "Parts"
    )]
    approval_table: String,
    /// Table of break-glass grants
    #[arg(
        long,
        env = "SENTINEL_BREAKGLASS_TABLE",
        value_name = "TABLE",
        default_value = "sentinel-breakglass",
        value_parser = table,
        help_heading = "Parts"
    )]
    breakglass_table: String,
    /// ARN of the KMS key that encrypts the tables (default: a key that AWS owns)
    #[arg(long, value_name = "ARN", value_parser = key, help_heading = "Parts")]
    kms_key: Option<String>,
    /// ARN of the KMS key that encrypts SecureString parameters, for the IAM
    /// documents
    #[arg(long, value_name = "ARN", value_parser = key, help_heading = "Parts")]
    policy_kms_key: Option<String>,
    /// Prefix of the names of protected roles
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "SentinelProtected-",
        value_parser = role,
        help_heading = "Parts"
    )]
    role_prefix: String,
    /// Separator of source identities
    #[arg(
        long,
        env = "SENTINEL_SOURCE_IDENTITY_SEPARATOR",
        value_name = "CHARACTER",
        default_value = "-",
        value_parser = separator,
        help_heading = "Parts"
    )]
    separator: SourceIdentityFormat,
    /// Name of the TVM's function
    #[arg(
        long,
        value_name = "NAME",
        default_value = "sentinel-tvm",
        value_parser = function,
        help_heading = "Parts"
    )]
    tvm_function: String,
    /// Name of the authorizer's function
    #[arg(
        long,
        value_name = "NAME",
        default_value = "sentinel-authorizer",
        value_parser = function,
        help_heading = "Parts"
    )]
    authorizer_function: String,
    /// Name of the TVM's execution role
    #[arg(
        long,
        value_name = "NAME",
        default_value = "SentinelTVMExecutionRole",
        value_parser = role,
        help_heading = "Parts"
    )]
    tvm_role: String,
    /// Name of the authorizer's execution role
    #[arg(
        long,
        value_name = "NAME",
        default_value = "SentinelAuthorizerRole",
        value_parser = role,
        help_heading = "Parts"
    )]
    authorizer_role: String,
    /// Id of the API in front of the TVM, if it exists
    #[arg(long, value_name = "ID", value_parser = api, help_heading = "Parts")]
    pub(crate) api_id: Option<String>,
}

impl Parts {
    /// The deployment in that account and region.
    pub(crate) fn deployment(
        &self,
        policies: &Policies,
        partition: &str,
        account: AccountId,
        region: &str,
    ) -> Deployment {
        let parts = self.clone();
        let mut deployment = Deployment::new(partition, account, region);
        deployment.policy_parameter = policies.main();
        deployment.policy_root = policies.root();
        deployment.policy_table = policies.policy_table.clone();
        deployment.session_table = parts.session_table;
        deployment.approval_table = parts.approval_table;
        deployment.breakglass_table = parts.breakglass_table;
        deployment.policy_key = parts.policy_kms_key;
        deployment.table_key = parts.kms_key;
        deployment.role_prefix = parts.role_prefix;
        deployment.source_identity = parts.separator;
        deployment.tvm_function = parts.tvm_function;
        deployment.authorizer_function = parts.authorizer_function;
        deployment.tvm_role = parts.tvm_role;
        deployment.authorizer_role = parts.authorizer_role;
        deployment.api_id = parts.api_id;
        deployment
    }
}

/// The partition that a region is in.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
pub(crate) fn partition_of(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        region if region.starts_with("us-isob-") => "aws-iso-b",
        region if region.starts_with("us-iso-") => "aws-iso",
        region if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

/// Checks that the length of a text is in `lengths` and that it consists of
/// letters, digits and the bytes in `also`.
fn word(text: &str, lengths: std::ops::RangeInclusive<usize>, also: &[u8]) -> bool {
    lengths.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
}

fn table(text: &str) -> Result<String, String> {
    let good = word(text, 3..=255, b"_.-");
    good.then(|| text.to_owned())
        .ok_or_else(|| "a table name has 3 to 255 characters of `A-Z a-z 0-9 _ . -`".to_owned())
}

fn role(text: &str) -> Result<String, String> {
    let good = word(text, 1..=64, b"_+=,.@-");
    good.then(|| text.to_owned()).ok_or_else(|| {
        "a role name has 1 to 64 characters of `A-Z a-z 0-9 _ + = , . @ -`".to_owned()
    })
}

fn function(text: &str) -> Result<String, String> {
    let good = word(text, 1..=64, b"_-");
    good.then(|| text.to_owned())
        .ok_or_else(|| "a function name has 1 to 64 characters of `A-Z a-z 0-9 _ -`".to_owned())
}

fn api(text: &str) -> Result<String, String> {
    let good = word(text, 1..=64, b"");
    good.then(|| text.to_owned())
        .ok_or_else(|| "an API id has 1 to 64 letters and digits".to_owned())
}

pub(crate) fn parse_region(text: &str) -> Result<String, String> {
    let good = word(text, 1..=63, b"-");
    good.then(|| text.to_owned()).ok_or_else(|| "not a region, such as eu-central-1".to_owned())
}

fn key(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "kms", _, _, key] if key.starts_with("key/") => Ok(text.to_owned()),
        _ => {
            Err("not the ARN of a key, such as arn:aws:kms:eu-central-1:111122223333:key/ID: IAM \
                  does not accept an alias here"
                .to_owned())
        }
    }
}

pub(super) fn path(text: &str) -> Result<PolicyPath, String> {
    let good = text.starts_with('/') && !text.ends_with('/') && !text.contains("//");
    good.then(|| PolicyPath::new(text))
        .ok_or_else(|| "not a path, such as /sentinel/policies".to_owned())
}

fn separator(text: &str) -> Result<SourceIdentityFormat, String> {
    SourceIdentityFormat::with_separator(text)
        .ok_or_else(|| "not one character of `-_.,@+=`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(main: &str, root: Option<&str>) -> Policies {
        Policies {
            main: main.to_owned(),
            policy_root: root.map(PolicyPath::new),
            policy_table: None,
        }
    }

    #[test]
    fn the_root_is_the_one_that_the_function_reads() {
        for (main, root, path_of_main, path_of_other) in [
            ("main", None, "/sentinel/policies/main", "/sentinel/policies/x"),
            ("main", Some("/acme"), "/acme/main", "/acme/x"),
            ("/acme/p/production", None, "/acme/p/production", "/acme/p/x"),
            ("/acme/production", Some("/other"), "/acme/production", "/other/x"),
        ] {
            let policies = policies(main, root);
            assert_eq!(policies.main().as_str(), path_of_main);
            assert_eq!(policies.path(policies.main().name()), policies.main());
            assert_eq!(policies.path("x").as_str(), path_of_other);
        }
    }

    #[test]
    fn a_key_is_selected_by_its_arn() {
        assert!(key("arn:aws:kms:eu-central-1:111122223333:key/1234").is_ok());
        for wrong in ["1234", "alias/x", "arn:aws:kms:eu-central-1:111122223333:alias/x"] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }
}
