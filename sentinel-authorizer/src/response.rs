//! The responses that API Gateway accepts from an authorizer.

use sentinel_store::Session;
use sentinel_wire::rfc3339;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// `SENTINEL_AUTHORIZER_RESPONSE`: the response to events of payload format 2.0. The event does not
/// contain which of the two responses API Gateway expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "API Gateway defines two responses")]
pub enum ResponseFormat {
    /// An IAM policy.
    #[default]
    Policy,
    /// An object with `isAuthorized`.
    Simple,
}

impl ResponseFormat {
    /// Parses `policy` or `simple`. `None` for any other text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "policy" => Some(Self::Policy),
            "simple" => Some(Self::Simple),
            _ => None,
        }
    }
}

/// The response that an event requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Always an IAM policy: REST APIs and payload format 1.0.
    Policy,
    /// The configured response: payload format 2.0.
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

/// What the protected API receives about a session. All values are strings: REST APIs accept no other
/// values in a context.
#[derive(Serialize)]
struct SessionContext<'a> {
    session: String,
    user: &'a str,
    profile: &'a str,
    account: &'a str,
    principal: &'a str,
    source_identity: &'a str,
    #[serde(serialize_with = "rfc3339::serialize")]
    expires: chrono::DateTime<chrono::Utc>,
}

/// The response: allows access to `arn` if there is a valid session. Without an ARN nothing can be
/// allowed.
pub(crate) fn respond(
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
    let context = SessionContext {
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
