//! A running system and an emulated AWS account in which the example of every command can be run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use clap::Command as Clap;
use sentinel_store::dynamodb::TableDefinition;
use sentinel_store::{
    AuditSink, DecisionFields, DecisionRecord, JsonLines, PolicyDecision, PolicyPath, PolicyText,
    PolicyUsed, Record, RecordedEffect,
};
use sentinel_testkit::emulator::{Emulator, Kind, ROOT_KEY};
use sentinel_testkit::sign_in::SignIn;
use sentinel_testkit::sts::{Setup, StandIn};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::running::{CommandOutput, Dev, run, sentinel};

/// Alice approves, bob requests and breaks glass, carol is an operator.
const MAIN: &str = r#"version: "1"
rules:
  - { name: on-duty, effect: allow, conditions: { profiles: [production], users: [alice] }, max_duration: 30m }
  - { name: with-approval, effect: require_approval, conditions: { profiles: [production], users: [bob] } }
approvals:
  - { name: leads, profiles: [production], approvers: [alice] }
break_glass:
  - { name: incidents, profiles: [production], users: [bob], reason_codes: [incident], max_duration: 30m }
operators:
  - name: security
    users: [carol]
    may: [list_sessions, revoke, reinstate, list_requests, revoke_approval, list_break_glass,
          close_break_glass, review_break_glass]
"#;

/// A document of the profile `NAME`.
const DOCUMENT: &str = r#"version: "1"
rules:
  - name: business
    effect: allow
    conditions: { profiles: [NAME], users: [alice] }
    max_duration: 30m
"#;

const REQUESTS: &str = "{\"user\":\"alice\",\"profile\":\"production\"}\n";

/// Records of a vend in November and of two decisions of now, and the events of CloudTrail for them.
fn audited() -> (String, String) {
    let sink = JsonLines::new(Vec::new());
    let mut events = Vec::new();
    let now = chrono::Utc::now();
    let document = PolicyText::new(DOCUMENT, "3");
    let path = PolicyPath::new("/sentinel/policies/production");
    let policy = PolicyUsed::new(&path, &document.version, &document.digest());
    let role = "arn:aws:iam::111122223333:role/SentinelProtected-production";
    for (at, user, id, key) in [
        ("2026-11-02T02:30:00Z".parse().unwrap(), "alice", "5f1c", "ASIAEXAMPLE"),
        (now, "alice", "77aa", "ASIAEXAMPLE2"),
        (now, "111122223333/Deploy", "90cd", ""),
    ] {
        let vended = !key.is_empty();
        let effect = if vended { RecordedEffect::Allow } else { RecordedEffect::Deny };
        let mut record = DecisionRecord::new(DecisionFields {
            timestamp: at,
            user: user.replace("111122223333/Deploy", "Deploy/build-7"),
            profile: "production".to_owned(),
            effect,
            code: if vended { "OK" } else { "POLICY_DENY" }.to_owned(),
            request_id: id.to_owned(),
            account: "111122223333".to_owned(),
            principal: format!("arn:aws:iam::111122223333:user/{user}"),
            caller: user.to_owned(),
            mode: "server",
            latency_ms: 12,
        })
        .with_policy(policy.clone());
        let mut decision = PolicyDecision::new(effect);
        if vended {
            decision = decision.with_max_duration_s(1800);
            record = record
                .with_rule("business".to_owned(), 0, None)
                .with_access_key_id(key.to_owned())
                .with_source_identity("sentinel-alice-abcdefgh".to_owned())
                .with_role_arn(role.to_owned())
                .with_expiration(at + chrono::TimeDelta::hours(1));
            events.push(json!({
                "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "eventID": id,
                "eventTime": sentinel_wire::rfc3339::seconds(at),
                "requestParameters": { "roleArn": role, "sourceIdentity": "sentinel-alice-abcdefgh" },
                "responseElements": { "credentials": { "accessKeyId": key } },
            }));
        }
        sink.write(&Record::Decision(Box::new(record.with_decision(decision)))).unwrap();
    }
    let records = String::from_utf8(sink.into_inner().unwrap()).unwrap();
    (records, json!({ "Records": events }).to_string())
}

