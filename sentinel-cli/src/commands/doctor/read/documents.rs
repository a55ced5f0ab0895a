//! The policy documents in SSM and in the policy table, and the roles that they name.

use std::collections::{BTreeMap, BTreeSet};

use sentinel_broker::{Home, RoleArnTemplate};
use sentinel_iam::Deployment;
use sentinel_policy::{CheckedPolicy, Diagnostics, GroupMembers, Limits, Policy};
use sentinel_store::dynamodb::DynamoPolicies;
use sentinel_store::{
    Causes, Pages, PolicyPath, PolicyStore, ProfileName, StoreError, StoreResultExt,
};
use serde_json::{Value, json};

use super::super::snapshot::{Documents, Parameter, Read, Unread};
use super::Reader;
use super::permission::Permission;
use crate::aws::Service;
use crate::commands::policy::usable;

const PAGES: usize = 1000;

impl Reader<'_> {
    pub(super) async fn documents(
        &self,
        deployment: &Deployment,
        home: &Home,
        template: &RoleArnTemplate,
    ) -> Read<Documents> {
        let Deployment { policy_parameter: main, policy_root: root, .. } = deployment;
        // A document with its kind; the main document is `None` if it does not exist.
        let mut stored: BTreeMap<String, (String, String)> = BTreeMap::new();
        for found in self.by_path(root).await? {
            stored.insert(found.0, (found.1, found.2));
        }
        if !stored.contains_key(main.as_str())
            && let Some((kind, text)) = self.parameter(main).await?
        {
            stored.insert(main.to_string(), (kind, text));
        }
        let mut documents = Documents::default();
        if let Some(table) = &deployment.policy_table {
            let in_table = self.in_table(table, root, main).await?;
            documents.twice =
                in_table.keys().filter(|path| stored.contains_key(*path)).cloned().collect();
            for (path, text) in in_table {
                stored.entry(path).or_insert_with(|| ("String".to_owned(), text));
            }
        }
        documents.has_main = stored.contains_key(main.as_str());
        let mut main_policy = None;
        for (path, (kind, text)) in &stored {
            let at = PolicyPath::new(path.as_str());
            let checked = usable::check(text.as_bytes(), &at, main);
            documents.parameters.push(Parameter {
                path: path.clone(),
                kind: kind.clone(),
                problem: checked.as_ref().err().map(first),
            });
            if at == *main {
                main_policy = checked.ok();
            }
        }
        for group in main_policy.iter().flat_map(CheckedPolicy::groups_from) {
            let path = root.join("groups").join(group);
            if let Some((kind, text)) = self.parameter(&path).await? {
                let members = GroupMembers::parse(text.as_bytes(), &Limits::default());
                documents.parameters.push(Parameter {
                    path: path.to_string(),
                    kind,
                    problem: members.err().as_ref().map(first),
                });
            }
        }
        let paths: BTreeSet<PolicyPath> =
            stored.keys().map(|it| PolicyPath::new(it.as_str())).collect();
        documents.roles =
            roles(main_policy.map(CheckedPolicy::compile), main, &paths, home, template);
        Ok(documents)
    }

    /// The parameters directly under the root: path, kind and text.
    async fn by_path(&self, root: &PolicyPath) -> Read<Vec<(String, String, String)>> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let mut parameters = json!({ "Path": root.as_str(), "WithDecryption": true });
            if let (Some(token), Some(map)) = (&token, parameters.as_object_mut()) {
                map.insert("NextToken".to_owned(), json!(token));
            }
            let call =
                self.calls.json(Service::Ssm, "AmazonSSM.GetParametersByPath", &parameters).await;
            let page = self.required(call, Permission::GetParameters, root.as_str())?;
            let found = page.get("Parameters").and_then(Value::as_array);
            all.extend(found.into_iter().flatten().filter_map(parameter));
            token = page.get("NextToken").and_then(Value::as_str).map(str::to_owned);
            if token.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
        Ok(all)
    }

    async fn parameter(&self, path: &PolicyPath) -> Read<Option<(String, String)>> {
        let parameters = json!({ "Name": path.as_str(), "WithDecryption": true });
        let call = self.calls.json(Service::Ssm, "AmazonSSM.GetParameter", &parameters).await;
        let found = self.optional(call, Permission::GetParameter, path.as_str())?;
        let found = found.as_ref().and_then(|found| parameter(found.get("Parameter")?));
        Ok(found.map(|(_, kind, text)| (kind, text)))
    }

    /// The documents in the policy table, by path.
    async fn in_table(
        &self,
        table: &str,
        root: &PolicyPath,
        main: &PolicyPath,
    ) -> Read<BTreeMap<String, String>> {
        let store = DynamoPolicies::new(self.config, table);
        let failed = |error: StoreError, permission: Permission| {
            let text = Causes(&error).to_string();
            let denied = ["AccessDenied", "not authorized"].iter().any(|word| text.contains(word));
            Unread {
                action: permission.as_str(),
                resource: table.to_owned(),
                error: (!denied).then_some(text),
            }
        };
        let listed = Pages::policies(&store, root).items().await;
        let listed = listed.map_err(|error| failed(error, Permission::Query))?;
        let paths: BTreeSet<PolicyPath> =
            listed.iter().map(|listed| root.join(&listed.name)).chain([main.clone()]).collect();
        let mut found = BTreeMap::new();
        for path in paths {
            let text = store.policy(&path).await.optional();
            let text = text.map_err(|error| failed(error, Permission::GetItem))?;
            if let Some(text) = text {
                found.insert(path.to_string(), String::from_utf8_lossy(&text.text).into_owned());
            }
        }
        Ok(found)
    }
}

/// Path, kind and text of a parameter.
fn parameter(value: &Value) -> Option<(String, String, String)> {
    let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    Some((text("Name")?, text("Type")?, text("Value")?))
}

/// The first error of a document, with its line.
fn first(diagnostics: &Diagnostics) -> String {
    let first = diagnostics.iter().next();
    first.map_or_else(String::new, |one| format!("line {}: {}", one.span.start.line, one.message))
}

/// The roles of all profiles, with the names of the profiles: those of the main document, and those
/// with their own documents.
fn roles(
    main: Option<Policy>,
    path: &PolicyPath,
    documents: &BTreeSet<PolicyPath>,
    home: &Home,
    template: &RoleArnTemplate,
) -> BTreeMap<String, String> {
    let Some(main) = main else { return BTreeMap::new() };
    let of_documents = documents.iter().map(PolicyPath::name);
    let profiles: BTreeSet<&str> = main.governs().chain(of_documents).collect();
    let mut roles = BTreeMap::new();
    for profile in profiles {
        // The main document describes profiles, and need not be one itself.
        if profile == path.name() && !main.names_profile(profile) {
            continue;
        }
        let named = main.profile(profile).and_then(|section| section.role_arn.as_ref());
        let role = match named {
            Some(role) => Some(role.value.as_str().to_owned()),
            None => ProfileName::parse(profile)
                .ok()
                .and_then(|profile| template.fill(home, &profile))
                .map(|role| role.as_str().to_owned()),
        };
        if let Some(role) = role {
            roles.insert(role, profile.to_owned());
        }
    }
    roles
}
