//! The two operations: AssumeRole and GetCallerIdentity.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::authorize::{Stamps, authorize};
use super::limits;
use super::wire::{Error, Form, VERSION, element, text_element};
use super::world::{NewSession, Principal, World};

/// The longest session that a role's session may assume.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>
const CHAINED: u32 = 3600;

/// Performs the operation of the form for this caller. Returns the operation's name and its result.
pub(super) fn perform(
    world: &mut World,
    caller: &Principal,
    form: &Form,
    now: DateTime<Utc>,
) -> Result<(&'static str, String), Error> {
    let Some(action) = form.get("Action") else {
        return Err(Error::new(400, "MissingAction", "the parameter Action is missing".to_owned()));
    };
    let unknown = |version: &str| {
        let message = format!("Could not find operation {action} for version {version}");
        Err(Error::new(400, "InvalidAction", message))
    };
    match form.get("Version") {
        Some(VERSION) => {}
        Some(other) => return unknown(other),
        None => return unknown("NO_VERSION_SPECIFIED"),
    }
    match action {
        "AssumeRole" => assume_role(world, caller, form, now).map(|result| ("AssumeRole", result)),
        "GetCallerIdentity" => Ok(("GetCallerIdentity", caller_identity(caller))),
        _ => unknown(VERSION),
    }
}

fn caller_identity(caller: &Principal) -> String {
    element(
        "GetCallerIdentityResult",
        &[
            text_element("Arn", &caller.arn),
            text_element("UserId", &caller.user_id),
            text_element("Account", caller.account()),
        ],
    )
}

fn assume_role(
    world: &mut World,
    caller: &Principal,
    form: &Form,
    now: DateTime<Utc>,
) -> Result<String, Error> {
    let request = limits::read(form)?;
    if !is_role(&request.role) {
        return Err(Error::validation(format!("{} is invalid", request.role)));
    }
    let source_identity = source_identity(caller, request.source_identity.as_deref())?;
    let tags = with_inherited(caller, &request.tags)?;
    let role = world.roles.get(&request.role);
    let stamps = Stamps { source_identity: source_identity.as_deref(), tags: &tags };
    authorize(caller, role, &request, stamps, now)?;
    // Only a caller that may assume the role learns its maximum duration.
    if role.is_some_and(|role| request.seconds > role.max_session_duration) {
        return Err(Error::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
                .to_owned(),
        ));
    }
    if caller.is_session() && request.seconds > CHAINED {
        return Err(Error::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining."
                .to_owned(),
        ));
    }
    let percent = request.packed_percent;
    let mut transitive = caller.transitive.clone();
    transitive.extend(request.tags.into_iter().filter(|(key, _)| request.transitive.contains(key)));
    let session = NewSession {
        role: &request.role,
        name: &request.session_name,
        source_identity: source_identity.clone(),
        tags,
        transitive,
        policy: request.policy,
        expires: now + TimeDelta::seconds(request.seconds.into()),
    };
    let Some((access_key_id, session)) = world.vend(session) else {
        return Err(Error::new(500, "InternalFailure", "no session could be created".to_owned()));
    };
    Ok(assumed(&access_key_id, &session, percent))
}

fn assumed(access_key_id: &str, session: &Principal, percent: usize) -> String {
    let expiration = session.expires.unwrap_or_default();
    let credentials = [
        text_element("AccessKeyId", access_key_id),
        text_element("SecretAccessKey", session.secret.reveal()),
        text_element("SessionToken", session.token.as_ref().map_or("", |token| token.reveal())),
        text_element("Expiration", &expiration.to_rfc3339_opts(SecondsFormat::Secs, true)),
    ];
    let user = [text_element("AssumedRoleId", &session.user_id), text_element("Arn", &session.arn)];
    let mut result = vec![element("Credentials", &credentials), element("AssumedRoleUser", &user)];
    if percent > 0 {
        result.push(text_element("PackedPolicySize", &percent.to_string()));
    }
    result.extend(
        session.source_identity.as_deref().map(|text| text_element("SourceIdentity", text)),
    );
    element("AssumeRoleResult", &result)
}

/// The source identity of the new session: the given one, or the caller's own, which the caller
/// cannot change.
fn source_identity(caller: &Principal, given: Option<&str>) -> Result<Option<String>, Error> {
    match (&caller.source_identity, given) {
        (Some(own), Some(given)) if own != given => Err(Error::denied(format!(
            "User: {} is not authorized to perform: sts:SetSourceIdentity: its source identity is \
             set already and cannot be changed",
            caller.arn
        ))),
        (Some(own), _) => Ok(Some(own.clone())),
        (None, given) => Ok(given.map(str::to_owned)),
    }
}

/// The requested tags and the transitive tags of the caller, which it cannot change: "If you pass a
/// session tag with the same key as an inherited tag, the operation fails."
fn with_inherited(
    caller: &Principal,
    tags: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut all = caller.transitive.clone();
    for (key, value) in tags {
        if all.keys().any(|inherited| inherited.eq_ignore_ascii_case(key)) {
            return Err(Error::parameter(format!(
                "One of the specified transitive tag keys can't be set because it conflicts with a \
                 transitive tag key from the calling session: {key}"
            )));
        }
        all.insert(key.clone(), value.clone());
    }
    Ok(all)
}

/// `arn:PARTITION:iam::ACCOUNT:role/NAME`.
fn is_role(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return false };
    let name = resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
    partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && name.is_some_and(|name| !name.is_empty() && name.chars().all(limits::is_name))
}