/// A program that opens an address as a browser does.
const BROWSER: &str = r#"#!/bin/bash
address=${1#http://}
port=${address#*:}
exec 3<>"/dev/tcp/127.0.0.1/${port%%/*}"
printf 'GET /%s HTTP/1.1\r\nhost: localhost\r\n\r\n' "${address#*/}" >&3
cat <&3
"#;

/// The access key of carol, whose secret equals its id.
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

/// An example in the help of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Example {
    /// The names of the command, such as `sessions list`. Empty for `sentinel` itself.
    pub(crate) path: String,
    /// The line as it is written, without its remark.
    pub(crate) line: String,
}

/// The examples of every command and of every group, in the order of the help.
pub(crate) fn examples() -> Vec<Example> {
    let mut found = Vec::new();
    collect(&sentinel_cli::command(), "", &mut found);
    found
}

/// The commands without subcommands.
pub(crate) fn leaves() -> Vec<String> {
    fn collect(command: &Clap, path: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name()).trim().to_owned();
            if !sub.has_subcommands() || sub.is_args_conflicts_with_subcommands_set() {
                found.push(path.clone());
            }
            collect(sub, &path, found);
        }
    }
    let mut found = Vec::new();
    collect(&sentinel_cli::command(), "", &mut found);
    found
}

fn collect(command: &Clap, path: &str, found: &mut Vec<Example>) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let text = help.replace("\\\n", " ");
    let lines = text.lines().skip_while(|line| *line != "Examples:").skip(1);
    let lines: Vec<&str> = lines.take_while(|line| line.starts_with("  ")).collect();
    assert!(!lines.is_empty(), "`{path}` has no example");
    for line in lines {
        let line = without_remark(line.trim());
        found.push(Example { path: path.to_owned(), line });
    }
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        collect(sub, format!("{path} {}", sub.get_name()).trim(), found);
    }
}

/// At least two spaces precede a remark, which begins with a word or a bracket.
fn without_remark(line: &str) -> String {
    let is_remark =
        |rest: &str| rest.trim_start().starts_with(|c: char| c.is_ascii_alphabetic() || c == '(');
    match line.split_once("  ") {
        Some((command, rest)) if is_remark(rest) => command.to_owned(),
        _ => line.to_owned(),
    }
}

/// Where the requests of a command are sent, and as which identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Tvm(&'static str),
    Aws,
    /// The session table in AWS, as carol.
    Table,
}

/// The system, and the folder in which the examples are run.
pub(crate) struct Fixture {
    pub(crate) dev: Dev,
    emulator: Emulator,
    table: OnceLock<Table>,
    sign_in: SignIn,
    pub(crate) folder: PathBuf,
    runtime: tokio::runtime::Runtime,
}

/// A session table in an account in which carol is the caller.
struct Table {
    emulator: Emulator,
    sts: StandIn,
}

impl Table {
    /// This emulator accepts every key.
    async fn start() -> Self {
        let emulator = Emulator::start(Kind::Moto).await.unwrap();
        let client = aws_sdk_dynamodb::Client::new(&emulator.config().unwrap());
        let table = TableDefinition::SESSIONS.create(&client, "sentinel-sessions").unwrap();
        table.send().await.unwrap();
        let carol = json!({
            "arn": "arn:aws:iam::111122223333:user/carol", "access_key_id": KEY,
            "secret_access_key": KEY, "policies": [],
        });
        let setup: Setup =
            serde_json::from_value(json!({ "callers": [carol], "roles": [] })).unwrap();
        Self { emulator, sts: StandIn::start(&setup).await.unwrap() }
    }
}

