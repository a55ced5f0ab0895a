//! The sign-in URL of the AWS console, from temporary credentials.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html>
//!
//! The credentials are sent in the body of a POST request, which AWS supports in addition to GET, so
//! that no log of URLs contains them. `SessionDuration` is never sent: AWS refuses it for
//! credentials of a role that another role assumed, as in the TVM. Without it, the console session
//! lasts as long as the credentials.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sentinel_client::http::Http;
use sentinel_client::{Endpoint, HttpRequest};
use sentinel_wire::Credentials;
use serde::Deserialize;
use serde_json::json;

use super::destination::Destination;
use crate::aws::partition_of;
use crate::output::Failure;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Replaces the address of the AWS service Sign-In, as the AWS SDKs name such variables.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_SIGNIN";
const PATH: &str = "/federation";

/// Where and to which page a person is signed in.
#[derive(Debug)]
pub(super) struct SignIn {
    endpoint: Endpoint,
    page: String,
}

#[derive(Deserialize)]
struct Token {
    #[serde(rename = "SigninToken")]
    token: String,
}

impl SignIn {
    /// The sign-in of the partition that the region is in.
    pub(super) fn new(region: &str, destination: Option<&Destination>) -> Result<Self, Failure> {
        let (host, console) = hosts(region)?;
        let address = std::env::var(ENDPOINT).ok().filter(|address| !address.is_empty());
        let address = address.unwrap_or_else(|| format!("https://{host}"));
        let endpoint = address
            .parse()
            .map_err(|error| Failure::Usage(format!("`{address}` of {ENDPOINT}: {error}")))?;
        let page = match destination {
            Some(destination) => destination.at(console)?,
            None => format!("https://{console}/"),
        };
        Ok(Self { endpoint, page })
    }

    /// Exchanges credentials for a URL that signs in its holder. It is a secret.
    pub(super) async fn url(&self, credentials: &Credentials) -> Result<String, Failure> {
        let token = self.token(credentials).await?;
        let encode = |text| utf8_percent_encode(text, UNRESERVED).to_string();
        Ok(format!(
            "{}?Action=login&Issuer=sentinel&Destination={}&SigninToken={}",
            self.endpoint.route(PATH),
            encode(&self.page),
            encode(&token)
        ))
    }

    async fn token(&self, credentials: &Credentials) -> Result<String, Failure> {
        let Credentials { access_key_id, secret_access_key, session_token, .. } = credentials;
        let session = json!({
            "sessionId": access_key_id,
            "sessionKey": secret_access_key.reveal(),
            "sessionToken": session_token.reveal(),
        })
        .to_string();
        let form =
            format!("Action=getSigninToken&Session={}", utf8_percent_encode(&session, UNRESERVED));
        let request = HttpRequest::post(PATH, "application/x-www-form-urlencoded", form);
        let response = Http::new(self.endpoint.clone()).send(request).await?;
        // The body of a refusal is a page, which is not shown: it can repeat the request.
        let token = serde_json::from_slice(&response.body);
        match (response.status, token) {
            (200, Ok(Token { token })) if !token.is_empty() => Ok(token),
            (200, _) => Err(Failure::other(format!(
                "the response of {} has no sign-in token: check {ENDPOINT} and HTTPS_PROXY",
                self.endpoint
            ))),
            (status, _) => Err(Failure::other(format!(
                "AWS does not accept the credentials for the console: {} returned status {status}; \
                 credentials that `sentinel dev` issues itself are not valid in AWS",
                self.endpoint
            ))),
        }
    }
}

/// The hosts of the sign-in and of the console in the partition of a region.
fn hosts(region: &str) -> Result<(String, &'static str), Failure> {
    match partition_of(region) {
        "aws" => Ok(("signin.aws.amazon.com".to_owned(), "console.aws.amazon.com")),
        "aws-us-gov" => {
            Ok(("signin.amazonaws-us-gov.com".to_owned(), "console.amazonaws-us-gov.com"))
        }
        "aws-cn" => Ok(("signin.amazonaws.cn".to_owned(), "console.amazonaws.cn")),
        // This partition has only regional hosts.
        "aws-eusc" => {
            Ok((format!("{region}.signin.amazonaws-eusc.eu"), "console.amazonaws-eusc.eu"))
        }
        other => Err(Failure::other(format!(
            "the region `{region}` is in the partition `{other}`, whose sign-in is not public: use \
             `sentinel credentials`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_sign_in_and_console() {
        for (region, sign_in, console) in [
            ("eu-central-1", "signin.aws.amazon.com", "console.aws.amazon.com"),
            ("us-gov-west-1", "signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com"),
            ("cn-north-1", "signin.amazonaws.cn", "console.amazonaws.cn"),
            (
                "eusc-de-east-1",
                "eusc-de-east-1.signin.amazonaws-eusc.eu",
                "console.amazonaws-eusc.eu",
            ),
        ] {
            assert_eq!(hosts(region).unwrap(), (sign_in.to_owned(), console));
        }
        assert!(hosts("us-iso-east-1").is_err());
    }
}
