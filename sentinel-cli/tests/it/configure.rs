//! `sentinel configure`: what it writes, what it leaves alone, and what it refuses.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::running::{CommandOutput, Dev, run, sentinel};
use tempfile::TempDir;

const CREDENTIALS: &str = "[me]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
    aws_secret_access_key = hunter2\n";
const TVM: &str = "https://abc.execute-api.eu-west-1.amazonaws.com/prod";

/// A home folder with the files of the AWS tools.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(TempDir::new().unwrap());
        std::fs::create_dir(home.0.path().join(".aws")).unwrap();
        std::fs::write(home.0.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        home
    }

    fn with_config(config: impl AsRef<[u8]>) -> Self {
        let home = Self::new();
        std::fs::write(home.config(), config).unwrap();
        home
    }

    fn config(&self) -> PathBuf {
        self.0.path().join(".aws/config")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.config()).unwrap()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = sentinel(self.0.path());
        command.env_remove("AWS_CONFIG_FILE").env_remove("AWS_SHARED_CREDENTIALS_FILE");
        command.env("SENTINEL_TVM_URL", TVM).arg("configure").args(words.split_whitespace());
        command
    }

    fn run(&self, words: &str) -> CommandOutput {
        run(&mut self.command(words))
    }

    /// Runs a command that must be refused and change nothing.
    fn refused(&self, words: &str, status: i32) -> String {
        let before = std::fs::read(self.config()).ok();
        let output = self.run(words);
        assert_eq!((output.status, output.stdout.as_str()), (status, ""), "{}", output.stderr);
        assert_eq!(std::fs::read(self.config()).ok(), before, "{words}");
        output.stderr
    }
}

/// What is written, with the path of the program replaced.
fn normalized(text: &str) -> String {
    text.replace(env!("CARGO_BIN_EXE_sentinel"), "/bin/sentinel")
}

#[test]
fn a_new_file_has_one_private_section_without_a_secret() {
    let home = Home::new();
    let output = home.run("--profile production --aws-profile me --duration 1h");
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert_eq!(output.stdout, "added  production\n");
    insta::assert_snapshot!(normalized(&home.text()), @r"
    # >>> sentinel configure: production (`sentinel configure --undo --name production` removes it)
    [profile production]
    credential_process = /bin/sentinel credentials --profile production --tvm https://abc.execute-api.eu-west-1.amazonaws.com/prod --aws-profile me --duration 3600s
    region = eu-west-1
    # <<< sentinel configure: production
    ");
    assert_eq!(home.config().metadata().unwrap().mode() & 0o7777, 0o600);
    assert!(output.stderr.contains("aws sts get-caller-identity --profile production"));
}

#[test]
fn a_home_without_the_folder_gets_a_private_one() {
    let home = TempDir::new().unwrap();
    let mut command = sentinel(home.path());
    command.env_remove("AWS_CONFIG_FILE").env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    command.env("AWS_SECRET_ACCESS_KEY", "hunter2");
    command.args(["configure", "--tvm", TVM, "--profile", "production"]);
    let output = run(&mut command);
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(output.stderr.contains("pass `--aws-profile NAME`"), "{}", output.stderr);
    let folder = home.path().join(".aws");
    assert_eq!(folder.metadata().unwrap().mode() & 0o7777, 0o700);
    let text = std::fs::read_to_string(folder.join("config")).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("--aws-profile"), "{text}");
}

#[test]
fn the_second_run_changes_nothing_and_an_update_stays_in_its_place() {
    let home = Home::with_config("[default]\nregion = us-east-1\n");
    home.run("--profile production --aws-profile me --region eu-central-1");
    std::fs::write(home.config(), home.text() + "\n[profile other]\noutput = json\n").unwrap();
    let before = home.config().metadata().unwrap();
    let text = home.text();
    let output = home.run("--profile production --aws-profile me");
    assert_eq!((output.status, output.stdout.as_str()), (0, "unchanged  production\n"));
    assert!(output.stderr.contains("is unchanged"), "{}", output.stderr);
    let after = home.config().metadata().unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    let output = home.run("--profile production --aws-profile me --region eu-west-3");
    assert_eq!((output.status, output.stdout.as_str()), (0, "updated  production\n"));
    assert_eq!(home.text(), text.replace("eu-central-1", "eu-west-3"));
}

