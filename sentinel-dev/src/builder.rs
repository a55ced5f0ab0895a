//! What the system consists of, before it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use sentinel_broker::{CallerRate, Home, Issuer};
use sentinel_store::memory::MemorySink;
use sentinel_store::{AuditSink, ProfileName};
use tokio::net::TcpListener;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

use crate::data::{Data, Documents};
use crate::identities::{self, Identity};
use crate::notify::Notices;
use crate::policy_files::PolicyFolder;
use crate::running::{Facts, LocalSentinel, Server};
use crate::system::{self, System};
use crate::{StartError, policies};

/// Maximum time that work in other threads may delay the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Configures the system. By default it has the example policies and identities, its data in a
/// temporary folder, its own issuer, a free port of 127.0.0.1, and records in memory.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    listen: SocketAddr,
    connections: usize,
    data: Option<PathBuf>,
    identities: Option<Vec<Identity>>,
    folder: Option<PathBuf>,
    policies: Vec<(String, String)>,
    sink: Option<Arc<dyn AuditSink>>,
    issuer: Option<(Arc<dyn Issuer>, Home)>,
    caller_rate: Option<CallerRate>,
    notify_command: Option<String>,
    colors: bool,
    allow_remote: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            connections: 256,
            data: None,
            identities: None,
            folder: None,
            policies: Vec::new(),
            sink: None,
            issuer: None,
            caller_rate: Some(CallerRate::default()),
            notify_command: None,
            colors: false,
            allow_remote: false,
        }
    }
}

impl Builder {
    /// Listens on that address; port 0 selects a free port. Every process that can reach the address
    /// and read the credentials file can act as every identity.
    pub fn listen(self, address: SocketAddr) -> Self {
        Self { listen: address, ..self }
    }

    /// Allows an address that other machines can reach.
    pub fn allow_remote(self, allow_remote: bool) -> Self {
        Self { allow_remote, ..self }
    }

    /// Accepts up to that number of concurrent connections.
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// Keeps sessions, requests, grants and keys in that folder, which only its owner can write to.
    /// It is created if it does not exist.
    pub fn data(self, folder: impl Into<PathBuf>) -> Self {
        Self { data: Some(folder.into()), ..self }
    }

    /// Serves these callers in place of the [examples](Identity::examples).
    pub fn identities(self, identities: Vec<Identity>) -> Self {
        Self { identities: Some(identities), ..self }
    }