impl Fixture {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let emulator = runtime.block_on(Emulator::start(Kind::Ministack)).unwrap();
        let sign_in = runtime.block_on(SignIn::start()).unwrap();
        let home = TempDir::new().unwrap();
        let served = home.path().join("served");
        fs::create_dir(&served).unwrap();
        fs::write(served.join("main.yaml"), MAIN).unwrap();
        let folder = home.path().join("work");
        let dev = Dev::start_in(home, &["--policies", served.to_str().unwrap()]);
        let fixture = Self { dev, emulator, table: OnceLock::new(), sign_in, folder, runtime };
        fixture.write_files();
        fixture.fill_account();
        fixture
    }

    fn write_files(&self) {
        let write = |path: &str, text: &str| {
            let path = self.folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for name in ["main", "production", "staging", "all"] {
            write(&format!("policies/{name}.yaml"), &DOCUMENT.replace("NAME", name));
        }
        write("policy.yaml", &DOCUMENT.replace("NAME", "production"));
        write("new.yaml", &DOCUMENT.replace("NAME", "production").replace("30m", "20m"));
        write("requests.jsonl", REQUESTS);
        let (records, trail) = audited();
        write("records/day.jsonl", &records);
        write("records.jsonl.gz", &records);
        write("trail/1.json", &trail);
        write("trail.json", &trail);
        // Programs that read the output of an example.
        for (name, text) in [
            ("notify.sh", "#!/bin/sh\ncat\n"),
            ("bin/aws", "#!/bin/sh\n"),
            ("job", "#!/bin/sh\n"),
            ("migrate", "#!/bin/sh\n"),
            ("bin/man", "#!/bin/sh\ncat\n"),
            ("bin/open", BROWSER),
            ("bin/xdg-open", BROWSER),
            ("bin/pbcopy", "#!/bin/sh\ncat > copied\n"),
        ] {
            write(name, text);
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(self.folder.join(name), mode).unwrap();
        }
        for folder in
            [".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"]
        {
            fs::create_dir_all(self.dev.home.path().join(folder)).unwrap();
        }
    }

    /// An account with tables, a group, and three versions of a document.
    fn fill_account(&self) {
        let run = |line: &str| {
            let mut output = run(&mut self.command("bootstrap", line));
            // On a slow machine, a request to the emulator may time out. The command can be repeated.
            for _ in 0..3 {
                if output.status == 3 {
                    output = run(&mut self.command("bootstrap", line));
                }
            }
            assert_eq!(output.status, 0, "{line}: {} {}", output.stdout, output.stderr);
        };
        run("sentinel bootstrap --policy-table sentinel-policies");
        for version in ["10m", "15m", "30m"] {
            let file = self.folder.join("version.yaml");
            fs::write(file, DOCUMENT.replace("NAME", "production").replace("30m", version))
                .unwrap();
            run("sentinel policy push version.yaml --name production --yes");
        }
        run("sentinel policy group set oncall alice");
    }

    fn place(path: &str, line: &str) -> Place {
        if line.contains(" --table ") {
            return Place::Table;
        }
        match path.split(' ').collect::<Vec<_>>().as_slice() {
            ["request" | "requests" | "cancel", ..] => Place::Tvm("bob"),
            ["break-glass", "review"] => Place::Tvm("carol"),
            ["break-glass", ..] if line.contains(" review ") || line.contains("--user") => {
                Place::Tvm("carol")
            }
            ["break-glass", ..] => Place::Tvm("bob"),
            ["sessions", ..] => Place::Tvm("carol"),
            ["bootstrap" | "doctor" | "iam" | "policy", ..] => Place::Aws,
            _ if line.contains("sentinel policy") => Place::Aws,
            _ => Place::Tvm("alice"),
        }
    }

    /// A shell that runs the line.
    pub(crate) fn command(&self, path: &str, line: &str) -> Command {
        let mut command = Command::new("bash");
        let program = Path::new(env!("CARGO_BIN_EXE_sentinel")).parent().unwrap();
        let path_variable = format!(
            "{}:{}:{}",
            program.display(),
            self.folder.join("bin").display(),
            std::env::var("PATH").unwrap()
        );
        command
            .args(["-c", &format!("set -o pipefail; {line}")])
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", self.dev.home.path())
            .env("PATH", path_variable)
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("RUST_LOG", "off")
            .env("NO_COLOR", "1")
            .env("TERM", "xterm")
            .env("AWS_ENDPOINT_URL_SIGNIN", self.sign_in.url())
            .stdin(Stdio::null());
        if line.contains("sentinel configure") {
            command.env("AWS_CONFIG_FILE", self.folder.join("aws-config"));
        }
        match Self::place(path, line) {
            Place::Tvm(identity) => {
                command
                    .env("AWS_SHARED_CREDENTIALS_FILE", self.dev.credentials_file())
                    .env("AWS_PROFILE", identity)
                    .env("SENTINEL_TVM_URL", &self.dev.url);
            }
            Place::Aws => {
                in_aws(&mut command, &self.emulator.url(), ROOT_KEY);
            }
            Place::Table => {
                let table = self.table.get_or_init(|| self.runtime.block_on(Table::start()));
                in_aws(&mut command, &table.emulator.url(), KEY)
                    .env("AWS_ENDPOINT_URL_STS", table.sts.url());
            }
        }
        command
    }

    fn json(&self, name: &str, words: &str) -> Value {
        let output = self.dev.run(name, &format!("{words} --format json"));
        assert_eq!(output.status, 0, "{words}: {}", output.stderr);
        output.json()
    }

    /// The id of bob's pending request, if there is one.
    fn pending(&self) -> Option<String> {
        let list = self.json("bob", "requests --user bob --state pending");
        list["requests"].as_array().unwrap().first().map(id)
    }

    fn grant(&self) -> String {
        let mut open = sentinel(self.dev.home.path());
        open.env("AWS_SHARED_CREDENTIALS_FILE", self.dev.credentials_file())
            .env("AWS_PROFILE", "bob")
            .env("SENTINEL_TVM_URL", &self.dev.url)
            .args("break-glass open --profile production --format json".split(' '))
            .args(["--reason-code", "incident", "--justification", "database is down, ticket 42"]);
        id(&run(&mut open).json())
    }

    /// Brings the system into the state in which the example succeeds, and substitutes what a reader
    /// substitutes: the ids, the address of the TVM, a time in the past, and a folder of the system. What a
    /// reader confirms on a terminal is confirmed by an option.
    pub(crate) fn prepared(&self, path: &str, line: &str) -> String {
        let mut line = line
            .replace("http://127.0.0.1:8787", &self.dev.url)
            .replace("https://tvm.example.com", &self.dev.url)
            .replace("--aws-profile me", "--aws-profile alice")
            .replace("/usr/local/share/man/man1", "man1");
        if line.contains("policy push") && !line.contains("--yes") && !line.contains("--dry-run") {
            line.push_str(" --yes");
        }
        let later = chrono::Utc::now() + chrono::TimeDelta::hours(1);
        line = line.replace("2026-03-02T22:00:00Z", &sentinel_wire::rfc3339::seconds(later));
        if line.contains("credentials")
            || line.contains("sentinel exec")
            || path.starts_with("sessions")
        {
            for target in ["alice", "alice --profile production"] {
                let words = format!("sessions reinstate --user {target} --reason example");
                self.json("carol", &words);
            }
        }
        if path == "bootstrap" {
            // An earlier example has stored another text, which it would not overwrite.
            let push = "sentinel policy push policies/production.yaml --yes";
            assert_eq!(run(&mut self.command("policy push", push)).status, 0);
        }
        let pending = self.pending();
        let creates = path == "request" && line.contains("--reason");
        match pending {
            Some(id) if creates => {
                self.json("bob", &format!("cancel {id}"));
            }
            None if line.contains("REQUEST_ID")
                || (path == "request") != creates
                || path == "requests" =>
            {
                self.json("bob", "request --profile production --reason deploy");
            }
            Some(_) | None => {}
        }
        if line.contains("REQUEST_ID") {
            let id = self.pending().unwrap();
            if line.contains("requests revoke") {
                self.json("alice", &format!("approve {id}"));
            }
            line = line.replace("REQUEST_ID", &id);
        }
        if line.contains("GRANT_ID") || path == "break-glass list" {
            let id = self.grant();
            if line.contains("review") {
                self.json("bob", &format!("break-glass close {id}"));
            }
            line = line.replace("GRANT_ID", &id);
        }
        if line.contains("HANDLE") || path == "sessions list" {
            self.json("alice", "credentials --profile production --no-cache");
            let list = self.json("carol", "sessions list --user alice --state active");
            let handle = list["sessions"][0]["session"].as_str().unwrap().to_owned();
            line = line.replace("HANDLE", &handle);
        }
        line
    }

    /// Runs the example. While it waits for a decision, alice approves.
    pub(crate) fn run_with_approver<T: Send>(
        &self,
        line: &str,
        run: impl FnOnce() -> T + Send,
    ) -> T {
        if !line.contains(" --wait") {
            return run();
        }
        std::thread::scope(|scope| {
            let running = scope.spawn(run);
            while !running.is_finished() {
                if let Some(id) = self.pending() {
                    // The request may have been decided in the meantime.
                    self.dev.run("alice", &format!("approve {id}"));
                }
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
            running.join().unwrap()
        })
    }

    /// Runs a prepared line to its end.
    pub(crate) fn run(&self, path: &str, line: &str) -> CommandOutput {
        let mut command = self.command(path, line);
        self.run_with_approver(line, move || run(&mut command))
    }
}

/// Sends the requests of a command to AWS services at `url`, signed with a key whose secret equals its id.
fn in_aws<'c>(command: &'c mut Command, url: &str, key: &str) -> &'c mut Command {
    command
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", key)
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}
