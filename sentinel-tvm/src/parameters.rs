//! The parameters of a request, from its query and its body: a parameter that
//! is given twice must be given the same.

use std::fmt;
use std::time::Duration;

use sentinel_broker::{
    Code, Denial, ListSessions, STS_MAX_SECONDS, STS_MIN_SECONDS, Target, Vend, parse_user,
};
use sentinel_store::{Cursor, ProfileName, SessionHandle, SessionState};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::event::{Body, Incoming};

/// Texts that people give are at most so many characters.
const MAX_TEXT: usize = 1000;

fn invalid(message: impl Into<String>) -> Denial {
    Denial::new(Code::InvalidRequest, message)
}

/// The members of a JSON object in order, duplicates included.
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

/// What a vend asks for: from the query, or from a JSON or form body.
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
            return Err(Denial::new(Code::InvalidProfile, "`profile` must be a text"));
        }
    };
    let profile = profile.ok_or_else(|| {
        Denial::new(
            Code::MissingProfile,
            "name a profile, as in `?profile=production`; `GET /profiles` lists yours",
        )
    })?;
    let profile = profile_name(profile)?;
    let duration = one(&members, "duration")?.map(duration).transpose()?;
    Ok(Vend { profile, duration })
}

fn profile_name(text: &str) -> Result<ProfileName, Denial> {
    ProfileName::parse(text).map_err(|_| {
        Denial::new(
            Code::InvalidProfile,
            "a profile's name is a letter or digit and up to 63 more of letters, digits, `.`, `_` \
             and `-`; `GET /profiles` lists yours",
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
            Code::InvalidDuration,
            format!("`duration` is a whole number of seconds from {STS_MIN_SECONDS} to {STS_MAX_SECONDS}"),
        )
    })
}

/// The one value of a parameter, null counting as none.
fn one<'a>(members: &'a [(String, Value)], name: &str) -> Result<Option<&'a Value>, Denial> {
    let mut values = members.iter().filter(|(key, value)| key == name && !value.is_null());
    let Some((_, first)) = values.next() else { return Ok(None) };
    // `3600` and `"3600"` are the same.
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if values.all(|(_, other)| text(other) == text(first)) {
        Ok(Some(first))
    } else {
        Err(invalid(format!("`{name}` is given more than once, and differently: give it once")))
    }
}

/// The members of the body. What begins like a JSON object is one, whatever the
/// content type says: `curl -d` says form.
fn body(request: &Incoming) -> Result<Vec<(String, Value)>, Denial> {
    let Body::Bytes(bytes) = &request.body else {
        return Err(invalid("the body is not the base64 that it is said to be"));
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
            .map_err(|_| invalid("the body is not one JSON object"));
    }
    if !media.is_empty() && !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(invalid("the body must be `application/json` or a form"));
    }
    let pairs = form_urlencoded::parse(text);
    Ok(pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))).collect())
}

/// Which sessions are asked for.
pub(crate) fn list_sessions(request: &Incoming) -> Result<ListSessions, Denial> {
    let members: Vec<(String, Value)> =
        request.query.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
    let text = |name| one(&members, name).map(|value| value.and_then(Value::as_str));
    Ok(ListSessions {
        user: text("user")?.map(user).transpose()?,
        profile: text("profile")?.map(profile_name).transpose()?,
        state: text("state")?
            .map(|word| {
                SessionState::parse(word).ok_or_else(|| {
                    invalid("`state` is one of `active`, `ended`, `expired`, `revoked`")
                })
            })
            .transpose()?,
        cursor: text("cursor")?.map(|text| Cursor(text.to_owned())),
    })
}

/// What a revocation or reinstatement asks for.
#[derive(Debug)]
pub(crate) struct Operate {
    pub(crate) target: Target,
    pub(crate) reason: String,
    pub(crate) length: Option<Duration>,
}

/// Strict, unlike a vend: a misspelt `profile` would turn a caller on a profile
/// into a caller as a whole.
pub(crate) fn operate(request: &Incoming, revoke: bool) -> Result<Operate, Denial> {
    if !request.query.is_empty() {
        return Err(invalid("this is asked in the body alone, not in the query"));
    }
    let members = body(request)?;
    if members.iter().any(|(_, value)| value.is_null()) {
        return Err(invalid("leave a key out rather than give it null"));
    }
    let known: &[&str] = if revoke {
        &["session", "user", "profile", "reason", "for_s"]
    } else {
        &["session", "user", "profile", "reason"]
    };
    if let Some((unknown, _)) = members.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        let unknown: String = unknown.chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(invalid(format!(
            "unknown key `{unknown}`; the keys are `{}`",
            known.join("`, `")
        )));
    }
    let text = |name: &str| match one(&members, name)? {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) | Value::Null,
        ) => Err(invalid(format!("`{name}` must be a text"))),
    };
    let target = match (text("session")?, text("user")?, text("profile")?) {
        (Some(session), None, None) => {
            Target::Session(SessionHandle::parse(session).map_err(|_| {
                invalid("`session` is a session's handle, as `GET /sessions` lists it")
            })?)
        }
        (None, Some(name), None) => Target::Caller(user(name)?),
        (None, Some(name), Some(profile)) => Target::OnProfile(user(name)?, profile_name(profile)?),
        (None, None, _) | (Some(_), _, _) => {
            return Err(invalid(
                "give exactly one of `session`, and `user` with or without `profile`",
            ));
        }
    };
    let reason = text("reason")?.unwrap_or_default().trim();
    if reason.is_empty() || reason.chars().count() > MAX_TEXT {
        return Err(invalid(format!("give a `reason` of 1 to {MAX_TEXT} characters")));
    }
    let length = match one(&members, "for_s")? {
        None => None,
        Some(value) => Some(
            value
                .as_u64()
                .filter(|seconds| (1..=u64::from(u32::MAX)).contains(seconds))
                .map(Duration::from_secs)
                .ok_or_else(|| invalid("`for_s` is a whole number of seconds above 0"))?,
        ),
    };
    Ok(Operate { target, reason: reason.to_owned(), length })
}

fn user(text: &str) -> Result<sentinel_store::CallerKey, Denial> {
    parse_user(text).ok_or_else(|| {
        invalid(
            "`user` is a user's name or `account/RoleName`: a role's session goes by its role, \
             `ci/build-7` by `111122223333/ci`",
        )
    })
}
