//! The system while it runs.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use aws_credential_types::Credentials;
use sentinel_store::memory::MemorySink;
use sentinel_store::{Notice, Record};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc::Receiver, oneshot};
use tokio::task::JoinSet;

use crate::data::{self, AccessKey, Data};
use crate::gateway::Gateway;
use crate::identities::Identity;
use crate::mount::{Mount, Mounted};
use crate::policy_files::PolicyFolder;
use crate::system::{self, Stores};
use crate::{notify, policies, server};

/// What callers need to use the system.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) address: SocketAddr,
    pub(crate) credentials_file: PathBuf,
    pub(crate) policies: PathBuf,
    pub(crate) keys: Vec<(Identity, AccessKey)>,
    /// The records, if they are not written to another sink.
    pub(crate) records: Option<Arc<MemorySink>>,
}

/// A system that listens, and serves requests once [`serve`](Self::serve) runs.
pub struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) connections: usize,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) stores: Stores,
    /// The command that receives the notices.
    pub(crate) notify: Option<(String, Receiver<Notice>)>,
    pub(crate) reporter: policies::Reporter,
    pub(crate) data: Data,
    pub(crate) temporary_policies: Option<TempDir>,
    pub(crate) policy_folder: PolicyFolder,
    pub(crate) mounted: Option<Mounted>,
    pub(crate) facts: Facts,
}

/// What both a listening and a running system report.
macro_rules! facts {
    () => {
        /// The URL, such as `http://127.0.0.1:8787`: the endpoint of the TVM. `/sts` and
        /// `/downstream/` are under it.
        #[must_use]
        pub fn url(&self) -> String {
            format!("http://{}", self.facts.address)
        }

        /// The AWS credentials file, with a section for each identity.
        #[must_use]
        pub fn credentials_file(&self) -> &Path {
            &self.facts.credentials_file
        }

        /// The folder of policies.
        #[must_use]
        pub fn policies(&self) -> &Path {
            &self.facts.policies
        }

        /// The callers.
        pub fn identities(&self) -> impl Iterator<Item = &Identity> {
            self.facts.keys.iter().map(|(identity, _)| identity)
        }

        /// The access key of an identity. `None` if no identity has that name.
        #[must_use]
        pub fn credentials(&self, name: &str) -> Option<Credentials> {
            let (_, key) = self.facts.keys.iter().find(|(identity, _)| identity.name == name)?;
            Some(Credentials::new(&key.id, key.secret.reveal(), None, None, "sentinel-dev"))
        }

        /// The records of decisions and events so far. Empty if the system has another sink.
        #[must_use]
        pub fn records(&self) -> Vec<Record> {
            self.facts.records.as_ref().map(|sink| sink.records()).unwrap_or_default()
        }
    };
}

impl Server {
    facts!();

    /// The address that it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.facts.address
    }

    /// The folder of policies, for a page that shows its files.
    #[must_use]
    pub fn policy_folder(&self) -> PolicyFolder {
        self.policy_folder.clone()
    }

    /// Passes the requests whose path is `path` or under it to `mount`. The path has no slash at the
    /// end, and is none of the system's.
    #[must_use]
    pub fn mount(self, path: &'static str, mount: Arc<dyn Mount>) -> Self {
        Self { mounted: Some(Mounted { path, mount }), ..self }
    }

    /// Serves requests until `end`, then lets requests in flight finish.
    pub async fn serve(self, end: impl Future<Output = ()>) {
        let database = self.data.database();
        // The tasks end with this future, also if it is dropped.
        let mut background = JoinSet::new();
        background.spawn(system::purge(self.stores));
        if let Some((command, notices)) = self.notify {
            background.spawn(notify::run(command, notices));
        }
        background.spawn(self.reporter.follow());
        background.spawn(async move { data::report_loss(&database).await });
        server::serve(self.listener, self.connections, self.gateway, self.mounted, end).await;
        drop(self.temporary_policies);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// The running system. It ends when it is dropped, which blocks until requests in flight are finished,
/// for six seconds at most.
pub struct LocalSentinel {
    facts: Facts,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalSentinel {
    facts!();

    /// A system that serves requests in `thread` until `end` is dropped.
    pub(crate) fn new(facts: Facts, end: oneshot::Sender<()>, thread: JoinHandle<()>) -> Self {
        Self { facts, end: Some(end), thread: Some(thread) }
    }
}

impl Drop for LocalSentinel {
    fn drop(&mut self) {
        drop(self.end.take());
        // The temporary folder is removed at the end of the thread. A panic in it was reported.
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl fmt::Debug for LocalSentinel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSentinel").field("url", &self.url()).finish_non_exhaustive()
    }
}
