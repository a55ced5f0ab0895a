//! The actions of the callers in the demo: requests with their own signatures.

use aws_credential_types::Credentials;
use sentinel_client::http::{Http, Signing};
use sentinel_client::{HttpRequest, HttpResponse};
use sentinel_wire::{Secret, header};
use serde_json::Value;

use super::server::Server;
use crate::output::Failure;

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
pub(super) struct Callers {
    http: Http,
    pub(super) server: Server,
}

impl Callers {
    pub(super) fn new(server: Server) -> Self {
        Self { http: Http::new(server.endpoint.clone()), server }
    }

    /// Sends a GET request to the TVM as a caller.
    pub(super) async fn get(&self, name: &str, target: &str) -> Result<Seen, Failure> {
        self.send(self.credentials(name)?, "execute-api", HttpRequest::get(target)).await
    }

    /// Sends a request that changes state to the TVM as a caller.
    pub(super) async fn post(
        &self,
        name: &str,
        target: &str,
        body: Value,
    ) -> Result<Seen, Failure> {
        let request = HttpRequest::post(target, "application/json", body.to_string());
        self.send(self.credentials(name)?, "execute-api", request).await
    }

    /// Requests the owner of the credentials from STS.
    pub(super) async fn owner(&self, credentials: &Credentials) -> Result<Seen, Failure> {
        let media = "application/x-www-form-urlencoded; charset=utf-8";
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        self.send(credentials, "sts", HttpRequest::post("/sts/", media, body)).await
    }

    /// Sends a request to an API behind the authorizer.
    pub(super) async fn use_api(&self, session_id: Option<&str>) -> Result<Seen, Failure> {
        let request = HttpRequest::get("/downstream/orders");
        let request = match session_id {
            Some(id) => request.with_header(header::SESSION_ID, id),
            None => request,
        };
        Ok(Seen::new(self.http.send(request).await?))
    }

    /// Signs one request as a caller, and sends a different one with its signature.
    pub(super) async fn forge(
        &self,
        name: &str,
        signed: &str,
        sent: &str,
    ) -> Result<Seen, Failure> {
        let signing = Signing::new(self.credentials(name)?, "us-east-1", "execute-api");
        let request = self.http.sign(HttpRequest::get(signed), signing)?;
        Ok(Seen::new(self.http.send(request.with_target(sent)).await?))
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
        request: HttpRequest,
    ) -> Result<Seen, Failure> {
        let signing = Signing::new(credentials, "us-east-1", service);
        Ok(Seen::new(self.http.send(self.http.sign(request, signing)?).await?))
    }
}

impl Seen {
    fn new(response: HttpResponse) -> Self {
        let HttpResponse { status, session_id, body, .. } = response;
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
    fn the_summary_of_a_response_shows_no_secret() {
        let secret = "wJalrXUtnFEMI";
        let body = json!({ "AccessKeyId": "ASIA", "SecretAccessKey": secret, "Token": secret });
        let response = HttpResponse::json(200, body.to_string());
        let seen = Seen::new(response.with_session_id(Secret::new(secret)));
        let shown = format!("{seen:?} {:?} {}", seen.vended().unwrap(), seen.summary());
        assert!(shown.contains("ASIA") && !shown.contains(secret), "{shown}");
    }
}
