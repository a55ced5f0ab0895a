//! `docs/getting-started.md`: its commands are run in order, as a reader would run
//! them, and have the output that the document shows.
//!
//! A `sh` block is run. The `text` block that follows it is its output, in which
//! `…` matches any text. The language may be followed by `server` (the block keeps
//! running in its own terminal, and the blocks that follow run in another),
//! `refused` (a command in it fails) and `needs-PROGRAM`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Block, blocks, root, text};

const DOCUMENT: &str = "docs/getting-started.md";

/// The address in the document. In the test, the system selects a free one.
const ADDRESS: &str = "127.0.0.1:8787";

/// Maximum time for a server to start on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A folder with the layout of the repository after a build, and the output of the
/// blocks.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(TempDir::new().unwrap());
        let release = home.0.path().join("target/release");
        std::fs::create_dir_all(&release).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sentinel"), release.join("sentinel"))
            .unwrap();
        std::fs::create_dir(home.outputs()).unwrap();
        home
    }

    fn outputs(&self) -> std::path::PathBuf {
        self.0.path().join("outputs")
    }

    /// The output of a block, and the commands in it that failed.
    fn of(&self, block: &Block) -> (String, String) {
        let read = |suffix: &str| {
            std::fs::read_to_string(self.outputs().join(format!("{}{suffix}", block.line)))
                .unwrap_or_default()
        };
        (read(""), read(".failed"))
    }

    /// A terminal: a shell without the configuration of the user who runs the
    /// tests.
    fn terminal(&self, script: &str) -> Command {
        let file = self.outputs().join("script");
        std::fs::write(&file, script).unwrap();
        let mut command = Command::new("bash");
        command.arg(file).current_dir(self.0.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_none_or(|name| {
                name.starts_with("AWS_") || name.starts_with("SENTINEL_") || name == "RUST_LOG"
            }) {
                command.env_remove(name);
            }
        }
        // Programs that `make test` installed are available too.
        let tools = root().join(".tools/venv/bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::split_paths(&path).chain([tools]);
        command
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("XDG_CACHE_HOME", self.0.path().join("cache"))
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }
}

/// A script that runs the blocks one after the other in the same shell.
fn script(blocks: &[&Block], address: &str) -> String {
    // The recipe of `make demo` builds the command and does this. The whole command was built
    // with the tests.
    let mut script = "set -o pipefail\n\
                      make() { test \"$*\" = demo && target/release/sentinel demo; }\n\
                      cargo() { test \"$*\" = 'build --release --package sentinel-cli'; }\n"
        .to_owned();
    for block in blocks {
        let line = block.line;
        let text = block.text.replace(ADDRESS, address);
        write!(
            script,
            "trap 'echo \"$BASH_COMMAND\" >>outputs/{line}.failed' ERR\n{{\n{text}}} >outputs/{line} \
             2>&1\n"
        )
        .unwrap();
    }
    script
}

/// The first terminal, in which the server runs. Dropping it stops the server.
struct Server(Child);

impl Server {
    /// Runs the blocks before the server, starts the server, and returns its
    /// address.
    fn start(home: &Home, before: &[&Block], server: &Block) -> (Self, String) {
        let mut script = script(before, ADDRESS);
        let (program, rest) = server.text.split_once("sentinel dev").unwrap();
        write!(script, "{program}sentinel dev --listen 127.0.0.1:0{rest}").unwrap();
        let out = std::fs::File::create(home.outputs().join(server.line.to_string())).unwrap();
        let err = out.try_clone().unwrap();
        // A separate process group, so that child processes end with it.
        let child = home.terminal(&script).stdout(out).stderr(err).process_group(0).spawn();
        let mut server_runs = Self(child.unwrap());
        let started = Instant::now();
        loop {
            let (output, _) = home.of(server);
            let address = output
                .split_once("ready at http://")
                .and_then(|(_, rest)| rest.split_once('\n'))
                .map(|(address, _)| address.to_owned());
            if let Some(address) = address {
                return (server_runs, address);
            }
            let ended = server_runs.0.try_wait().unwrap();
            assert!(ended.is_none() && started.elapsed() < TIMEOUT, "{ended:?}: {output}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        Command::new("bash").args(["-c", "kill -TERM -- \"$0\"", &group]).status().unwrap();
        self.0.wait().unwrap();
    }
}

