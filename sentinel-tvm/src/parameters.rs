//! The parameters of a request, from its query and its body. A parameter that is given more than once
//! must have the same value each time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sentinel_broker::{
    CreateRequest, Denial, ErrorCode, ListGrants, ListRequests, ListSessions, OpenGrant, Reinstate,
    Revoke, STS_MAX_SECONDS, STS_MIN_SECONDS, Target, Vend, parse_user,
};
use sentinel_policy::ReasonCode;
use sentinel_store::{
    CallerKey, Cursor, GrantId, GrantState, ProfileName, RequestId, RequestState, SessionHandle,
    SessionState,
};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::event::{Body, Incoming};

/// Maximum length of a text entered by people, in characters.
const MAX_TEXT: usize = 1000;

/// Maximum length of the name of a ticket, in characters.
const MAX_TICKET: usize = 200;

fn invalid(message: impl Into<String>) -> Denial {
    Denial::new(ErrorCode::InvalidRequest, message)
}

/// The members of a JSON object, in order and with duplicates.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Reads the request to vend, from the query and from a JSON or form body.
pub(crate) fn vend(request: &Incoming) -> Result<Vend, Denial> {
    let mut members: Vec<(String, Value)> =
        request.query.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
    members.extend(body(request)?);
    let profile = match one(&members, "profile")? {
        None => None,
        Some(Value::String(text)) => Some(text.as_str()).filter(|text| !text.is_empty()),
        Some(
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) | Value::Null,
        ) => {
            return Err(Denial::new(ErrorCode::InvalidProfile, "`profile` must be a string"));
        }
    };
    let profile = profile.ok_or_else(|| {
        Denial::new(
            ErrorCode::MissingProfile,
            "name a profile, as in `?profile=production`; `GET /profiles` lists yours",
        )
    })?;
    let profile = profile_name(profile)?;
    let duration = one(&members, "duration")?.map(duration).transpose()?;
    Ok(Vend::new(profile).with_duration(duration))
}

fn profile_name(text: &str) -> Result<ProfileName, Denial> {
    ProfileName::parse(text).map_err(|_| {
        Denial::new(
            ErrorCode::InvalidProfile,
            "the name of a profile begins with a letter or digit, and has at most 64 letters, digits, \
             `.`, `_` and `-`; `GET /profiles` lists yours",
        )
    })
}

fn duration(value: &Value) -> Result<Duration, Denial> {
    let seconds = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        Value::String(_) | Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    let range = u64::from(STS_MIN_SECONDS)..=u64::from(STS_MAX_SECONDS);
    seconds.filter(|seconds| range.contains(seconds)).map(Duration::from_secs).ok_or_else(|| {
        Denial::new(
            ErrorCode::InvalidDuration,
            format!("`duration` must be a whole number of seconds from {STS_MIN_SECONDS} to {STS_MAX_SECONDS}"),
        )
    })
}

/// The value of a parameter. `None` if it is not given, or null.
fn one<'a>(members: &'a [(String, Value)], name: &str) -> Result<Option<&'a Value>, Denial> {
    let mut values = members.iter().filter(|(key, value)| key == name && !value.is_null());
    let Some((_, first)) = values.next() else { return Ok(None) };
    // `3600` and `"3600"` are the same.
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if values.all(|(_, other)| text(other) == text(first)) {
        Ok(Some(first))
    } else {
        Err(invalid(format!(
            "`{name}` is given more than once with different values: give it once"
        )))
    }
}

/// The members of the body. A body that begins like a JSON object is read as one, whatever its content
/// type is: `curl -d` sends the type of a form.
fn body(request: &Incoming) -> Result<Vec<(String, Value)>, Denial> {
    let Body::Bytes(bytes) = &request.body else {
        return Err(invalid("the body is not valid base64"));
    };
    let text = bytes.trim_ascii();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let json = text.starts_with(b"{");
    let media = request.content_type.as_deref().unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if json || media.eq_ignore_ascii_case("application/json") {
        let members: Result<Members, _> = serde_json::from_slice(text);
        return members
            .map(|Members(members)| members)
            .map_err(|_| invalid("the body is not a JSON object"));
    }
    if !media.is_empty() && !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(invalid("the body must be `application/json` or a form"));
    }
    let pairs = form_urlencoded::parse(text);
    Ok(pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))).collect())
}

/// What every list can be restricted to, from the query.
struct Filter<S> {
    user: Option<CallerKey>,
    profile: Option<ProfileName>,
    state: Option<S>,
    cursor: Option<Cursor>,
}

