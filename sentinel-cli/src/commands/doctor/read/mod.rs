//! Reads an account into a [`Snapshot`]. It sends only requests that read.

mod api;
mod documents;
mod functions;
mod operations;
mod organization;
mod permission;
mod roles;
mod tables;

use aws_config::SdkConfig;
use sentinel_broker::Home;
use sentinel_client::{Client, ClientError, Endpoint};
use sentinel_iam::Deployment;
use sentinel_store::Causes;
use sentinel_wire::Whoami;

use super::packages::Packages;
use super::snapshot::{Api, Deployed, Read, Seen, Snapshot, Unread, WhoamiSeen};
use crate::aws::{CallError, Calls};
use crate::output::{Screen, printable};

#[cfg(test)]
pub(super) use permission::ALL as PERMISSIONS;
use permission::Permission;

/// The account.
pub(super) struct Reader<'a> {
    pub(super) config: &'a SdkConfig,
    pub(super) calls: &'a Calls,
    pub(super) screen: &'a Screen,
}

impl Reader<'_> {
    /// Reads everything.
    pub(super) async fn read(
        &self,
        mut deployment: Deployment,
        home: Home,
        packages: Option<&Packages>,
        tvm_url: Option<&Endpoint>,
    ) -> Snapshot {
        let screen = self.screen;
        screen.note("reading the functions");
        let mut tvm = self.deployed(&deployment.tvm_function).await;
        let mut authorizer = self.deployed(&deployment.authorizer_function).await;
        screen.note("reading the APIs");
        let ids = deployment.api_id.clone().map_or_else(|| api::of_policy(&tvm), |id| vec![id]);
        let mut apis = Vec::new();
        for id in ids {
            let api = self.api(&id).await;
            apis.push((id, api));
        }
        let called = api::called_by(&apis, &deployment.tvm_function);
        self.qualify(&mut tvm, called).await;
        let (authorizers, called) = self.authorizers(&authorizer).await;
        self.qualify(&mut authorizer, called).await;
        if let Some(packages) = packages {
            tvm.package = Some(packages.tvm.clone());
            authorizer.package = Some(packages.authorizer.clone());
        }
        deployment.api_id = deployment.api_id.or_else(|| apis.first().map(|(id, _)| id.clone()));
        // From here on, the names are those that the function uses.
        let (template, role_pattern) = functions::adopt(&mut deployment, &tvm);
        screen.note("reading the policies");
        let documents = self.documents(&deployment, &home, &template).await;
        screen.note("reading the roles");
        let role = |name: &str, function: &Deployed| {
            let of_function = function.function.as_ref().ok().and_then(Option::as_ref);
            let arn = of_function.map(|it| it.role.clone()).filter(|arn| !arn.is_empty());
            arn.unwrap_or_else(|| {
                format!("arn:{}:iam::{}:role/{name}", home.partition, home.account)
            })
        };
        let tvm_role = self.role(role(&deployment.tvm_role, &tvm)).await;
        let authorizer_role = self.role(role(&deployment.authorizer_role, &authorizer)).await;
        let (protected, unlisted) = self.protected(&role_pattern, &home, &documents).await;
        screen.note("reading the tables");
        let tables = self.tables(&deployment, &tvm).await;
        screen.note("reading logs, alarms and the organization");
        let mut logs = Vec::new();
        for function in [&tvm, &authorizer] {
            if !matches!(&function.function, Ok(None)) {
                logs.push(self.log_group(function).await);
            }
        }
        let alarms = self.alarms().await;
        let organization = self.organization(&home).await;
        let whoami = self.whoami(tvm_url, &apis, &home).await;
        Snapshot {
            deployment,
            home,
            role_pattern,
            tvm,
            authorizer,
            tvm_role,
            authorizer_role,
            documents,
            protected,
            unlisted,
            tables,
            apis,
            authorizers,
            logs,
            alarms,
            organization,
            whoami,
        }
    }

    /// The result of a call, or the permission that it lacks.
    fn required<T>(
        &self,
        result: Result<T, CallError>,
        permission: Permission,
        resource: &str,
    ) -> Read<T> {
        result.map_err(|error| unread(error, permission, resource))
    }

    /// The result of a call, or `None` if the resource does not exist.
    fn optional<T>(
        &self,
        result: Result<T, CallError>,
        permission: Permission,
        resource: &str,
    ) -> Seen<T> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(CallError::Absent(_)) => Ok(None),
            Err(error) => Err(unread(error, permission, resource)),
        }
    }

    async fn whoami(
        &self,
        tvm_url: Option<&Endpoint>,
        apis: &[(String, Seen<Api>)],
        home: &Home,
    ) -> WhoamiSeen {
        let region = self.config.region().map(ToString::to_string).unwrap_or_default();
        let Some(endpoint) = tvm_url.cloned().or_else(|| api::url(apis, home, &region)) else {
            return WhoamiSeen::NotSent;
        };
        self.screen.note("sending a signed request to the TVM");
        let client = Client::new(endpoint.with_region(region), self.calls.credentials());
        match client.whoami().await {
            Ok(Whoami { user, .. }) => WhoamiSeen::User(user),
            // Its responses have no code.
            Err(ClientError::Refused(response)) if response.code == "HTTP 403" => {
                WhoamiSeen::Denied("API Gateway refused the request before the TVM".to_owned())
            }
            Err(error) => WhoamiSeen::Failed(printable(&Causes(&error).to_string())),
        }
    }
}

fn unread(error: CallError, permission: Permission, resource: &str) -> Unread {
    let error = match error {
        CallError::Denied => None,
        CallError::Absent(code) => Some(format!("the response is `{code}`")),
        CallError::Failed(error) => Some(error),
    };
    Unread { action: permission.as_str(), resource: resource.to_owned(), error }
}
