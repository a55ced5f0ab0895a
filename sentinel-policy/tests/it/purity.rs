//! The crate is pure: no I/O, clock, environment, randomness, async or threads.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The only allowed dependencies. None of them performs I/O.
const ALLOWED: [&str; 13] = [
    "arraydeque",
    "chrono",
    "chrono-tz",
    "granit-parser",
    "num-traits",
    "phf",
    "phf_shared",
    "sentinel-policy",
    "siphasher",
    "smallvec",
    "strsim",
    "unicode-width",
    "foldhash",
];

/// What the feature `miette` adds.
const WITH_MIETTE: [&str; 2] = ["cfg-if", "miette"];

/// Items that access something outside the process.
const FORBIDDEN: [&str; 12] = [
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::net::Tcp",
    "std::net::Udp",
    "SystemTime",
    "std::time::Instant",
    "Utc::now",
    "RandomState",
    "async fn",
    "Local::",
];

#[test]
fn no_dependency_of_the_crate_does_io() {
    let without = dependencies("reference");
    assert!(without.iter().any(|name| name == "granit-parser"), "{without:?}");
    for name in without {
        assert!(ALLOWED.contains(&name.as_str()), "{name} is not a crate that is known as pure");
    }
    for name in dependencies("miette,reference") {
        let allowed = ALLOWED.iter().chain(&WITH_MIETTE).any(|allowed| *allowed == name);
        assert!(allowed, "{name} is neither a crate that is known as pure nor one of miette");
    }
}

/// The names of the crates that this crate depends on with these features.
fn dependencies(features: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "sentinel-policy", "--edges", "normal"])
        .args(["--features", features, "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_source_uses_no_io_time_environment_or_threads() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for way in FORBIDDEN {
                assert!(!source.contains(way), "{} names {way}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 20);
}
