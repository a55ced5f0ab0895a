//! A page of the AWS console. Nothing else is accepted, so that a link to `sentinel open` cannot
//! lead a person who has just signed in to another site.

use crate::output::Failure;

/// The page to open after the sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// A path with query and fragment.
    Path(String),
    /// A URL: its host in lower case, and what follows it.
    Url { host: String, rest: String },
}

impl Destination {
    /// Reads the name of a service, a path or an https URL.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let destination = if let Some(rest) = text.strip_prefix("https://") {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            rest.split_at_checked(end).and_then(|(host, rest)| Self::url(host, rest))
        } else if text.starts_with('/') {
            Some(Self::Path(text.to_owned())).filter(|_| !text.starts_with("//") && is_plain(text))
        } else {
            is_service(text).then(|| Self::Path(format!("/{text}/home")))
        };
        destination.ok_or_else(|| {
            "a page is the name of a service such as `s3`, a path such as `/s3/buckets`, or an \
             https URL of the AWS console"
                .to_owned()
        })
    }

    /// A URL without a port and without user information.
    fn url(host: &str, rest: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let labels = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        (labels && is_plain(rest)).then(|| Self::Url { host, rest: rest.to_owned() })
    }

    /// The URL of the page in the console at that host.
    pub(super) fn at(&self, console: &str) -> Result<String, Failure> {
        match self {
            Self::Path(path) => Ok(format!("https://{console}{path}")),
            Self::Url { host, rest } => {
                let parent = host.strip_suffix(console).is_some_and(|front| {
                    front.is_empty()
                        || front.strip_suffix('.').is_some_and(|front| !front.is_empty())
                });
                if parent {
                    Ok(format!("https://{host}{rest}"))
                } else {
                    Err(Failure::Usage(format!(
                        "`{host}` is not the AWS console: the console of this profile is \
                         `{console}`"
                    )))
                }
            }
        }
    }
}

fn is_service(text: &str) -> bool {
    let name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(name)
}

/// Only characters of a URL: browsers read a backslash as a slash and drop line ends.
fn is_plain(text: &str) -> bool {
    text.len() <= 2048 && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "console.aws.amazon.com";

    fn page(text: &str) -> Result<String, String> {
        Destination::parse(text)?.at(CONSOLE).map_err(|failure| failure.to_string())
    }

    #[test]
    fn services_paths_and_urls_of_the_console_are_pages() {
        for (text, url) in [
            ("s3", "https://console.aws.amazon.com/s3/home"),
            ("/s3/buckets", "https://console.aws.amazon.com/s3/buckets"),
            (
                "/ec2/home?region=x#Instances:",
                "https://console.aws.amazon.com/ec2/home?region=x#Instances:",
            ),
            ("https://console.aws.amazon.com", "https://console.aws.amazon.com"),
            (
                "https://US-east-1.console.aws.amazon.com/x",
                "https://us-east-1.console.aws.amazon.com/x",
            ),
            (
                "https://s3.console.aws.amazon.com/s3?a=b",
                "https://s3.console.aws.amazon.com/s3?a=b",
            ),
        ] {
            assert_eq!(page(text).as_deref(), Ok(url));
        }
    }

    #[test]
    fn a_page_of_another_site_is_refused_in_every_disguise() {
        for text in [
            "https://evil.example/",
            "http://console.aws.amazon.com/",
            "https://console.aws.amazon.com.evil.example/",
            "https://evilconsole.aws.amazon.com/",
            "https://.console.aws.amazon.com/",
            "https://console.aws.amazon.com@evil.example/",
            "https://console.aws.amazon.com:443@evil.example/",
            "https://evil.example#.console.aws.amazon.com",
            "https://evil.example?.console.aws.amazon.com",
            "https://evil.example\\.console.aws.amazon.com",
            "https://console.aws.amazon.com\\@evil.example",
            "https://evil.example%2f.console.aws.amazon.com",
            "https://console.aws.amazon.com:8443/",
            "https://console.amazonaws.cn/",
            "https:console.aws.amazon.com",
            "https:///console.aws.amazon.com",
            "//evil.example/",
            "/\\evil.example/",
            "/a\nb",
            "/a b",
            "javascript:alert(1)",
            "data:text/html,x",
            "evil.example",
            "S3",
            "-s3",
            "",
        ] {
            assert!(page(text).is_err(), "{text}");
        }
    }
}
