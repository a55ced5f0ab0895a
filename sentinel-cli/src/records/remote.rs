//! Records in AWS: objects of S3, and a log group of CloudWatch Logs.

use std::io::{self, Read};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::aws::{self, AwsOptions, CallError, Calls, Service, encoded};
use crate::output::{Failure, printable};

/// The account that the sources are in.
pub(crate) struct Remote {
    runtime: Runtime,
    calls: Calls,
}

impl Remote {
    pub(super) fn open(options: &AwsOptions) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::because("cannot start", error))?;
        let calls = runtime.block_on(async {
            let config = options.open().await?;
            let region = config.region().map(ToString::to_string).unwrap_or_default();
            Calls::new(&config, aws::partition_of(&region)).await
        })?;
        Ok(Self { runtime, calls })
    }

    /// The keys of the objects below a prefix, in their order.
    pub(super) fn keys(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Failure> {
        let mut keys = Vec::new();
        let mut token: Option<String> = None;
        loop {
            // The signature needs a query that is sorted.
            let continued = token.map(|token| format!("continuation-token={}&", encoded(&token)));
            let path = format!(
                "/{}?{}list-type=2&prefix={}",
                encoded(bucket),
                continued.unwrap_or_default(),
                encoded(prefix)
            );
            let page = self
                .runtime
                .block_on(self.calls.xml(Service::S3, &path))
                .map_err(|error| failure(bucket, prefix, error))?;
            for object in page.children.iter().filter(|child| child.name == "Contents") {
                // A key with `/` at the end is a folder that the console made.
                if let Some(key) = object.get("Key").filter(|key| !key.ends_with('/')) {
                    keys.push(key.to_owned());
                }
            }
            token = page.get("NextContinuationToken").map(str::to_owned);
            if token.is_none() {
                return Ok(keys);
            }
        }
    }

    /// The bytes of an object.
    pub(super) fn object(&self, bucket: &str, key: &str) -> Result<Vec<u8>, Failure> {
        let segments: Vec<_> = key.split('/').map(encoded).collect();
        let path = format!("/{}/{}", encoded(bucket), segments.join("/"));
        self.runtime
            .block_on(self.calls.bytes(Service::S3, &path))
            .map_err(|error| failure(bucket, key, error))
    }
}

fn failure(bucket: &str, key: &str, error: CallError) -> Failure {
    let (bucket, key) = (printable(bucket), printable(key));
    let cause = cause(error, "the request", "it");
    Failure::other(format!("cannot read `s3://{bucket}/{key}`: {cause}"))
}

/// Why a call failed, with the names of the call and of what it reads.
fn cause(error: CallError, call: &str, resource: &str) -> String {
    match error {
        CallError::Denied => format!("AWS denied {call}"),
        CallError::Absent(code) => format!("{resource} does not exist ({code})"),
        CallError::Failed(message) => message,
    }
}

/// The events of a log group, one line each, from a time on. They are read page by page.
pub(super) struct LogEvents {
    remote: Arc<Remote>,
    group: String,
    since: DateTime<Utc>,
    token: Option<String>,
    /// The lines of the last page.
    page: io::Cursor<Vec<u8>>,
    ended: bool,
}

impl LogEvents {
    pub(super) const fn new(remote: Arc<Remote>, group: String, since: DateTime<Utc>) -> Self {
        let page = io::Cursor::new(Vec::new());
        Self { remote, group, since, token: None, page, ended: false }
    }

    fn next_page(&mut self) -> io::Result<()> {
        let parameters = Filter {
            log_group_name: &self.group,
            start_time: self.since.timestamp_millis().max(0),
            next_token: self.token.take(),
        };
        let parameters = serde_json::to_value(parameters).map_err(io::Error::other)?;
        let call =
            self.remote.calls.json(Service::Logs, "Logs_20140328.FilterLogEvents", &parameters);
        let response = self.remote.runtime.block_on(call).map_err(|error| {
            io::Error::other(cause(error, "logs:FilterLogEvents", "the log group"))
        })?;
        let found: Filtered = serde_json::from_value(response).map_err(io::Error::other)?;
        let mut lines = Vec::new();
        for event in found.events {
            lines.extend_from_slice(event.message.trim_end_matches('\n').as_bytes());
            lines.push(b'\n');
        }
        self.page = io::Cursor::new(lines);
        self.token = found.next_token;
        self.ended = self.token.is_none();
        Ok(())
    }
}

/// A request of `FilterLogEvents`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filter<'a> {
    log_group_name: &'a str,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// A response of `FilterLogEvents`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filtered {
    #[serde(default)]
    events: Vec<LogEvent>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct LogEvent {
    message: String,
}

impl Read for LogEvents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.page.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.ended {
                return Ok(read);
            }
            self.next_page()?;
        }
    }
}
