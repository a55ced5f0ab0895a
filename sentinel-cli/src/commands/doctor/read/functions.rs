//! Functions, their aliases, and the policies that permit to invoke them.

use std::collections::BTreeMap;

use sentinel_broker::RoleArnTemplate;
use sentinel_broker::SourceIdentityFormat;
use sentinel_iam::Deployment;
use sentinel_store::PolicyPath;
use serde_json::Value;

use super::super::snapshot::{Called, Deployed, Function, Seen, Unread};
use super::super::statement::parse;
use super::permission::Permission;
use super::{Reader, unread};
use crate::aws::{CallError, Service, encoded};

impl Reader<'_> {
    /// A function and its policy.
    pub(super) async fn deployed(&self, name: &str) -> Deployed {
        Deployed {
            name: name.to_owned(),
            called: Called::Unknown,
            function: self.function(name, None).await,
            alias: None,
            policy: self.policy(name, None).await,
            package: None,
        }
    }

    /// Reads what the API calls instead of the function itself: a version or an alias.
    pub(super) async fn qualify(&self, deployed: &mut Deployed, called: Called) {
        let name = &deployed.name;
        deployed.called = called;
        let Called::Qualified(qualifier) = &deployed.called else { return };
        let of_alias = self.policy(name, Some(qualifier)).await;
        deployed.policy = match (std::mem::replace(&mut deployed.policy, Ok(None)), of_alias) {
            (Ok(all), Ok(more)) => {
                Ok(Some(all.into_iter().chain(more).flatten().collect::<Vec<_>>()))
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        // A version is a number, and an alias is not.
        if !qualifier.bytes().all(|byte| byte.is_ascii_digit()) {
            deployed.alias = Some(self.alias(name, qualifier).await);
        }
        let function = self.function(name, Some(qualifier)).await;
        // Without the alias, the variables are those of the function.
        if !matches!(&function, Ok(None)) {
            deployed.function = function;
        }
    }

    async fn function(&self, name: &str, qualifier: Option<&str>) -> Seen<Function> {
        let path = path(name, "configuration", qualifier);
        let response = self.calls.get(Service::Lambda, &path).await;
        let found = self.optional(response, Permission::GetFunction, name)?;
        let Some(found) = found else { return Ok(None) };
        // Lambda cannot decrypt the variables for this caller.
        if let Some(message) = found.pointer("/Environment/Error/Message").and_then(Value::as_str) {
            let error = Some(message.to_owned());
            let action = Permission::GetFunction.as_str();
            return Err(Unread { action, resource: name.to_owned(), error });
        }
        let text =
            |pointer: &str| found.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let variables = found.pointer("/Environment/Variables").and_then(Value::as_object);
        let variables: BTreeMap<String, String> = variables
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        let subnets = found.pointer("/VpcConfig/SubnetIds").and_then(Value::as_array);
        Ok(Some(Function {
            role: text("/Role").unwrap_or_default(),
            variables,
            log_group: text("/LoggingConfig/LogGroup"),
            log_format: text("/LoggingConfig/LogFormat"),
            in_vpc: subnets.is_some_and(|subnets| !subnets.is_empty()),
            traced: text("/TracingConfig/Mode").as_deref() == Some("Active"),
            code: text("/CodeSha256").unwrap_or_default(),
        }))
    }

    async fn alias(&self, name: &str, alias: &str) -> Seen<(String, bool)> {
        let path = path(name, &format!("aliases/{}", encoded(alias)), None);
        let response = self.calls.get(Service::Lambda, &path).await;
        let found = self.optional(response, Permission::GetAlias, &format!("{name}:{alias}"))?;
        Ok(found.map(|found| {
            let version = found.get("FunctionVersion").and_then(Value::as_str).unwrap_or_default();
            let weights = found.pointer("/RoutingConfig/AdditionalVersionWeights");
            let weights = weights.and_then(Value::as_object);
            (version.to_owned(), weights.is_some_and(|weights| !weights.is_empty()))
        }))
    }

    async fn policy(
        &self,
        name: &str,
        qualifier: Option<&str>,
    ) -> Seen<Vec<super::super::statement::Statement>> {
        let path = path(name, "policy", qualifier);
        let response = self.calls.get(Service::Lambda, &path).await;
        let found = self.optional(response, Permission::GetFunctionPolicy, name)?;
        let Some(found) = found else { return Ok(None) };
        let policy = found.get("Policy").and_then(Value::as_str).and_then(parse);
        policy.map(Some).ok_or_else(|| {
            let error = CallError::Failed("the response has no policy".to_owned());
            unread(error, Permission::GetFunctionPolicy, name)
        })
    }
}

fn path(name: &str, part: &str, qualifier: Option<&str>) -> String {
    let query = qualifier.map(|qualifier| format!("?Qualifier={}", encoded(qualifier)));
    format!("/2015-03-31/functions/{}/{part}{}", encoded(name), query.unwrap_or_default())
}

/// Replaces the names of the parts by those that the function uses, and returns its template of roles
/// and the pattern of their ARNs. If the function could not be read, the names are those of the options.
pub(super) fn adopt(deployment: &mut Deployment, tvm: &Deployed) -> (RoleArnTemplate, String) {
    let Deployment { partition, account, role_prefix, .. } = &*deployment;
    let of_options = format!("arn:{partition}:iam::{account}:role/{role_prefix}*");
    let Ok(Some(_)) = &tvm.function else { return (RoleArnTemplate::default(), of_options) };
    let path = |name: &str| {
        let text = tvm.variable(name).filter(|text| text.starts_with('/') && !text.ends_with('/'));
        text.map(PolicyPath::new)
    };
    let table = |name: &str| tvm.variable(name).map(str::to_owned);
    if let Some(main) = path("SENTINEL_POLICY_PARAMETER") {
        let root = path("SENTINEL_POLICY_ROOT").or_else(|| main.parent());
        deployment.policy_root = root.unwrap_or_else(|| PolicyPath::new("/"));
        deployment.policy_parameter = main;
    }
    for (name, variable) in [
        (&mut deployment.session_table, "SENTINEL_SESSION_TABLE"),
        (&mut deployment.approval_table, "SENTINEL_APPROVAL_TABLE"),
        (&mut deployment.breakglass_table, "SENTINEL_BREAKGLASS_TABLE"),
    ] {
        if let Some(found) = table(variable) {
            *name = found;
        }
    }
    deployment.policy_table = table("SENTINEL_POLICY_TABLE");
    let separator = tvm.variable("SENTINEL_SOURCE_IDENTITY_SEPARATOR");
    if let Some(format) = separator.and_then(SourceIdentityFormat::with_separator) {
        deployment.source_identity = format;
    }
    let text = tvm.variable("SENTINEL_ROLE_ARN_TEMPLATE");
    let Some((text, template)) = text.and_then(|text| Some((text, RoleArnTemplate::parse(text)?)))
    else {
        return (RoleArnTemplate::default(), of_options);
    };
    let pattern = text
        .replace("{partition}", &deployment.partition)
        .replace("{account}", deployment.account.as_str())
        .replace("{profile}", "*");
    let name = text.rsplit('/').next().unwrap_or_default();
    if let Some((prefix, _)) = name.split_once("{profile}").filter(|(prefix, _)| !prefix.is_empty())
    {
        deployment.role_prefix = prefix.to_owned();
    }
    (template, pattern)
}

#[cfg(test)]
mod tests {
    use sentinel_store::AccountId;

    use super::super::super::snapshot::Called;
    use super::*;

    fn tvm(variables: &[(&str, &str)]) -> Deployed {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let function = Function { variables: variables.collect(), ..Function::default() };
        Deployed {
            name: "tvm".to_owned(),
            called: Called::Unknown,
            function: Ok(Some(function)),
            alias: None,
            policy: Ok(None),
            package: None,
        }
    }

    #[test]
    fn the_names_are_those_that_the_function_uses() {
        let account = AccountId::parse("111122223333").unwrap();
        let mut deployment = Deployment::new("aws", account, "eu-central-1");
        let template = "arn:{partition}:iam::{account}:role/acme/Acme-{profile}-x";
        let (_, pattern) = adopt(
            &mut deployment,
            &tvm(&[
                ("SENTINEL_POLICY_PARAMETER", "/acme/policies/main"),
                ("SENTINEL_SESSION_TABLE", "acme-sessions"),
                ("SENTINEL_SOURCE_IDENTITY_SEPARATOR", "."),
                ("SENTINEL_ROLE_ARN_TEMPLATE", template),
            ]),
        );
        assert_eq!(pattern, "arn:aws:iam::111122223333:role/acme/Acme-*-x");
        assert_eq!(deployment.role_prefix, "Acme-");
        assert_eq!(deployment.policy_root.as_str(), "/acme/policies");
        assert_eq!(deployment.session_table, "acme-sessions");
        assert_eq!(deployment.source_identity.of_all_callers(), "sentinel.*");
        // A name that is not set keeps the one of the options.
        assert_eq!(deployment.approval_table, "sentinel-approvals");
    }
}