#[test]
fn undo_restores_the_original_bytes_and_a_second_undo_changes_nothing() {
    for original in [
        "",
        "# only a comment",
        "[default]\r\nregion = us-east-1\r\n",
        "[default]\nregion=us-east-1",
        "[profile a]\ns3 =\n  addressing_style = path\n\n\n[profile a]\n[services x]\nkey = value",
        "# ends in the middle of a line end\r",
    ] {
        let home = Home::with_config(original);
        for name in ["production", "staging", "default"] {
            let words = format!("--profile production --name {name} --aws-profile me");
            let words = if original.contains("[default]") {
                words.replace("--name default", "--name other")
            } else {
                words
            };
            assert_eq!(home.run(&words).status, 0, "{original:?}");
        }
        let output = home.run("--undo --profile staging");
        assert_eq!((output.status, output.stdout.as_str()), (0, "removed  staging\n"));
        assert!(!home.text().contains("staging"));
        let output = home.run("--undo");
        assert_eq!(output.status, 0, "{}", output.stderr);
        assert_eq!(home.text(), original);
        let output = home.run("--undo");
        assert_eq!((output.status, output.stdout.as_str()), (0, ""));
        assert!(output.stderr.contains("it has no such section"), "{}", output.stderr);
    }
}

#[test]
fn a_section_that_the_command_did_not_write_is_refused_with_the_next_step() {
    let home = Home::with_config("[default]\n[profile production]\nregion = us-east-1\n");
    let message = home.refused("--profile production --aws-profile me", 3);
    assert!(message.contains("line 2 of the AWS configuration file"), "{message}");
    assert!(message.contains("`--name NAME`"), "{message}");
    let message = home.refused("--profile production --name default --aws-profile me", 3);
    assert!(message.contains("line 1 of the AWS configuration file"), "{message}");
    let output = home.run("--profile production --name prod --aws-profile me");
    assert_eq!(output.status, 0, "{}", output.stderr);
}

#[test]
fn the_profile_of_the_own_credentials_is_never_replaced_by_the_one_that_needs_it() {
    let home = Home::with_config(
        "[profile work]\nsource_profile = me\nrole_arn = arn:aws:iam::111122223333:role/R\n\
         [profile vended]\ncredential_process = sentinel credentials --profile x --aws-profile me\n\
         [profile through]\nsource_profile = vended\nrole_arn = arn:aws:iam::111122223333:role/R\n",
    );
    let credentials = home.0.path().join(".aws/credentials");
    std::fs::write(credentials, CREDENTIALS.replace("[me]", "[default]") + CREDENTIALS).unwrap();
    for (words, part) in [
        ("--profile p --name me --aws-profile me", "your own credentials are in the AWS profile"),
        ("--profile p --name me --aws-profile work", "your own credentials are in the AWS profile"),
        ("--profile p --name default", "your own credentials are in the AWS profile"),
        ("--profile p --aws-profile vended", "vended credentials cannot request others"),
        ("--profile p --aws-profile through", "vended credentials cannot request others"),
        ("--profile p --aws-profile mee", "there is no AWS profile `mee`"),
        ("--profile default --aws-profile me", "line 1 of the AWS credentials file"),
    ] {
        let message = home.refused(words, 3);
        assert!(message.contains(part), "{words}: {message}");
    }
    let mut command = home.command("--profile p");
    let output = run(command.env("AWS_PROFILE", "work"));
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(home.text().contains("--aws-profile work\n"), "{}", home.text());
}

#[test]
fn a_section_with_a_line_of_the_person_is_updated_but_not_removed() {
    let home = Home::new();
    home.run("--profile production --aws-profile me");
    std::fs::write(home.config(), home.text().replace("region =", "output = json\nregion ="))
        .unwrap();
    let message = home.refused("--undo", 3);
    assert!(message.contains("did not write line 4"), "{message}");
    home.run("--profile production --aws-profile me --duration 30m");
    assert!(home.text().contains("1800s\noutput = json\nregion ="), "{}", home.text());
}

