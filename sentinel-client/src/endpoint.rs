//! The address of a TVM, and the region to sign for that it implies.

use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::Authority;

/// The address of a TVM. `https` is allowed for any host, `http` for this machine
/// only, since the response contains credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    /// Host and port, as in the Host header.
    authority: String,
    host: String,
    /// Path of a stage or a mapping, without a trailing slash. Usually empty.
    prefix: String,
    /// The region of the API, for a host that does not contain it.
    region: Option<String>,
}

/// The text is not the address of a TVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The text is not a URL.
    #[error("not a URL such as https://HOST/")]
    Malformed,
    /// The URL has parts that an address must not have.
    #[error("an address has no user, query or fragment")]
    Superfluous,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The URL is neither https nor loopback.
    #[error(
        "the credentials would be returned unencrypted: use https (http is for 127.0.0.1, ::1 and localhost)"
    )]
    Clear,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text.contains(['?', '#']) {
            return Err(EndpointError::Superfluous);
        }
        let uri: Uri = text.parse().map_err(|_| EndpointError::Malformed)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(EndpointError::Malformed);
        };
        if authority.as_str().contains('@') {
            return Err(EndpointError::Superfluous);
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(EndpointError::Malformed);
        }
        let (scheme, default_port) = match scheme {
            "https" => ("https", 443),
            "http" if is_loopback(&host) => ("http", 80),
            "http" => return Err(EndpointError::Clear),
            _ => return Err(EndpointError::Malformed),
        };
        // The Host header is signed, and HTTP clients omit the default port of the
        // scheme.
        let authority = match port(authority)? {
            Some(port) if port != default_port => format!("{host}:{port}"),
            Some(_) | None => host.clone(),
        };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { scheme, authority, host, prefix, region: None })
    }
}

impl Endpoint {
    /// Host and port, as in the Host header.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The URL of a route, such as `/profiles`.
    #[must_use]
    pub fn route(&self, path: &str) -> String {
        format!("{}://{}{}{path}", self.scheme, self.authority, self.prefix)
    }

    /// Whether requests are sent without encryption, which only this machine receives.
    pub(crate) fn is_plain(&self) -> bool {
        self.scheme == "http"
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The same endpoint, whose API is in that region. It is for hosts that do not contain their
    /// region, such as a custom domain name; another host keeps its own.
    #[must_use]
    pub fn with_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// The region to sign for: the one in the host name, which `*.execute-api.R.*` and
    /// `*.lambda-url.R.*` have, else the one that was set. `None` if there is neither.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region_of_host().or(self.region.as_deref())
    }

    fn region_of_host(&self) -> Option<&str> {
        let labels: Vec<&str> = self.host.split('.').collect();
        // At least one label precedes the service, and at least one follows the
        // region.
        labels.windows(4).find_map(|window| match window {
            [_, "execute-api" | "lambda-url", region, _] => Some(*region),
            _ => None,
        })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.route("/"))
    }
}

/// The port of an authority; `None` if it has none. `Authority::port_u16`
/// returns `None` for an invalid port too.
fn port(authority: &Authority) -> Result<Option<u16>, EndpointError> {
    match authority.as_str().strip_prefix(authority.host()) {
        Some("") => Ok(None),
        Some(rest) => {
            let digits = rest.strip_prefix(':').ok_or(EndpointError::Malformed)?;
            if !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(EndpointError::Port);
            }
            match digits.parse() {
                Ok(0) | Err(_) => Err(EndpointError::Port),
                Ok(port) => Ok(Some(port)),
            }
        }
        None => Err(EndpointError::Malformed),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    // RFC 6761, section 6.3: names under `localhost` stay on the machine.
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_aws_contain_the_region() {
        for (url, region) in [
            ("https://abc.execute-api.eu-central-1.amazonaws.com/prod", Some("eu-central-1")),
            ("https://abc.lambda-url.us-gov-west-1.on.aws/", Some("us-gov-west-1")),
            ("https://abc.execute-api.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://a.b.execute-api.us-east-1.vpce.amazonaws.com", Some("us-east-1")),
            ("https://execute-api.us-east-1.amazonaws.com", None),
            ("http://abc.execute-api.localhost:4566", None),
            ("https://tvm.example.com", None),
            ("http://127.0.0.1:8787", None),
            ("https://a.lambda-url.b", None),
        ] {
            assert_eq!(url.parse::<Endpoint>().unwrap().region(), region, "{url}");
        }
    }

    #[test]
    fn a_region_is_used_only_for_a_host_without_one() {
        let custom: Endpoint = "https://tvm.example.com".parse().unwrap();
        assert_eq!(custom.with_region("eu-west-1").region(), Some("eu-west-1"));
        let aws: Endpoint = "https://abc.execute-api.us-east-2.amazonaws.com".parse().unwrap();
        assert_eq!(aws.with_region("eu-west-1").region(), Some("us-east-2"));
    }

    #[test]
    fn routes_keep_the_stage_and_the_host_header_leaves_out_implied_ports() {
        let endpoint: Endpoint = "https://TVM.example.com:443/prod/".parse().unwrap();
        assert_eq!(endpoint.authority(), "tvm.example.com");
        assert_eq!(endpoint.route("/profiles"), "https://tvm.example.com/prod/profiles");
        let local: Endpoint = "http://[::1]:8787".parse().unwrap();
        assert_eq!(local.route("/"), "http://[::1]:8787/");
    }

    #[test]
    fn clear_text_is_for_this_machine_only() {
        for url in ["http://localhost:1", "http://a.localhost", "http://127.1.2.3", "http://[::1]"]
        {
            assert!(url.parse::<Endpoint>().unwrap().is_loopback(), "{url}");
        }
        for url in ["http://tvm.example.com", "http://10.0.0.1", "http://localhost.evil.com"] {
            assert_eq!(url.parse::<Endpoint>(), Err(EndpointError::Clear), "{url}");
        }
    }

    #[test]
    fn a_port_is_a_number_from_1_to_65535() {
        for port in ["99999", "65536", "0", "", "+80"] {
            for host in ["127.0.0.1", "[::1]"] {
                let url = format!("http://{host}:{port}");
                assert_eq!(url.parse::<Endpoint>(), Err(EndpointError::Port), "{url}");
            }
        }
        // The URL parser refuses some of them.
        for port in ["80a", "-1", "8 0", "1:2"] {
            assert!(format!("http://127.0.0.1:{port}/").parse::<Endpoint>().is_err(), "{port}");
        }
        let endpoint: Endpoint = "http://[::1]:65535".parse().unwrap();
        assert_eq!(endpoint.authority(), "[::1]:65535");
    }

    #[test]
    fn text_that_is_not_an_address_is_refused() {
        for url in ["", "tvm", "ftp://x", "/", "https://"] {
            assert_eq!(url.parse::<Endpoint>(), Err(EndpointError::Malformed), "{url:?}");
        }
        for url in ["https://a@b", "https://b/?x=1", "https://b/#c"] {
            assert_eq!(url.parse::<Endpoint>(), Err(EndpointError::Superfluous), "{url:?}");
        }
    }
}
