//! Signs forms and bodies and sends them unchanged, including those that a client library would
//! refuse to send.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Why a request could not be sent.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The text of the first element with that name.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&str> {
        let (_, after) = self.body.split_once(&format!("<{name}>"))?;
        after.split_once(&format!("</{name}>")).map(|(text, _)| text)
    }

    /// `200`, or the code of the error.
    #[must_use]
    pub fn outcome(&self) -> &str {
        if self.status == 200 { "200" } else { self.element("Code").unwrap_or("?") }
    }
}

/// Posts a form to `url` (`http://HOST:PORT`), signed for `us-east-1/sts`.
///
/// # Errors
/// If the request cannot be sent, or the response cannot be read.
pub async fn post(
    url: &str,
    credentials: &Credentials,
    form: &[(&str, &str)],
) -> Result<Answer, Error> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    send(url, credentials, "application/x-www-form-urlencoded", &[], body, "sts").await
}

/// Posts a body with these headers, signed for this service in `us-east-1`.
///
/// # Errors
/// If the request cannot be sent, or the response cannot be read.
pub async fn send(
    url: &str,
    credentials: &Credentials,
    content_type: &str,
    headers: &[(&str, &str)],
    body: String,
    service: &str,
) -> Result<Answer, Error> {
    let host = url.strip_prefix("http://").ok_or("not an http URL")?;
    let mut request = Request::builder()
        .method("POST")
        .uri("/")
        .header("host", host)
        .header("content-type", content_type);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Full::new(Bytes::from(body.clone())))?;
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let signed: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| Ok((name.as_str(), value.to_str()?)))
        .collect::<Result<_, Error>>()?;
    let uri = format!("{url}/");
    let signable = SignableRequest::new(
        "POST",
        &uri,
        signed.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let (instructions, _) = sign(signable?, &parameters)?.into_parts();
    instructions.apply_to_request_http1x(&mut request);

    let stream = TcpStream::connect(host).await?;
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let answer = client.send_request(request).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok(Answer { status, body: String::from_utf8(body.to_vec())? })
}
