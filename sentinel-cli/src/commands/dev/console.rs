//! The console of `sentinel dev`: it acts as each identity, with requests that are signed with the
//! identity's key and sent to this server, and shows records as they are written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use sentinel_client::{Client, Endpoint};
use sentinel_console::{
    Body, Console, Feed, LinkUse, Person, PolicyFile, PolicyFiles, PolicyProblem,
};
use sentinel_dev::{Mount, PolicyFolder, Server};
use sentinel_store::{AuditError, AuditSink, Record};

use crate::output::Failure;

/// The console of the server. `None` if the server cannot be reached at a loopback address.
pub(super) fn of(server: &Server, feed: Feed) -> Result<Option<Arc<Console>>, Failure> {
    let Some(address) = loopback(server.address()) else { return Ok(None) };
    let failed = |error: String| Failure::other(format!("cannot start the console: {error}"));
    let endpoint: Endpoint =
        format!("http://{address}").parse().map_err(|error| failed(format!("{error}")))?;
    let people = server.identities().filter_map(|identity| {
        let credentials = server.credentials(identity.name())?;
        Some(Person::new(identity.name(), Client::new(endpoint.clone(), credentials)))
    });
    // The link stays in a terminal, and the identities exist on this server only.
    let console = Console::new(people.collect(), address, LinkUse::UntilEnd)
        .map_err(|error| failed(error.to_string()))?
        .with_feed(feed)
        .with_policies(Arc::new(Policies(server.policy_folder())));
    Ok(Some(Arc::new(console)))
}

/// The loopback address at which a server that listens there can be reached.
fn loopback(listening: SocketAddr) -> Option<SocketAddr> {
    let ip = match listening.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    Some(SocketAddr::new(ip, listening.port()))
}

/// Passes requests of the server to the console.
#[derive(Debug)]
pub(super) struct Mounted(pub(super) Arc<Console>);

#[async_trait]
impl Mount for Mounted {
    async fn serve(&self, request: &http::Request<Vec<u8>>, peer: IpAddr) -> http::Response<Body> {
        self.0.handle(request, peer).await
    }
}

/// Writes records to another sink, and then to the console.
#[derive(Debug)]
pub(super) struct Shown<S> {
    pub(super) sink: S,
    pub(super) feed: Feed,
}

impl<S: AuditSink> AuditSink for Shown<S> {
    fn write(&self, record: &Record) -> Result<(), AuditError> {
        self.sink.write(record)?;
        // The page misses a record that is not JSON; the sink has written it.
        if let Ok(value) = serde_json::to_value(record) {
            self.feed.push(value);
        }
        Ok(())
    }
}

/// The policies folder of the server.
#[derive(Debug)]
struct Policies(PolicyFolder);

#[async_trait]
impl PolicyFiles for Policies {
    async fn read(&self) -> Result<Vec<PolicyFile>, String> {
        let folder = self.0.clone();
        let files = tokio::task::spawn_blocking(move || folder.read())
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("cannot read the policies folder: {error}"))?;
        Ok(files.iter().map(shown).collect())
    }
}

fn shown(file: &sentinel_dev::PolicyFile) -> PolicyFile {
    let unreadable = file
        .unreadable
        .iter()
        .map(|cause| PolicyProblem::new("error", format!("cannot be used: {cause}")));
    let found = file.diagnostics.iter().flat_map(|found| found.iter()).map(|found| {
        let start = found.span.start;
        PolicyProblem::new(found.severity.as_str(), &found.message)
            .at(start.line, start.column)
            .with_help(found.help.clone())
    });
    PolicyFile::new(&file.name, &file.text)
        .with_problems(unreadable.chain(found).collect(), file.is_usable())
}
