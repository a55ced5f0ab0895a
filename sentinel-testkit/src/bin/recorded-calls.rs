//! `recorded-calls FOLDER…`: compares the calls that a whole run recorded in these folders with the
//! IAM documents, for each holder. Exits with 0 if they match. Otherwise it prints the differences
//! to standard output and exits with 1.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use sentinel_testkit::permissions::{NOT_RECORDED, differences};
use sentinel_testkit::recorded::{Holder, deployment, place};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if folders.is_empty() {
        return Err("usage: recorded-calls FOLDER…".into());
    }
    let deployment = deployment()?;
    let mut out = std::io::stdout();
    let mut equal = true;
    for holder in Holder::ALL {
        let mut calls = Vec::new();
        for folder in &folders {
            calls.extend(holder.read(folder)?);
        }
        let document = deployment.document(holder.document());
        let differences = differences(&document, &calls, &place(&deployment));
        let (name, count) = (holder.as_str(), calls.len());
        for difference in &differences {
            writeln!(out, "{name}: {difference}")?;
        }
        if differences.is_empty() {
            writeln!(out, "{name}: {count} calls, which its document allows exactly")?;
        } else {
            writeln!(out, "{name}: {} differences in {count} calls", differences.len())?;
        }
        equal &= differences.is_empty();
    }
    for (sid, why) in NOT_RECORDED {
        writeln!(out, "not compared: the statement `{sid}`, since {why}")?;
    }
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
