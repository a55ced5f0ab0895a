//! Whether a caller may assume a role with the requested settings.
//!
//! Up to three actions are evaluated, each separately: `sts:AssumeRole`; `sts:SetSourceIdentity` if
//! the session has a source identity, given or inherited; `sts:TagSession` if it has tags. Each
//! must be allowed by the caller's own policies *and* by the role's trust policy, and a deny on
//! either side wins. Within one account, AWS accepts a trust policy that names the principal itself
//! as sufficient. The stand-in always requires both sides, because Sentinel's documents grant both,
//! and because AWS too requires both if the trust policy names an account's root, or a principal of
//! another account.
//!
//! A condition sees only the keys that AWS documents for the action: no `sts:SourceIdentity` for
//! TagSession, no tags for SetSourceIdentity. So a statement for all three actions under one
//! source-identity condition does not allow tags.
//!
//! - <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};

use super::limits::AssumeRole;
use super::policy::{Context, Document, Effect, Question, effect};
use super::wire::Error;
use super::world::{ParsedRole, Principal};

/// The settings of the session, requested or inherited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamps<'a> {
    pub(super) source_identity: Option<&'a str>,
    pub(super) tags: &'a BTreeMap<String, String>,
}

/// Whether every needed action is allowed on both sides.
pub(super) fn authorize(
    caller: &Principal,
    role: Option<&ParsedRole>,
    request: &AssumeRole,
    stamps: Stamps<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let mut needed = vec!["sts:AssumeRole"];
    if stamps.source_identity.is_some() {
        needed.push("sts:SetSourceIdentity");
    }
    if !stamps.tags.is_empty() {
        needed.push("sts:TagSession");
    }
    let names = caller.names();
    for action in needed {
        let refused = |why: &str| {
            Error::denied(format!(
                "User: {} is not authorized to perform: {action} on resource: {} {why}",
                caller.arn, request.role
            ))
        };
        let context = context(action, caller, request, stamps, now);
        let resource = &request.role;
        let question = Question { action, resource, principal: &names, context: &context };
        // The answer does not reveal whether the role exists.
        let Some(role) = role else {
            return Err(refused("because no resource-based policy allows it"));
        };
        for documents in &caller.policies {
            match effect(documents, question) {
                Some(Effect::Allow) => {}
                Some(Effect::Deny) => {
                    return Err(refused("with an explicit deny in an identity-based policy"));
                }
                None => {
                    return Err(refused(&format!(
                        "because no identity-based policy allows the {action} action"
                    )));
                }
            }
        }
        match role.trust.effect(question) {
            Some(Effect::Allow) => {}
            Some(Effect::Deny) => {
                return Err(refused("with an explicit deny in a resource-based policy"));
            }
            None => {
                return Err(refused(&format!(
                    "because no resource-based policy allows the {action} action"
                )));
            }
        }
    }
    Ok(())
}

/// Whether the principal's own policies and its session policy allow an action of any service, and
/// no service control policy denies it. The service control policies are in addition to one that
/// allows everything.
pub(super) fn allows(
    caller: &Principal,
    service_control_policies: &[Document],
    (action, resource): (&str, &str),
    now: DateTime<Utc>,
) -> bool {
    let context = principal_context(caller, now);
    let question = Question { action, resource, principal: &[], context: &context };
    let effect = |documents: &[Document]| effect(documents, question);
    effect(service_control_policies) != Some(Effect::Deny)
        && caller.policies.iter().all(|documents| effect(documents) == Some(Effect::Allow))
}

/// What conditions of every action can see: the properties of the principal, and the time.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
fn principal_context(caller: &Principal, now: DateTime<Utc>) -> Context {
    let mut context = Context::default();
    context.set("aws:CurrentTime", [now.to_rfc3339_opts(SecondsFormat::Secs, true)]);
    context.set("aws:PrincipalArn", [caller.role_arn().unwrap_or_else(|| caller.arn.clone())]);
    context.set("aws:PrincipalAccount", [caller.account()]);
    let kind = if caller.is_session() { "AssumedRole" } else { "User" };
    context.set("aws:PrincipalType", [kind]);
    if let Some(identity) = &caller.source_identity {
        context.set("aws:SourceIdentity", [identity]);
    }
    for (key, value) in &caller.tags {
        context.set(&format!("aws:PrincipalTag/{key}"), [value]);
    }
    context
}

/// What conditions of this action of STS can see.
fn context(
    action: &str,
    caller: &Principal,
    request: &AssumeRole,
    stamps: Stamps<'_>,
    now: DateTime<Utc>,
) -> Context {
    let mut context = principal_context(caller, now);
    if action != "sts:TagSession"
        && let Some(identity) = stamps.source_identity
    {
        context.set("sts:SourceIdentity", [identity]);
    }
    if action != "sts:SetSourceIdentity" && !stamps.tags.is_empty() {
        context.set("aws:TagKeys", stamps.tags.keys());
        for (key, value) in stamps.tags {
            context.set(&format!("aws:RequestTag/{key}"), [value]);
        }
        if !request.transitive.is_empty() {
            context.set("sts:TransitiveTagKeys", &request.transitive);
        }
    }
    if action == "sts:AssumeRole" {
        context.set("sts:RoleSessionName", [&request.session_name]);
        if let Some(id) = &request.external_id {
            context.set("sts:ExternalId", [id]);
        }
    }
    context
}
