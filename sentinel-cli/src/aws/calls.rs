//! Signed calls to AWS services for which the program has no SDK client: a few operations that read,
//! in the three protocols of these services. The SDK clients of seven services would multiply the size
//! of the program and the time to build it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_types::service_config::ServiceConfigKey;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sentinel_client::http::{Http, Signing};
use sentinel_client::{Endpoint, HttpRequest, HttpResponse};
use serde_json::Value;

use super::xml::Element;
use crate::output::{Failure, printable};

/// Attempts of a call that is throttled or fails in the service.
const ATTEMPTS: u32 = 4;
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Maximum time to read an object of S3.
const OBJECT_TIMEOUT: Duration = Duration::from_secs(600);
/// Maximum size of an object of S3, in bytes.
const MAX_OBJECT: usize = 1024 * 1024 * 1024;

/// What a query or a path segment contains unencoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A service that is called without an SDK client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    ApiGateway,
    CloudWatch,
    Iam,
    Lambda,
    Logs,
    Organizations,
    S3,
    Ssm,
}

impl Service {
    /// The name in signatures, which is also the beginning of its host names.
    const fn name(self) -> &'static str {
        match self {
            Self::ApiGateway => "apigateway",
            Self::CloudWatch => "monitoring",
            Self::Iam => "iam",
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::Organizations => "organizations",
            Self::S3 => "s3",
            Self::Ssm => "ssm",
        }
    }

    /// The service in `AWS_ENDPOINT_URL_…` and in the AWS configuration.
    const fn sdk_id(self) -> &'static str {
        match self {
            Self::ApiGateway => "API Gateway",
            Self::CloudWatch => "CloudWatch",
            Self::Iam => "IAM",
            Self::Lambda => "Lambda",
            Self::Logs => "CloudWatch Logs",
            Self::Organizations => "Organizations",
            Self::S3 => "S3",
            Self::Ssm => "SSM",
        }
    }

    /// The host and the region to sign for. IAM and Organizations have one endpoint in a partition.
    /// <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>
    /// <https://docs.aws.amazon.com/general/latest/gr/ao.html>
    fn host(self, partition: &str, region: &str) -> (String, String) {
        let suffix = dns_suffix(partition);
        let name = self.name();
        let at = |region: &str| (format!("{name}.{region}.{suffix}"), region.to_owned());
        match (self, partition) {
            (Self::Iam, "aws") => (format!("{name}.{suffix}"), "us-east-1".to_owned()),
            (Self::Iam, "aws-us-gov") => {
                (format!("{name}.us-gov.{suffix}"), "us-gov-west-1".to_owned())
            }
            (Self::Iam, "aws-cn") => at("cn-north-1"),
            (Self::Organizations, "aws") => at("us-east-1"),
            (Self::Organizations, "aws-us-gov") => at("us-gov-west-1"),
            (Self::Organizations, "aws-cn") => at("cn-northwest-1"),
            (Self::Iam | Self::Organizations, "aws-iso") => at("us-iso-east-1"),
            (Self::Iam | Self::Organizations, "aws-iso-b") => at("us-isob-east-1"),
            (Self::Iam | Self::Organizations, "aws-eusc") => at("eusc-de-east-1"),
            _ => at(region),
        }
    }
}

/// The end of host names in a partition.
pub(crate) fn dns_suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The caller has no permission.
    Denied,
    /// The resource does not exist. The code, if the service returns one.
    Absent(String),
    /// Any other error, in words.
    Failed(String),
}

/// The services of an account, called with one set of credentials.
#[derive(Debug)]
pub(crate) struct Calls {
    config: SdkConfig,
    partition: String,
    region: String,
    credentials: Credentials,
    /// The connections, by service: TLS is set up once for each.
    open: Mutex<Vec<(Service, Arc<Http>)>>,
}

