//! The proxy as a process: `aws-proxy --upstream URL [--record FILE.jsonl]`. When it is ready, it
//! prints one line, `{"url":"http://127.0.0.1:PORT"}`. It ends on SIGTERM, on Ctrl-C, or when its
//! parent process ends it. It forwards every call and records it as one line of JSON.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;

use sentinel_testkit::proxy::Proxy;
use sentinel_testkit::until_ended;

const USAGE: &str = "usage: aws-proxy --upstream URL [--record FILE.jsonl]";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut upstream, mut record) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--upstream" => upstream = Some(value),
            "--record" => record = Some(value),
            _ => return Err(USAGE.into()),
        }
    }
    let proxy = Proxy::start(&upstream.ok_or(USAGE)?).await?;
    if let Some(path) = record {
        proxy.record(OpenOptions::new().create(true).append(true).open(path)?);
    }
    writeln!(std::io::stdout(), "{}", serde_json::json!({ "url": proxy.url() }))?;
    until_ended().await?;
    Ok(())
}