#[test]
fn a_dry_run_shows_only_lines_of_the_command_and_writes_nothing() {
    let home = Home::with_config("[profile a]\naws_secret_access_key = hunter2");
    let before = home.text();
    let output = home.run("--profile production --aws-profile me --region x --dry-run");
    assert_eq!((output.status, home.text()), (0, before));
    insta::assert_snapshot!(normalized(&output.stdout), @r"
    +# >>> sentinel configure: production (`sentinel configure --undo --name production` removes it)
    +[profile production]
    +credential_process = /bin/sentinel credentials --profile production --tvm https://abc.execute-api.eu-west-1.amazonaws.com/prod --aws-profile me
    +region = x
    +# <<< sentinel configure: production
    ");
    assert!(output.stderr.contains("nothing was written"), "{}", output.stderr);
    home.run("--profile production --aws-profile me --region x");
    let before = home.text();
    let output = home.run("--profile production --aws-profile me --region y --dry-run");
    assert_eq!(output.stdout, "-region = x\n+region = y\n");
    let output = home.run("--undo --dry-run");
    assert!(output.stdout.starts_with("-# >>>"), "{}", output.stdout);
    assert_eq!(home.text(), before);
    let new = Home::new();
    assert_eq!(new.run("--profile production --aws-profile me --dry-run").status, 0);
    assert!(!new.config().exists());
}

#[test]
fn links_and_permissions_stay() {
    let home = Home::new();
    let target = home.0.path().join("dotfiles");
    std::fs::write(&target, "[default]\n").unwrap();
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("../dotfiles", home.config()).unwrap();
    assert_eq!(home.run("--profile production --aws-profile me").status, 0);
    assert!(home.config().is_symlink());
    assert_eq!(target.metadata().unwrap().mode() & 0o7777, 0o640);
    assert!(std::fs::read_to_string(&target).unwrap().contains("[profile production]"));
}

#[test]
fn the_variable_of_the_file_applies_and_a_device_is_refused() {
    let home = Home::new();
    let other = home.0.path().join("elsewhere/config");
    let mut command = home.command("--profile production --aws-profile me");
    assert_eq!(run(command.env("AWS_CONFIG_FILE", &other)).status, 0);
    assert!(other.exists() && !home.config().exists());
    let mut command = home.command("--undo");
    assert_eq!(run(command.env("AWS_CONFIG_FILE", "~/elsewhere/config")).status, 0);
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "");
    let mut command = home.command("--profile production --aws-profile me");
    let output = run(command.env("AWS_CONFIG_FILE", "/dev/null"));
    assert_eq!(output.status, 3);
    assert!(output.stderr.contains("it is not a file"), "{}", output.stderr);
}