impl Calls {
    pub(crate) async fn new(config: &SdkConfig, partition: &str) -> Result<Self, Failure> {
        let provider = config
            .credentials_provider()
            .ok_or_else(|| Failure::other("there are no AWS credentials"))?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| Failure::because("cannot load the AWS credentials", error))?;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let partition = partition.to_owned();
        let config = config.clone();
        Ok(Self { config, partition, region, credentials, open: Mutex::default() })
    }

    /// The credentials that sign.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// Calls an operation with JSON in both directions, such as
    /// `Logs_20140328.DescribeLogGroups`.
    pub(crate) async fn json(
        &self,
        service: Service,
        target: &str,
        parameters: &Value,
    ) -> Result<Value, CallError> {
        let version = if service == Service::CloudWatch { "1.0" } else { "1.1" };
        let media = format!("application/x-amz-json-{version}");
        let request = HttpRequest::post("/", &media, parameters.to_string().as_bytes())
            .with_header("x-amz-target", target);
        json(&self.send(service, request).await?)
    }

    /// Reads a resource. The path is encoded, and its query is sorted.
    pub(crate) async fn get(&self, service: Service, path: &str) -> Result<Value, CallError> {
        // API Gateway returns another form of lists without this header.
        let request = HttpRequest::get(path).with_header("accept", "application/json");
        json(&self.send(service, request).await?)
    }

    /// Reads the bytes of a resource. The path is encoded, and its query is sorted.
    pub(crate) async fn bytes(&self, service: Service, path: &str) -> Result<Vec<u8>, CallError> {
        Ok(self.send(service, HttpRequest::get(path)).await?.body)
    }

    /// Reads a resource that is XML. The path is encoded, and its query is sorted.
    pub(crate) async fn xml(&self, service: Service, path: &str) -> Result<Element, CallError> {
        xml(&self.send(service, HttpRequest::get(path)).await?)
    }

    /// Calls an operation with a form as the request and XML as the response.
    pub(crate) async fn query(
        &self,
        service: Service,
        action: &str,
        version: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Element, CallError> {
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            form.push_str(&format!("&{}={}", encoded(name), encoded(value)));
        }
        let media = "application/x-www-form-urlencoded; charset=utf-8";
        xml(&self.send(service, HttpRequest::post("/", media, form)).await?)
    }

    async fn send(
        &self,
        service: Service,
        request: HttpRequest,
    ) -> Result<HttpResponse, CallError> {
        let failed =
            |error: &dyn std::fmt::Display| CallError::Failed(printable(&error.to_string()));
        let (http, region) = self.connection(service)?;
        // The signature of CloudWatch has the name of its host.
        let signing = Signing::new(&self.credentials, &region, service.name());
        let mut delay = FIRST_DELAY;
        let mut attempt = 1;
        loop {
            let signed = http.sign(request.clone(), signing).map_err(|error| failed(&error))?;
            let response = http.send(signed).await;
            let again = match &response {
                Ok(response) => {
                    response.status >= 500
                        || response.status == 429
                        || (response.status == 400 && code(response).contains("Throttl"))
                }
                Err(_) => false,
            };
            if again && attempt < ATTEMPTS {
                tokio::time::sleep(delay).await;
                delay *= 2;
                attempt += 1;
                continue;
            }
            let response = response.map_err(|error| failed(&error))?;
            return if response.status < 300 { Ok(response) } else { Err(refusal(&response)) };
        }
    }

    /// The connection to a service, and the region to sign for.
    fn connection(&self, service: Service) -> Result<(Arc<Http>, String), CallError> {
        let (url, region) = self.endpoint(service);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, http)) = open.iter().find(|(one, _)| *one == service) {
            return Ok((Arc::clone(http), region));
        }
        let endpoint: Endpoint =
            url.parse().map_err(|error| CallError::Failed(format!("`{url}`: {error}")))?;
        let http = Http::new(endpoint);
        let is_s3 = service == Service::S3;
        let http = if is_s3 { http.with_limits(OBJECT_TIMEOUT, MAX_OBJECT) } else { http };
        let http = Arc::new(http);
        open.push((service, Arc::clone(&http)));
        Ok((http, region))
    }

    /// The address of a service, and the region to sign for.
    fn endpoint(&self, service: Service) -> (String, String) {
        let key = ServiceConfigKey::builder()
            .service_id(service.sdk_id())
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let own = self
            .config
            .service_config()
            .zip(key.ok())
            .and_then(|(services, key)| services.load_config(key));
        let (host, region) = service.host(&self.partition, &self.region);
        let url = own
            .or_else(|| self.config.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| format!("https://{host}"));
        (url, region)
    }
}