pub(super) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = root().join(".tools/venv/bin");
    std::env::split_paths(&path).chain([tools]).any(|folder| folder.join(program).is_file())
}

/// Whether the block's programs are installed. Writes one line that names the
/// missing ones.
fn can_run(block: &Block) -> bool {
    let missing: Vec<&str> = block
        .info
        .iter()
        .filter_map(|word| word.strip_prefix("needs-"))
        .filter(|program| !is_installed(program))
        .collect();
    for program in &missing {
        // Not by a macro, whose output is shown for failed tests only.
        writeln!(
            std::io::stderr(),
            "\nskipped: {DOCUMENT}:{}: no `{program}` on the PATH",
            block.line
        )
        .unwrap();
    }
    missing.is_empty()
}

/// Whether a text matches the expected one, in which `…` matches any text. HTTP has
/// its own line ends, and a body may lack a final line end.
pub(super) fn matches(text: &str, expected: &str) -> bool {
    let text = text.replace('\r', "");
    let text = text.trim_end();
    let mut pieces = expected.trim_end().split('…');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap()) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Checks that a block has the result that the document states.
fn check(home: &Home, block: &Block, expected: Option<&Block>) {
    let place = format!("{DOCUMENT}:{}", block.line);
    let (output, failed) = home.of(block);
    assert_eq!(block.has_word("refused"), !failed.is_empty(), "{place}: {failed}{output}");
    if let Some(expected) = expected {
        let expected = &expected.text;
        assert!(
            matches(&output, expected),
            "{place}: expected\n{expected}\nbut the output is\n{output}"
        );
    }
}

#[test]
fn every_command_in_getting_started_has_the_stated_result() {
    let blocks = blocks(&text(DOCUMENT));
    for block in &blocks {
        let known = ["sh", "text"].contains(&block.language());
        assert!(known, "{DOCUMENT}:{}: neither a command nor its output", block.line);
    }
    let commands: Vec<(&Block, Option<&Block>)> = blocks
        .iter()
        .enumerate()
        .filter(|(_, block)| block.language() == "sh")
        .map(|(at, block)| (block, blocks.get(at + 1).filter(|behind| behind.language() == "text")))
        .collect();
    let server = commands.iter().position(|(block, _)| block.has_word("server")).unwrap();
    let (before, after) = commands.split_at(server);
    let ((server, _), after) = after.split_first().unwrap();
    assert!(before.len() > 1 && after.len() > 10, "{before:?} {after:?}");

    let home = Home::new();
    let typed: Vec<&Block> = before.iter().map(|(block, _)| *block).collect();
    let (_server, address) = Server::start(&home, &typed, server);
    for (block, expected) in before {
        check(&home, block, *expected);
    }
    let after: Vec<_> = after.iter().filter(|(block, _)| can_run(block)).collect();
    let typed: Vec<&Block> = after.iter().map(|(block, _)| *block).collect();
    let done = home.terminal(&script(&typed, &address)).output().unwrap();
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    for (block, expected) in after {
        check(&home, block, *expected);
    }
}

#[test]
fn make_demo_runs_what_the_test_runs_in_its_place() {
    let makefile = text("Makefile");
    let recipe = makefile.split_once("\ndemo:").unwrap().1.lines().nth(1).unwrap();
    let built = ["--profile demo", "--package sentinel-cli", "--no-default-features"];
    assert!(built.iter().all(|part| recipe.contains(part)), "{recipe}");
    assert!(recipe.ends_with("--bin sentinel -- demo"), "{recipe}");
}

#[test]
fn only_an_ellipsis_matches_any_text() {
    for (text, expected, like) in [
        ("a\n", "a\n", true),
        ("a\nb\n", "a\n", false),
        ("a 1 b 2\n", "a … b …\n", true),
        ("a 1 c 2\n", "a … b …\n", false),
        ("x a\n", "a\n", false),
        ("x a\n", "…a\n", true),
    ] {
        assert_eq!(matches(text, expected), like, "{text:?} {expected:?}");
    }
}
