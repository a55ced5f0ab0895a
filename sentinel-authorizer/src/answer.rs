//! The answers that API Gateway takes from an authorizer.

use sentinel_store::{Session, rfc3339};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// `SENTINEL_AUTHORIZER_RESPONSE`: how payload format 2.0 is answered. The event
/// does not say which of the two the authorizer is configured for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseFormat {
    /// An IAM policy.
    #[default]
    Policy,
    /// `isAuthorized`.
    Simple,
}

impl ResponseFormat {
    /// Reads `policy` or `simple`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "policy" => Some(Self::Policy),
            "simple" => Some(Self::Simple),
            _ => None,
        }
    }
}

/// The shape that an event asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Always an IAM policy: REST APIs and payload format 1.0.
    Policy,
    /// What is configured: payload format 2.0.
    Configured,
}

impl Shape {
    pub(crate) fn format(self, configured: ResponseFormat) -> ResponseFormat {
        match self {
            Self::Policy => ResponseFormat::Policy,
            Self::Configured => configured,
        }
    }
}

/// What the API behind learns of a session. Texts only: REST APIs take no other
/// values in a context.
#[derive(Serialize)]
struct Context<'a> {
    session: String,
    user: &'a str,
    profile: &'a str,
    account: &'a str,
    principal: &'a str,
    source_identity: &'a str,
    #[serde(serialize_with = "rfc3339")]
    expires: chrono::DateTime<chrono::Utc>,
}

/// The answer about `arn`: whether the session, if there is a good one, is let
/// through. Without an ARN there is nothing that could be allowed.
pub(crate) fn answer(
    format: ResponseFormat,
    arn: Option<&str>,
    session: Option<&Session>,
) -> Value {
    let session = session.filter(|_| arn.is_some());
    let context = session.map_or_else(|| Value::Object(Map::new()), context);
    match format {
        ResponseFormat::Simple => {
            json!({ "isAuthorized": session.is_some(), "context": context })
        }
        ResponseFormat::Policy => json!({
            "principalId": session.map_or("refused", |session| session.user.as_str()),
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Action": "execute-api:Invoke",
                    "Effect": if session.is_some() { "Allow" } else { "Deny" },
                    "Resource": arn.unwrap_or("*"),
                }],
            },
            "context": context,
        }),
    }
}

fn context(session: &Session) -> Value {
    let context = Context {
        session: session.handle.to_string(),
        user: &session.user,
        profile: session.profile.as_str(),
        account: session.account.as_str(),
        principal: &session.principal,
        source_identity: &session.source_identity,
        expires: session.expires,
    };
    serde_json::to_value(context).unwrap_or_else(|_| Value::Object(Map::new()))
}
