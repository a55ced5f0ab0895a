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
    /// The role. `None` if the event does not name it.
    pub role_arn: Option<String>,
    /// The id of the request to STS.
    pub request_id: Option<String>,
    /// The access key id of the credentials.
    pub access_key_id: Option<String>,
    /// The source identity of the credentials.
    pub source_identity: Option<String>,
    /// The ARN of the caller.
    pub by: Option<String>,
}

/// One event, or a document with several: a file that CloudTrail delivers to S3 has `Records`, and a
/// response of `LookupEvents` has `Events`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "Records")]
    records: Option<Vec<Document>>,
    #[serde(rename = "Events")]
    looked_up: Option<Vec<Looked>>,
    event_name: Option<String>,
    event_source: Option<String>,
    event_time: Option<DateTime<Utc>>,
    #[serde(rename = "eventID")]
    event_id: Option<String>,
    #[serde(rename = "requestID")]
    request_id: Option<String>,
    user_identity: Option<UserIdentity>,
    request_parameters: Option<Parameters>,
    response_elements: Option<Response>,
    resources: Option<Vec<Resource>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Looked {
    cloud_trail_event: String,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "ARN")]
    arn: Option<String>,
}

#[derive(Deserialize)]
struct UserIdentity {
    arn: Option<String>,
}

#[derive(Default, Deserialize)]
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
    assumed_role_user: Option<UserIdentity>,
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
    for document in serde_json::Deserializer::from_slice(text).into_iter::<Document>() {
        document?.issued(&mut events)?;
    }
    Ok(events)
}

impl Document {
    /// Appends the events that issued credentials of a role.
    fn issued(self, events: &mut Vec<AssumeRole>) -> Result<(), serde_json::Error> {
        if self.records.is_none() && self.looked_up.is_none() && self.event_name.is_none() {
            return Err(serde::de::Error::custom("neither an event nor a document with events"));
        }
        for record in self.records.into_iter().flatten() {
            record.issued(events)?;
        }
        for looked in self.looked_up.into_iter().flatten() {
            serde_json::from_str::<Self>(&looked.cloud_trail_event)?.issued(events)?;
        }
        let Some(name) = self.event_name.filter(|name| issues(name)) else { return Ok(()) };
        if self.event_source.as_deref() != Some("sts.amazonaws.com") {
            return Ok(());
        }
        // An event without credentials failed.
        let Some(response) = self.response_elements else { return Ok(()) };
        let Some(credentials) = response.credentials else { return Ok(()) };
        let at = self.event_time.ok_or_else(|| serde::de::Error::missing_field("eventTime"))?;
        let parameters = self.request_parameters.unwrap_or_default();
        let assumed = response.assumed_role_user.and_then(|user| user.arn);
        let resource = self
            .resources
            .into_iter()
            .flatten()
            .find_map(|resource| resource.arn.filter(|arn| arn.contains(":role/")));
        events.push(AssumeRole {
            event_id: self.event_id.unwrap_or_default(),
            at,
            name,
            role_arn: parameters
                .role_arn
                .or(resource)
                .or_else(|| assumed.as_deref().and_then(role_of_session)),
            request_id: self.request_id,
            access_key_id: credentials.access_key_id,
            source_identity: response.source_identity.or(parameters.source_identity),
            by: self.user_identity.and_then(|identity| identity.arn),
        });
        Ok(())
    }
}

/// The role of `arn:aws:sts::111122223333:assumed-role/Role/session`, without its path.
fn role_of_session(arn: &str) -> Option<String> {
    let (before, session) = arn.split_once(":assumed-role/")?;
    let (role, _) = session.split_once('/')?;
    Some(format!("{}:role/{role}", before.replacen(":sts:", ":iam:", 1)))
}
