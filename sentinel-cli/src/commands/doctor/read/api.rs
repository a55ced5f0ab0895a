//! APIs: HTTP APIs and REST APIs, in front of the TVM and with the authorizer.

use std::collections::{BTreeMap, BTreeSet};

use sentinel_broker::Home;
use sentinel_client::Endpoint;
use serde_json::Value;

use super::super::snapshot::{Api, AuthorizerUse, Called, Deployed, Read, Route, Seen};
use super::Reader;
use super::permission::Permission;
use crate::aws::{CallError, Service, dns_suffix, encoded};

/// The stage variable with the origin secret.
const ORIGIN: &str = "sentinelOrigin";

/// Maximum number of pages of a list. A list of AWS ends much earlier.
const PAGES: usize = 100;

impl Reader<'_> {
    /// An API. Whether it is an HTTP API or a REST API follows from which one exists.
    pub(super) async fn api(&self, id: &str) -> Seen<Api> {
        let http = self.calls.get(Service::ApiGateway, &format!("/v2/apis/{}", encoded(id))).await;
        if self.optional(http, Permission::ApiGateway, &format!("/apis/{id}"))?.is_some() {
            return self.http_api(id).await.map(Some);
        }
        let rest = self.calls.get(Service::ApiGateway, &format!("/restapis/{}", encoded(id))).await;
        if self.optional(rest, Permission::ApiGateway, &format!("/restapis/{id}"))?.is_some() {
            return self.rest_api(id).await.map(Some);
        }
        Ok(None)
    }

    async fn http_api(&self, id: &str) -> Read<Api> {
        let integrations = self.http_list(id, "integrations").await?;
        let target = |route: &Value| {
            let target = text(route, "target")?;
            let id = target.strip_prefix("integrations/")?.to_owned();
            let is_it = |one: &&Value| text(one, "integrationId").is_some_and(|it| it == id);
            text(integrations.iter().find(is_it)?, "integrationUri")
        };
        let routes = self.http_list(id, "routes").await?;
        let routes = routes.iter().map(|route| Route {
            key: text(route, "routeKey").unwrap_or_default(),
            authorization: text(route, "authorizationType").unwrap_or_else(|| "NONE".to_owned()),
            target: target(route).unwrap_or_default(),
        });
        let routes = routes.collect();
        let stages = self.http_list(id, "stages").await?;
        let stages = stages.iter().map(|stage| {
            let origin = stage.get("stageVariables").and_then(|variables| text(variables, ORIGIN));
            (text(stage, "stageName").unwrap_or_default(), origin)
        });
        Ok(Api { id: id.to_owned(), is_rest: false, routes, stages: stages.collect() })
    }

    async fn rest_api(&self, id: &str) -> Read<Api> {
        let resources = self.rest_list(id, "resources", "embed=methods&").await?;
        let mut routes = Vec::new();
        for resource in &resources {
            let path = text(resource, "path").unwrap_or_default();
            let methods = resource.get("resourceMethods").and_then(Value::as_object);
            for (method, of) in methods.into_iter().flatten() {
                let uri = of.get("methodIntegration").and_then(|it| text(it, "uri"));
                routes.push(Route {
                    key: format!("{method} {path}"),
                    authorization: text(of, "authorizationType").unwrap_or_default(),
                    target: uri.unwrap_or_default(),
                });
            }
        }
        let response =
            self.calls.get(Service::ApiGateway, &format!("/restapis/{}/stages", encoded(id))).await;
        let permission = Permission::ApiGateway;
        let response = self.required(response, permission, &format!("/restapis/{id}/stages"))?;
        let stages = items(&response);
        let stages = stages.iter().map(|stage| {
            let origin = stage.get("variables").and_then(|variables| text(variables, ORIGIN));
            (text(stage, "stageName").unwrap_or_default(), origin)
        });
        Ok(Api { id: id.to_owned(), is_rest: true, routes, stages: stages.collect() })
    }

    async fn http_list(&self, id: &str, part: &str) -> Read<Vec<Value>> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let next = token.map(|token| format!("&nextToken={}", encoded(&token)));
            let path = format!(
                "/v2/apis/{}/{part}?maxResults=100{}",
                encoded(id),
                next.unwrap_or_default()
            );
            let response = self.calls.get(Service::ApiGateway, &path).await;
            let page =
                self.required(response, Permission::ApiGateway, &format!("/apis/{id}/{part}"))?;
            all.extend(items(&page));
            token = text(&page, "nextToken").or_else(|| text(&page, "NextToken"));
            if token.is_none() {
                break;
            }
        }
        Ok(all)
    }

    async fn rest_list(&self, id: &str, part: &str, query: &str) -> Read<Vec<Value>> {
        let mut all = Vec::new();
        let mut position: Option<String> = None;
        for _ in 0..PAGES {
            let next = position.map(|at| format!("&position={}", encoded(&at)));
            let path = format!(
                "/restapis/{}/{part}?{query}limit=500{}",
                encoded(id),
                next.unwrap_or_default()
            );
            let response = self.calls.get(Service::ApiGateway, &path).await;
            let page =
                self.required(response, Permission::ApiGateway, &format!("/restapis/{id}/{part}"))?;
            all.extend(items(&page));
            position = text(&page, "position");
            if position.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// How the APIs that can invoke the authorizer use it, and the alias that they call.
    pub(super) async fn authorizers(
        &self,
        function: &Deployed,
    ) -> (Vec<Read<Vec<AuthorizerUse>>>, Called) {
        let mut uses = Vec::new();
        let mut all = Vec::new();
        for id in of_policy(function) {
            let found = self.uses(&id, &function.name).await;
            uses.push(found.map(|found| {
                let (uses, called): (Vec<_>, Vec<_>) = found.into_iter().unzip();
                all.extend(called);
                uses
            }));
        }
        (uses, one_of(all))
    }

    /// The authorizers of an API that call the function, with the alias that they call.
    async fn uses(&self, id: &str, function: &str) -> Read<Vec<(AuthorizerUse, Option<String>)>> {
        let path = format!("/v2/apis/{}/authorizers", encoded(id));
        let (found, is_rest) = match self.calls.get(Service::ApiGateway, &path).await {
            Err(CallError::Absent(_)) => {
                let path = format!("/restapis/{}/authorizers", encoded(id));
                let found = self.calls.get(Service::ApiGateway, &path).await;
                let resource = format!("/restapis/{id}/authorizers");
                (self.optional(found, Permission::ApiGateway, &resource)?, true)
            }
            found => {
                let resource = format!("/apis/{id}/authorizers");
                (self.optional(found, Permission::ApiGateway, &resource)?, false)
            }
        };
        let all = found.as_ref().map(items).unwrap_or_default();
        let uses = all.into_iter().filter_map(|one| {
            let qualifier = called(&text(&one, "authorizerUri")?, function)?;
            let ttl_s = one.get("authorizerResultTtlInSeconds").and_then(Value::as_u64);
            let source = match one.get("identitySource") {
                Some(Value::Array(all)) => {
                    all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
                }
                Some(Value::String(one)) => one.clone(),
                _ => String::new(),
            };
            let simple = one.get("enableSimpleResponses").and_then(Value::as_bool);
            Some((
                AuthorizerUse {
                    api: id.to_owned(),
                    id: text(&one, "authorizerId").or_else(|| text(&one, "id")).unwrap_or_default(),
                    // The default of a REST API is five minutes.
                    ttl_s: ttl_s.unwrap_or(if is_rest { 300 } else { 0 }),
                    identity_source: source,
                    simple: simple.unwrap_or(false),
                },
                qualifier,
            ))
        });
        Ok(uses.collect())
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn items(page: &Value) -> Vec<Value> {
    let items = ["items", "item"].iter().find_map(|key| page.get(key));
    match items {
        Some(Value::Array(all)) => all.clone(),
        // A list of one can be that one.
        Some(Value::Object(one)) => vec![Value::Object(one.clone())],
        _ => Vec::new(),
    }
}

/// The APIs that the policy of a function permits to invoke it.
pub(super) fn of_policy(function: &Deployed) -> Vec<String> {
    let policy = function.policy.as_ref().ok().and_then(Option::as_ref);
    let arns = policy.into_iter().flatten().filter(|statement| statement.allows).flat_map(|it| {
        let arns = it.conditions.iter().filter(|((_, key), _)| key == "aws:sourcearn");
        arns.flat_map(|(_, values)| values)
    });
    let ids = arns.filter_map(|arn| {
        let (service, rest) = arn.split_once(":execute-api:")?;
        let id = rest.split(':').nth(2)?.split('/').next()?;
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (service.starts_with("arn:") && is_id).then(|| id.to_owned())
    });
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The qualifier with which a URI calls the function. `None` if it calls another function.
fn called(uri: &str, function: &str) -> Option<Option<String>> {
    let (_, rest) = uri.split_once(&format!(":function:{function}"))?;
    let rest = rest.split('/').next().unwrap_or_default();
    match rest.strip_prefix(':') {
        Some(qualifier) => Some(Some(qualifier.to_owned())),
        None if rest.is_empty() => Some(None),
        None => None,
    }
}

/// What the APIs in front of the TVM call of it.
pub(super) fn called_by(apis: &[(String, Seen<Api>)], function: &str) -> Called {
    let routes = apis.iter().filter_map(|(_, api)| api.as_ref().ok()?.as_ref());
    let routes = routes.flat_map(|api| &api.routes);
    one_of(routes.filter_map(|route| called(&route.target, function)))
}

/// What is called, of all qualifiers: the function itself if one call has none.
fn one_of(qualifiers: impl IntoIterator<Item = Option<String>>) -> Called {
    let mut called = Called::Unknown;
    for qualifier in qualifiers {
        match qualifier {
            None => return Called::Itself,
            Some(qualifier) => called = Called::Qualified(qualifier),
        }
    }
    called
}

/// The URL of the first API that exists: with its stage, unless that is `$default`.
pub(super) fn url(apis: &[(String, Seen<Api>)], home: &Home, region: &str) -> Option<Endpoint> {
    let api = apis.iter().find_map(|(_, api)| api.as_ref().ok()?.as_ref())?;
    let stages: &BTreeMap<_, _> = &api.stages;
    let stage = match stages.get_key_value("$default") {
        Some(_) => String::new(),
        None => format!("/{}", stages.keys().next()?),
    };
    let suffix = dns_suffix(&home.partition);
    format!("https://{}.execute-api.{region}.{suffix}{stage}", api.id).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_and_its_alias_are_read_from_a_uri() {
        let arn = "arn:aws:lambda:eu-central-1:111122223333:function:sentinel-tvm";
        let wrapped = |arn: &str| {
            format!(
                "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{arn}/invocations"
            )
        };
        assert_eq!(called(arn, "sentinel-tvm"), Some(None));
        assert_eq!(called(&wrapped(arn), "sentinel-tvm"), Some(None));
        let alias = Some(Some("live".to_owned()));
        assert_eq!(called(&format!("{arn}:live"), "sentinel-tvm"), alias);
        assert_eq!(called(&wrapped(&format!("{arn}:live")), "sentinel-tvm"), alias);
        assert_eq!(called(&format!("{arn}-2"), "sentinel-tvm"), None);
        assert_eq!(called("https://example.com", "sentinel-tvm"), None);
    }
}