    /// Uses the policies in that folder: `main.yaml` and `PROFILE.yaml`. A change takes effect about
    /// a second later.
    pub fn policies(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// Uses that text as the document of a profile, or as the main document if the name is `main`.
    /// The texts replace the examples.
    pub fn policy(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.policies.push((name.into(), text.into()));
        self
    }

    /// Writes records to that sink. Without it, [`LocalSentinel::records`] and [`Server::records`] have
    /// them.
    pub fn sink(self, sink: Arc<dyn AuditSink>) -> Self {
        Self { sink: Some(sink), ..self }
    }

    /// Vends the credentials of that issuer, as the TVM of that account. Without it, credentials are
    /// valid only for the system's own `/sts`.
    pub fn issuer(self, issuer: Arc<dyn Issuer>, home: Home) -> Self {
        Self { issuer: Some((issuer, home)), ..self }
    }

    /// Limits the vends of one caller to that rate. `None` for no limit. Without it, the limit is that
    /// of the TVM.
    pub fn caller_rate(self, caller_rate: impl Into<Option<CallerRate>>) -> Self {
        Self { caller_rate: caller_rate.into(), ..self }
    }

    /// Runs that command in a shell for each notice about a request or a grant, with the event on its
    /// standard input.
    pub fn notify_command(self, command: impl Into<String>) -> Self {
        Self { notify_command: Some(command.into()), ..self }
    }

    /// Uses color in reports on policies, which are written to the log.
    pub fn colors(self, colors: bool) -> Self {
        Self { colors, ..self }
    }

    /// Starts the system in a thread with its own runtime, and returns when it is ready.
    ///
    /// # Errors
    /// If the policies folder, the data folder or the address cannot be used. A policy with errors is
    /// not a reason: its profiles are refused, and the log has the diagnostics.
    pub fn start(self) -> Result<LocalSentinel, StartError> {
        let cannot = |error: io::Error| StartError::because("cannot start", error);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(cannot)?;
        let (end, ended) = oneshot::channel::<()>();
        let (ready, started) = mpsc::channel();
        let work = async move {
            let server = match self.bind().await {
                Ok(server) => server,
                Err(error) => return drop(ready.send(Err(error))),
            };
            if ready.send(Ok(server.facts.clone())).is_ok() {
                server.serve(async { drop(ended.await) }).await;
            }
        };
        let thread = thread::Builder::new()
            .name("sentinel-dev".to_owned())
            .spawn(move || {
                runtime.block_on(work);
                runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
            })
            .map_err(cannot)?;
        match started.recv() {
            Ok(facts) => Ok(LocalSentinel::new(facts?, end, thread)),
            Err(_) => Err(StartError::other("cannot start: the thread of the server ended")),
        }
    }

    /// Binds the address, without a new thread. [`Server::serve`] then serves requests. It
    /// needs a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// As those of [`start`](Self::start), and if the runtime has a single thread.
    pub async fn bind(self) -> Result<Server, StartError> {
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Err(StartError::other("the local system needs a multi-threaded runtime"));
        }
        let address = self.listen;
        if !address.ip().to_canonical().is_loopback() && !self.allow_remote {
            return Err(StartError::other(format!(
                "{address} can be reached from other machines, and each key of the credentials \
                 file can be used there"
            )));
        }
        let identities = match self.identities {
            Some(identities) => identities,
            None => Identity::examples()?,
        };
        identities::check(&identities).map_err(StartError::other)?;
        let data = Data::open(self.data.as_deref())?;
        let documents = match self.folder {
            Some(_) if !self.policies.is_empty() => {
                return Err(StartError::other("both a folder and texts of policies were passed"));
            }
            None if !self.policies.is_empty() => data.write_policies(named(self.policies)?)?,
            Some(folder) => Documents::new(policies::folder(&folder)?),
            None => data.example_policies()?,
        };
        let (sink, records): (Arc<dyn AuditSink>, _) = match self.sink {
            Some(sink) => (sink, None),
            None => {
                let records = Arc::new(MemorySink::default());
                (records.clone(), Some(records))
            }
        };
        let notify = self.notify_command.map(|command| {
            let (notices, receiver) = Notices::new();
            (notices, (command, receiver))
        });
        let (notices, notify) = notify.unzip();
        let (issuer, rate) = (self.issuer, self.caller_rate);
        let System { gateway, stores, credentials_file, keys, folder, temporary, documents } =
            system::build(&data, identities, documents, sink, issuer, rate, notices)?;
        let policy_folder = PolicyFolder::new(documents.clone(), folder.clone());
        let mut reporter = policies::Reporter::new(documents, folder.clone(), self.colors);
        reporter.report();
        let listening = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let facts = Facts { address, credentials_file, policies: folder, keys, records };
        Ok(Server {
            listener,
            connections: self.connections,
            gateway: Arc::new(gateway),
            stores,
            notify,
            reporter,
            data,
            temporary_policies: temporary,
            policy_folder,
            mounted: None,
            facts,
        })
    }
}

impl LocalSentinel {
    /// A system to configure.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

fn named(policies: Vec<(String, String)>) -> Result<Vec<(ProfileName, String)>, StartError> {
    let mut named: Vec<(ProfileName, String)> = Vec::new();
    for (name, text) in policies {
        let what = || format!("the policy `{}`", name.escape_debug());
        let name = ProfileName::parse(&name).map_err(|error| StartError::because(what(), error))?;
        if named.iter().any(|(other, _)| *other == name) {
            return Err(StartError::because(what(), "was passed twice"));
        }
        named.push((name, text));
    }
    Ok(named)
}
