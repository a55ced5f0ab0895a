//! Events of CloudTrail that issued credentials of a role.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// An event that issued credentials of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssumeRole {
    /// CloudTrail's id of the event.
    pub event_id: String,
    /// The time of the event, in whole seconds.
    pub at: DateTime<Utc>,
    /// `AssumeRole`, `AssumeRoleWithSAML` or `AssumeRoleWithWebIdentity`.
    pub name: String,
    /// The role.
    pub role_arn: String,
    /// The id of the request to STS.
    pub request_id: Option<String>,
    /// The access key id of the credentials.
    pub access_key_id: Option<String>,
    /// The source identity of the credentials.
    pub source_identity: Option<String>,
    /// The ARN of the caller.
    pub by: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    /// A file that CloudTrail delivers to S3.
    #[serde(rename_all = "PascalCase")]
    Records { records: Vec<Event> },
    /// A response of `LookupEvents`.
    #[serde(rename_all = "PascalCase")]
    Lookup { events: Vec<Looked> },
    /// One event.
    One(Box<Event>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Looked {
    cloud_trail_event: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_name: String,
    event_source: String,
    event_time: DateTime<Utc>,
    #[serde(rename = "eventID")]
    event_id: Option<String>,
    #[serde(rename = "requestID")]
    request_id: Option<String>,
    error_code: Option<String>,
    user_identity: Option<UserIdentity>,
    request_parameters: Option<Parameters>,
    response_elements: Option<Response>,
}

#[derive(Deserialize)]
struct UserIdentity {
    arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    role_arn: Option<String>,
    source_identity: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    credentials: Option<Credentials>,
    source_identity: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    access_key_id: Option<String>,
}

/// Whether an event of that name issues credentials of a role.
fn issues(name: &str) -> bool {
    ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"].contains(&name)
}

/// The events of a text that issued credentials of a role. The text is a file that CloudTrail delivers to
/// S3 (`{"Records": […]}`), a response of `LookupEvents` (`{"Events": […]}`), or one event per line. Other
/// events, and those that failed, are omitted.
///
/// ```
/// let text = r#"{"Records":[{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole",
///   "eventTime":"2026-01-25T12:00:00Z","eventID":"1","requestID":"sts-1",
///   "requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/SentinelProtected-production"},
///   "responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLE"}}}]}"#;
/// let events = sentinel_audit::assume_roles(text.as_bytes()).unwrap();
/// assert_eq!(events[0].access_key_id.as_deref(), Some("ASIAEXAMPLE"));
/// ```
///
/// # Errors
/// If a part of the text is not an event of CloudTrail.
pub fn assume_roles(text: &[u8]) -> Result<Vec<AssumeRole>, serde_json::Error> {
    let mut events = Vec::new();
    for document in serde_json::Deserializer::from_slice(text).into_iter() {
        match document? {
            Document::Records { records } => events.extend(records),
            Document::Lookup { events: found } => {
                for looked in found {
                    events.push(serde_json::from_str(&looked.cloud_trail_event)?);
                }
            }
            Document::One(event) => events.push(*event),
        }
    }
    Ok(events.into_iter().filter_map(Event::issued).collect())
}

impl Event {
    /// `None` if the event issued no credentials of a role.
    fn issued(self) -> Option<AssumeRole> {
        if self.event_source != "sts.amazonaws.com"
            || !issues(&self.event_name)
            || self.error_code.is_some()
        {
            return None;
        }
        let parameters = self.request_parameters?;
        let response = self.response_elements;
        let credentials = response.as_ref().and_then(|response| response.credentials.as_ref());
        Some(AssumeRole {
            event_id: self.event_id.unwrap_or_default(),
            at: self.event_time,
            name: self.event_name,
            role_arn: parameters.role_arn?,
            request_id: self.request_id,
            access_key_id: credentials.and_then(|credentials| credentials.access_key_id.clone()),
            source_identity: response
                .and_then(|response| response.source_identity)
                .or(parameters.source_identity),
            by: self.user_identity.and_then(|identity| identity.arn),
        })
    }
}