/// A text as a part of a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn json(response: &HttpResponse) -> Result<Value, CallError> {
    serde_json::from_slice(&response.body)
        .map_err(|_| CallError::Failed("the response is not JSON".to_owned()))
}

fn xml(response: &HttpResponse) -> Result<Element, CallError> {
    Element::parse(&String::from_utf8_lossy(&response.body))
        .ok_or_else(|| CallError::Failed("the response is not XML".to_owned()))
}

/// The code of an error, in JSON or in XML. Empty if the body has none.
fn code(response: &HttpResponse) -> String {
    let text = String::from_utf8_lossy(&response.body);
    if let Ok(body) = serde_json::from_str::<Value>(&text) {
        let code = ["__type", "code", "Code"].iter().find_map(|key| body.get(key)?.as_str());
        // `com.amazonaws.logs#ResourceNotFoundException`
        return code.and_then(|code| code.rsplit('#').next()).unwrap_or_default().to_owned();
    }
    let element = Element::parse(&text);
    let code = element.as_ref().and_then(|root| root.find("Code"));
    code.map(|code| code.text.clone()).unwrap_or_default()
}

fn message(response: &HttpResponse) -> String {
    let text = String::from_utf8_lossy(&response.body);
    if let Ok(body) = serde_json::from_str::<Value>(&text) {
        let message = ["message", "Message"].iter().find_map(|key| body.get(key)?.as_str());
        return message.unwrap_or_default().to_owned();
    }
    let element = Element::parse(&text);
    let message = element.as_ref().and_then(|root| root.find("Message"));
    message.map(|message| message.text.clone()).unwrap_or_default()
}

fn refusal(response: &HttpResponse) -> CallError {
    let code = code(response);
    let denied = ["AccessDenied", "Unauthorized", "NotAuthorized"];
    let absent = ["NoSuchEntity", "NotFound", "NotInUse"];
    if denied.iter().any(|word| code.contains(word)) || response.status == 403 {
        CallError::Denied
    } else if absent.iter().any(|word| code.contains(word)) || response.status == 404 {
        CallError::Absent(code)
    } else {
        let parts = [format!("status {}", response.status), code, message(response)];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        CallError::Failed(printable(&parts.join(": ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> CallError {
        refusal(&HttpResponse::json(status, body))
    }

    #[test]
    fn a_refusal_is_read_in_each_protocol() {
        let denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
        assert_eq!(refused(403, denied), CallError::Denied);
        let body = r#"{"__type":"com.amazonaws.logs#AccessDeniedException","message":"no"}"#;
        assert_eq!(refused(400, body), CallError::Denied);
        assert_eq!(refused(403, r#"{"Message":"User is not authorized"}"#), CallError::Denied);
        let absent = "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>";
        assert_eq!(refused(404, absent), CallError::Absent("NoSuchEntity".to_owned()));
        let body = r#"{"__type":"ParameterNotFound"}"#;
        assert_eq!(refused(400, body), CallError::Absent("ParameterNotFound".to_owned()));
        let failed = refused(400, r#"{"__type":"ValidationException","message":"bad"}"#);
        assert_eq!(failed, CallError::Failed("status 400: ValidationException: bad".to_owned()));
        assert_eq!(refused(502, "<html>"), CallError::Failed("status 502".to_owned()));
    }

    #[test]
    fn services_of_a_partition_have_one_host_and_regional_services_one_in_each_region() {
        for (service, partition, host, region) in [
            (Service::Iam, "aws", "iam.amazonaws.com", "us-east-1"),
            (Service::Iam, "aws-us-gov", "iam.us-gov.amazonaws.com", "us-gov-west-1"),
            (Service::Organizations, "aws", "organizations.us-east-1.amazonaws.com", "us-east-1"),
            (Service::Lambda, "aws", "lambda.eu-central-1.amazonaws.com", "eu-central-1"),
            (
                Service::CloudWatch,
                "aws-cn",
                "monitoring.eu-central-1.amazonaws.com.cn",
                "eu-central-1",
            ),
        ] {
            let (found, signed) = service.host(partition, "eu-central-1");
            assert_eq!((found.as_str(), signed.as_str()), (host, region), "{service:?}");
        }
    }
}
