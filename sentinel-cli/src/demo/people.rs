//! The actions of the callers in the demo: requests with their own signatures.

use aws_credential_types::Credentials;
use sentinel_store::Secret;
use serde_json::Value;

use super::server::Server;
use crate::Failure;
use crate::http::{Http, Outgoing, Received, Signing};

/// The response that a caller received.
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) session_id: Option<Secret>,
    pub(super) body: Value,
    text: String,
}

impl std::fmt::Debug for Seen {
    /// Omits the body, which may contain credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Credentials that a caller received, and their session.
#[derive(Debug)]
pub(super) struct Vended {
    pub(super) credentials: Credentials,
    pub(super) session_id: Secret,
}

/// All callers, and the server that they send requests to.
#[derive(Debug)]
pub(super) struct People {
    http: Http,
    pub(super) server: Server,
}

impl People {
    pub(super) fn new(server: Server) -> Self {
        Self { http: Http::new(server.endpoint.clone()), server }
    }

    /// Sends a GET request to the TVM as a caller.
    pub(super) async fn ask(&self, name: &str, target: &str) -> Result<Seen, Failure> {
        self.send(self.credentials(name)?, "execute-api", "GET", target, None).await
    }

    /// Sends a request that changes state to the TVM as a caller.
    pub(super) async fn tell(
        &self,
        name: &str,
        target: &str,
        body: Value,
    ) -> Result<Seen, Failure> {
        let body = ("application/json", body.to_string());
        self.send(self.credentials(name)?, "execute-api", "POST", target, Some(body)).await
    }

    /// Requests the owner of the credentials from STS.
    pub(super) async fn whose(&self, credentials: &Credentials) -> Result<Seen, Failure> {
        let form = "Action=GetCallerIdentity&Version=2011-06-15".to_owned();
        let body = ("application/x-www-form-urlencoded; charset=utf-8", form);
        self.send(credentials, "sts", "POST", "/sts/", Some(body)).await
    }

    /// Sends a request to an API behind the authorizer.
    pub(super) async fn use_api(&self, session_id: Option<&str>) -> Result<Seen, Failure> {
        let headers = session_id.map(|id| ("x-sentinel-session-id", id.to_owned()));
        let outgoing = Outgoing {
            method: "GET",
            target: "/downstream/orders".to_owned(),
            headers: headers.into_iter().collect(),
            body: Vec::new(),
        };
        Ok(Seen::new(self.http.exchange(self.http.request(outgoing, None)?).await?))
    }

    /// Signs one request as a caller, and sends a different one with its signature.
    pub(super) async fn forge(
        &self,
        name: &str,
        signed: &str,
        sent: &str,
    ) -> Result<Seen, Failure> {
        let signing = Signing {
            credentials: self.credentials(name)?,
            region: "us-east-1",
            service: "execute-api",
        };
        let outgoing = Outgoing {
            method: "GET",
            target: signed.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let mut request = self.http.request(outgoing, Some(signing))?;
        request
            .set_uri(self.http.endpoint().route(sent))
            .map_err(|error| Failure::because("cannot change the request", error))?;
        Ok(Seen::new(self.http.exchange(request).await?))
    }

    fn credentials(&self, name: &str) -> Result<&Credentials, Failure> {
        self.server
            .identities
            .get(name)
            .ok_or_else(|| Failure::other(format!("`{name}` is not one of the callers")))
    }

    async fn send(
        &self,
        credentials: &Credentials,
        service: &str,
        method: &str,
        target: &str,
        body: Option<(&str, String)>,
    ) -> Result<Seen, Failure> {
        let (headers, body) = match body {
            Some((content_type, body)) => {
                (vec![("content-type", content_type.to_owned())], body.into_bytes())
            }
            None => (Vec::new(), Vec::new()),
        };
        let outgoing = Outgoing { method, target: target.to_owned(), headers, body };
        let signing = Signing { credentials, region: "us-east-1", service };
        Ok(Seen::new(self.http.exchange(self.http.request(outgoing, Some(signing))?).await?))
    }
}

impl Seen {
    fn new(received: Received) -> Self {
        let Received { status, session_id, body, .. } = received;
        Self {
            status,
            session_id,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// A member of the body, as text.
    pub(super) fn text(&self, member: &str) -> &str {
        self.body.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// The content of an element of an XML body.
    pub(super) fn element(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        self.text
            .split_once(&open)
            .and_then(|(_, rest)| rest.split_once(&close))
            .map_or("", |(inside, _)| inside)
    }

    /// Whether the response is a refusal with that status and code.
    pub(super) fn is_refusal(&self, status: u16, code: &str) -> bool {
        self.status == status && self.text("Code") == code
    }

    /// The response in one line, without secrets.
    pub(super) fn summary(&self) -> String {
        let code = self.text("Code");
        if !code.is_empty() {
            return format!("{} {code}: {}", self.status, self.text("Message"));
        }
        let key = self.text("AccessKeyId");
        if !key.is_empty() {
            return format!("{} {key}, until {}", self.status, self.text("Expiration"));
        }
        let message = self.text("message");
        if message.is_empty() {
            self.status.to_string()
        } else {
            format!("{} {message}", self.status)
        }
    }

    /// The credentials, if the response contains them.
    pub(super) fn vended(&self) -> Option<Vended> {
        let credentials = Credentials::new(
            self.body.get("AccessKeyId")?.as_str()?,
            self.body.get("SecretAccessKey")?.as_str()?,
            Some(self.body.get("Token")?.as_str()?.to_owned()),
            None,
            "sentinel demo",
        );
        Some(Vended { credentials, session_id: self.session_id.clone()? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_somebody_got_shows_no_secret() {
        let secret = "wJalrXUtnFEMI";
        let body = json!({ "AccessKeyId": "ASIA", "SecretAccessKey": secret, "Token": secret });
        let seen = Seen::new(Received {
            status: 200,
            session_id: Some(Secret::new(secret)),
            bound: None,
            content_type: None,
            body: body.to_string().into(),
        });
        let shown = format!("{seen:?} {:?} {}", seen.vended().unwrap(), seen.summary());
        assert!(shown.contains("ASIA") && !shown.contains(secret), "{shown}");
    }
}
