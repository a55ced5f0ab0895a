//! The strict STS stand-in as a process: `sts-stand-in SETUP.json`. When it is ready, it prints one
//! line, `{"url":"http://127.0.0.1:PORT"}`. It ends on SIGTERM, on Ctrl-C, or when its parent
//! process ends it.

use std::error::Error;
use std::io::Write;

use sentinel_testkit::sts::{Setup, StandIn};
use sentinel_testkit::until_ended;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args_os().nth(1) else {
        return Err("usage: sts-stand-in SETUP.json".into());
    };
    let setup: Setup = serde_json::from_slice(&std::fs::read(path)?)?;
    let stand_in = StandIn::start(&setup).await?;
    writeln!(std::io::stdout(), "{}", serde_json::json!({ "url": stand_in.url() }))?;
    until_ended().await?;
    Ok(())
}