/// Reads the request for a list, from the query. `states` are the words for `state`.
fn filter<S: FromStr>(request: &Incoming, states: &[&str]) -> Result<Filter<S>, Denial> {
    let members: Vec<(String, Value)> =
        request.query.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
    let text = |name| one(&members, name).map(|value| value.and_then(Value::as_str));
    let state = text("state")?.map(|word| {
        let words = states.join("`, `");
        word.parse::<S>().map_err(|_| invalid(format!("`state` must be one of `{words}`")))
    });
    Ok(Filter {
        user: text("user")?.map(user).transpose()?,
        profile: text("profile")?.map(profile_name).transpose()?,
        state: state.transpose()?,
        cursor: text("cursor")?.map(|text| Cursor(text.to_owned())),
    })
}

/// Reads the request to list sessions.
pub(crate) fn list_sessions(request: &Incoming) -> Result<ListSessions, Denial> {
    let Filter { user, profile, state, cursor } =
        filter(request, &SessionState::ALL.map(SessionState::as_str))?;
    Ok(ListSessions::default()
        .with_user(user)
        .with_profile(profile)
        .with_state(state)
        .with_cursor(cursor))
}

/// Reads the request to list approval requests.
pub(crate) fn list_requests(request: &Incoming) -> Result<ListRequests, Denial> {
    let Filter { user, profile, state, cursor } =
        filter(request, &RequestState::ALL.map(RequestState::as_str))?;
    Ok(ListRequests::default()
        .with_user(user)
        .with_profile(profile)
        .with_state(state)
        .with_cursor(cursor))
}

/// Reads the request to list grants.
pub(crate) fn list_grants(request: &Incoming) -> Result<ListGrants, Denial> {
    let Filter { user, profile, state, cursor } =
        filter(request, &GrantState::ALL.map(GrantState::as_str))?;
    Ok(ListGrants::default()
        .with_user(user)
        .with_profile(profile)
        .with_state(state)
        .with_cursor(cursor))
}

/// Reads the request for an approval, from its body.
pub(crate) fn create_request(request: &Incoming) -> Result<CreateRequest, Denial> {
    let keys = ["profile", "reason", "ticket", "duration_s", "not_before"];
    let members = strict(request, &keys)?;
    let ticket = text(&members, "ticket")?.map(|ticket| {
        let length = ticket.chars().count();
        (1..=MAX_TICKET)
            .contains(&length)
            .then(|| ticket.to_owned())
            .ok_or_else(|| invalid(format!("`ticket` must have 1 to {MAX_TICKET} characters")))
    });
    let not_before = text(&members, "not_before")?.map(|time| {
        DateTime::parse_from_rfc3339(time)
            .map(|time| time.with_timezone(&Utc))
            .map_err(|_| invalid("`not_before` must be a time like `2026-03-02T10:00:00Z`"))
    });
    Ok(CreateRequest::new(body_profile(&members)?, reason(&members)?)
        .with_ticket(ticket.transpose()?)
        .with_duration(length(&members)?)
        .with_not_before(not_before.transpose()?))
}

/// Reads the request to break glass, from its body.
pub(crate) fn open_grant(request: &Incoming) -> Result<OpenGrant, Denial> {
    let members = strict(request, &["profile", "reason_code", "justification", "duration_s"])?;
    let code = text(&members, "reason_code")?.and_then(|word| word.parse::<ReasonCode>().ok());
    let code = code.ok_or_else(|| {
        let words: Vec<_> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
        invalid(format!("`reason_code` must be one of `{}`", words.join("`, `")))
    })?;
    let justification = text(&members, "justification")?.unwrap_or_default().trim();
    Ok(OpenGrant::new(body_profile(&members)?, code, justification)
        .with_duration(length(&members)?))
}

/// Reads the comment on a decision, from the body. The body may be empty.
fn comment(request: &Incoming) -> Result<Option<String>, Denial> {
    let members = strict(request, &["comment"])?;
    let comment = text(&members, "comment")?.map(str::trim).filter(|comment| !comment.is_empty());
    if comment.is_some_and(|comment| comment.chars().count() > MAX_TEXT) {
        return Err(invalid(format!("`comment` must have at most {MAX_TEXT} characters")));
    }
    Ok(comment.map(str::to_owned))
}

/// Reads what is done with a request: the id in its path, and the comment.
pub(crate) fn on_request(
    id: &str,
    request: &Incoming,
) -> Result<(RequestId, Option<String>), Denial> {
    Ok((request_id(id)?, comment(request)?))
}

/// Reads what is done with a grant: the id in its path, and the comment.
pub(crate) fn on_grant(id: &str, request: &Incoming) -> Result<(GrantId, Option<String>), Denial> {
    Ok((grant_id(id)?, comment(request)?))
}