#[test]
fn commands_at_the_same_time_lose_no_section() {
    let home = Home::with_config("[default]\n");
    let children: Vec<_> = (0..8)
        .map(|number| {
            let mut command = home.command(&format!("--profile p{number} --aws-profile me"));
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = home.text();
    for number in 0..8 {
        assert!(text.contains(&format!("[profile p{number}]")), "{text}");
    }
    assert_eq!(home.run("--undo").status, 0);
    assert_eq!(home.text(), "[default]\n");
}

#[test]
fn all_profiles_of_the_caller_are_configured_and_an_obstacle_skips_only_its_own() {
    let dev = Dev::start();
    let config = dev.home.path().join("config");
    let listed = dev.run("alice", "profiles --format json").json();
    let listed: Vec<&str> = listed["profiles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|profile| profile["name"].as_str().unwrap())
        .collect();
    assert!(listed.len() > 2, "{listed:?}");
    let configure = |words: &str| run(dev.client("alice", words).env("AWS_CONFIG_FILE", &config));
    let output = configure("configure --format json --aws-profile alice");
    assert_eq!(output.status, 0, "{}", output.stderr);
    let document = output.json();
    assert_eq!(document["file"], json!(config));
    assert_eq!(document["dry_run"], json!(false));
    let sections = document["sections"].as_array().unwrap();
    let names: Vec<&str> = sections.iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, listed);
    for section in sections {
        assert_eq!(section["action"], "added");
        let process = section["credential_process"].as_str().unwrap();
        assert!(process.ends_with(&format!("--tvm {} --aws-profile alice", dev.url)), "{process}");
    }
    assert_eq!(configure("configure --undo").status, 0);
    std::fs::write(&config, "[profile production]\n").unwrap();
    let output = configure("configure --all --aws-profile alice");
    assert_eq!(output.status, 1, "a profile is not configured");
    assert!(output.stderr.contains("`production` is skipped: line 1"), "{}", output.stderr);
    assert!(output.stdout.contains("added  staging\n"), "{}", output.stdout);
    assert_eq!(configure("configure --undo").status, 0);
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "[profile production]\n");
}

/// A server that lists a profile whose name is a section with a process.
#[test]
fn a_hostile_tvm_cannot_write_other_lines() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let names = ["x]\n[default]\ncredential_process = evil", "a b", "../x", "good", "\u{1b}[2J"];
    let profiles = names.map(|name| json!({ "name": name, "policy_path": "/p" }));
    let body = json!({ "profiles": profiles, "root": "/p" }).to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            head.push(byte[0]);
        }
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
    });
    let home = Home::new();
    let output = home.run(&format!("--all --aws-profile me --tvm {url}"));
    assert_eq!(output.stdout, "added  good\n", "{}", output.stderr);
    assert!(!output.stderr.contains('\u{1b}'), "{}", output.stderr);
    let text = home.text();
    assert!(!text.contains("evil") && text.matches('[').count() == 1, "{text}");
}

#[test]
fn names_and_values_that_sdks_read_differently_are_refused() {
    let home = Home::new();
    for (words, status) in [
        (&["--profile", "p", "--name", "a]b"][..], 2),
        (&["--profile", "p", "--name", "a b"], 2),
        (&["--profile", "p", "--name", "-x"], 2),
        (&["--profile", "p", "--name", "a\nb"], 2),
        (&["--profile", "p", "--region", "x\ny"], 2),
        (&["--name", "x"], 2),
        (&["--all", "--profile", "p"], 2),
        (&["--profile", "p", "--tvm", "https://h/$(id)"], 3),
        (&["--profile", "p", "--tvm", "https://h/a;b"], 3),
        (&["--profile", "p", "--tvm", "http://h"], 2),
    ] {
        let output = run(home.command("").args(words).args(["--aws-profile", "me"]));
        assert_eq!(output.status, status, "{words:?}: {}", output.stderr);
        assert!(!home.config().exists(), "{words:?}");
    }
    let output = run(home.command("").env_remove("SENTINEL_TVM_URL").args(["--profile", "p"]));
    assert_eq!(output.status, 2, "no TVM: {}", output.stderr);
}

#[test]
fn a_path_with_spaces_is_quoted_and_a_link_on_the_path_is_kept() {
    let home = Home::new();
    let folder = home.0.path().join("my tools (2)");
    std::fs::create_dir(&folder).unwrap();
    symlink(env!("CARGO_BIN_EXE_sentinel"), folder.join("sentinel")).unwrap();
    let mut command = home.command("--profile production --aws-profile me");
    assert_eq!(run(command.env("PATH", &folder)).status, 0);
    let program = format!("= \"{}/sentinel\" credentials --profile", folder.display());
    assert!(home.text().contains(&program), "{}", home.text());

    let home = Home::new();
    let folder = home.0.path().join("wörk");
    std::fs::create_dir(&folder).unwrap();
    symlink(env!("CARGO_BIN_EXE_sentinel"), folder.join("sentinel")).unwrap();
    let mut command = home.command("--profile production --aws-profile me");
    assert_eq!(run(command.env("PATH", &folder)).status, 0);
    assert!(home.text().contains("= sentinel credentials --profile"), "{}", home.text());
}
