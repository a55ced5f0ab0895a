//! `sentinel console`: a web page for approvals, grants and sessions, served on loopback to the browser
//! of one person. Every call to the TVM is signed with that person's AWS credentials.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use clap::Args;
use sentinel_console::{Console, LinkUse, Person};
use serde::Serialize;
use tempfile::{NamedTempFile, TempPath};
use tokio::net::TcpListener;

use crate::listen::not_listening;
use crate::output::{Failure, Outcome, Screen, log_to_stderr};
use crate::signals::EndSignals;
use crate::tvm::Connection;

/// Serve a web page for approvals, grants and sessions to your browser.
///
/// The page decides requests, requests approvals, breaks glass and revokes sessions. It vends no
/// credentials. Your AWS credentials stay in this process, which signs every call to the TVM, and
/// loads them again when they expire. The printed link can be used once. Ctrl-C ends the page.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel console
  sentinel console --open
  sentinel console --aws-profile alice
  sentinel console --format json")]
pub(crate) struct Arguments {
    /// Loopback address and port to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Open the link in your browser (default: only print it)
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    connection: Connection,
}

/// The ready message for programs.
#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "{} can be reached from other machines, and the page acts as you: use 127.0.0.1",
            arguments.listen
        )));
    }
    log_to_stderr(screen).map_err(Failure::output)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("cannot start", error))?;
    runtime.block_on(serve(arguments, screen))
}

async fn serve(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let client = arguments.connection.open_for_polling().await?;
    let address = arguments.listen;
    let cannot = |error| not_listening(address, &error);
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let person = Person::new("you", client).with_sign_in(sign_in(&arguments.connection));
    let console = Console::new(vec![person], address, LinkUse::Once)
        .map_err(|error| Failure::because("cannot start the console", error))?;
    // Before the ready message.
    let end = EndSignals::receive()?;
    let url = console.link();
    if screen.is_json() {
        let line = serde_json::to_string(&Ready { url: &url })
            .map_err(|error| Failure::because("cannot write the ready message", error))?;
        screen.print(&format!("{line}\n"))?;
    } else {
        screen.print(&format!(
            "The console is at this link, which can be used once:\n  {url}\nCtrl-C ends it.\n"
        ))?;
    }
    let opened = if arguments.open { open(&url, screen) } else { None };
    sentinel_console::serve(listener, Arc::new(console), end.received()).await;
    drop(opened);
    Ok(Outcome::Done)
}

/// The command that signs in again.
fn sign_in(connection: &Connection) -> String {
    let configured = std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    match connection.aws_profile.clone().or(configured) {
        Some(name) => format!("aws sso login --profile {name}"),
        None => "aws sso login".to_owned(),
    }
}

/// Opens the link in the browser. The arguments of a process can be read by other users of the machine,
/// so the browser opens a private file that leads to the link. The file exists until the result is
/// dropped.
fn open(url: &str, screen: &Screen) -> Option<TempPath> {
    let written = || -> std::io::Result<TempPath> {
        // `tempfile` creates files of mode 0600.
        let mut file: NamedTempFile =
            tempfile::Builder::new().prefix("sentinel-console-").suffix(".html").tempfile()?;
        write!(
            file,
            "<!doctype html><meta charset=\"utf-8\"><title>Sentinel console</title>\
             <meta http-equiv=\"refresh\" content=\"0; url={url}\">"
        )?;
        Ok(file.into_temp_path())
    };
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = written().and_then(|path| {
        let mut child = Command::new(program)
            .arg(path.as_os_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // It ends when the browser has received the file, or with the browser.
        std::thread::spawn(move || drop(child.wait()));
        Ok(path)
    });
    match started {
        Ok(path) => Some(path),
        Err(error) => {
            screen.warn(&format!("cannot open a browser with `{program}`: {error}; use the link"));
            None
        }
    }
}