/// The id of a request in a path. A text that is not one gets the refusal of an unknown id.
pub(crate) fn request_id(id: &str) -> Result<RequestId, Denial> {
    let missing = |_| Denial::new(ErrorCode::NotFound, "the request does not exist");
    RequestId::parse(id).map_err(missing)
}

/// The id of a grant in a path. A text that is not one gets the refusal of an unknown id.
fn grant_id(id: &str) -> Result<GrantId, Denial> {
    let missing = |_| Denial::new(ErrorCode::NotFound, "the grant does not exist");
    GrantId::parse(id).map_err(missing)
}

fn body_profile(members: &[(String, Value)]) -> Result<ProfileName, Denial> {
    match text(members, "profile")? {
        Some(profile) => profile_name(profile),
        None => Err(Denial::new(ErrorCode::MissingProfile, "name a profile in `profile`")),
    }
}

/// The requested length of an approval or a grant.
fn length(members: &[(String, Value)]) -> Result<Option<Duration>, Denial> {
    let Some(value) = one(members, "duration_s")? else { return Ok(None) };
    let seconds = value.as_u64().filter(|seconds| (1..=u64::from(u32::MAX)).contains(seconds));
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or_else(|| {
        Denial::new(
            ErrorCode::InvalidDuration,
            "`duration_s` must be a whole number of seconds above 0",
        )
    })
}

/// Reads the request to revoke, from its body.
pub(crate) fn revoke(request: &Incoming) -> Result<Revoke, Denial> {
    let members = strict(request, &["session", "user", "profile", "reason", "for_s"])?;
    let (target, reason) = (target(&members)?, reason(&members)?);
    let length = match one(&members, "for_s")? {
        None => None,
        Some(value) => Some(
            value
                .as_u64()
                .filter(|seconds| (1..=u64::from(u32::MAX)).contains(seconds))
                .map(Duration::from_secs)
                .ok_or_else(|| invalid("`for_s` must be a whole number of seconds above 0"))?,
        ),
    };
    Ok(Revoke::new(target, reason).with_length(length))
}

/// Reads the request to reinstate, from its body.
pub(crate) fn reinstate(request: &Incoming) -> Result<Reinstate, Denial> {
    let members = strict(request, &["session", "user", "profile", "reason"])?;
    Ok(Reinstate::new(target(&members)?, reason(&members)?))
}

/// The members of a body with these keys only. It is strict, unlike that of a vend: a misspelled
/// `profile` would revoke the caller as a whole.
fn strict(request: &Incoming, keys: &[&str]) -> Result<Vec<(String, Value)>, Denial> {
    if !request.query.is_empty() {
        return Err(invalid("send the parameters in the body, not in the query"));
    }
    let members = body(request)?;
    if members.iter().any(|(_, value)| value.is_null()) {
        return Err(invalid("leave a key out instead of giving it null"));
    }
    if let Some((unknown, _)) = members.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
        let unknown: String = unknown.chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(invalid(format!(
            "unknown key `{unknown}`; the keys are `{}`",
            keys.join("`, `")
        )));
    }
    Ok(members)
}

/// The text of a member. `None` if it is not given.
fn text<'a>(members: &'a [(String, Value)], name: &str) -> Result<Option<&'a str>, Denial> {
    match one(members, name)? {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) | Value::Null,
        ) => Err(invalid(format!("`{name}` must be a string"))),
    }
}

fn target(members: &[(String, Value)]) -> Result<Target, Denial> {
    let text = |name| text(members, name);
    match (text("session")?, text("user")?, text("profile")?) {
        (Some(session), None, None) => {
            let handle = SessionHandle::parse(session).map_err(|_| {
                invalid("`session` must be the handle of a session, as `GET /sessions` lists it")
            })?;
            Ok(Target::Session(handle))
        }
        (None, Some(name), None) => Ok(Target::Caller(user(name)?)),
        (None, Some(name), Some(profile)) => {
            Ok(Target::OnProfile(user(name)?, profile_name(profile)?))
        }
        (None, None, _) | (Some(_), _, _) => {
            Err(invalid("give exactly one of `session`, and `user` with or without `profile`"))
        }
    }
}

fn reason(members: &[(String, Value)]) -> Result<&str, Denial> {
    let reason = text(members, "reason")?.unwrap_or_default().trim();
    if reason.is_empty() || reason.chars().count() > MAX_TEXT {
        return Err(invalid(format!("give a `reason` of 1 to {MAX_TEXT} characters")));
    }
    Ok(reason)
}

fn user(text: &str) -> Result<CallerKey, Denial> {
    parse_user(text).ok_or_else(|| {
        invalid(
            "`user` must be the name of a user, or `account/RoleName` for the sessions of a role: \
             `111122223333/ci` for `ci/build-7`",
        )
    })
}
