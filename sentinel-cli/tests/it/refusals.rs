//! Refusals of credentials name the next step, and the command that they name works.

use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::running::{CommandOutput, Dev, run, sentinel};

/// Starts a server with these policies.
fn dev(policies: &[(&str, &str)]) -> Dev {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("served");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in policies {
        std::fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
    }
    let folder = folder.to_str().unwrap().to_owned();
    Dev::start_in(home, &["--policies", &folder])
}

/// The commands in backticks of a refusal.
fn commands(output: &CommandOutput) -> Vec<String> {
    let quoted = output.stderr.split('`').skip(1).step_by(2);
    quoted
        .filter(|text| text.starts_with("sentinel ") && text.contains(" --"))
        .map(str::to_owned)
        .collect()
}

/// Runs a command that a refusal printed, as a person would in a shell.
fn shell(dev: &Dev, name: &str, command: &str) -> CommandOutput {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_sentinel")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut process = std::process::Command::new("sh");
    process
        .args(["-c", command])
        .env_clear()
        .env("HOME", dev.home.path())
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", dev.credentials_file())
        .env("AWS_PROFILE", name)
        .env("SENTINEL_TVM_URL", &dev.url)
        .stdin(Stdio::null());
    run(&mut process)
}

const VEND: &str = "credentials --profile production --no-cache";

#[test]
fn a_missing_approval_names_the_command_that_requests_it_and_then_the_pending_request() {
    let dev = Dev::start();
    let refused = dev.run("bob", VEND);
    assert_eq!(refused.status, 1);
    let found = commands(&refused);
    let [request, emergency] = found.as_slice() else { panic!("{}", refused.stderr) };
    assert_eq!(request, "sentinel request --profile production --reason \"…\" --wait");
    assert!(refused.stderr.contains("`leads` decides") && !refused.stderr.contains("alice"));
    let created = shell(&dev, "bob", &request.replace(" --wait", " --format json"));
    assert_eq!(created.status, 0, "{}", created.stderr);
    let id = created.json()["id"].as_str().unwrap().to_owned();

    let pending = dev.run("bob", VEND).stderr;
    let line = format!(
        "your request `{id}` is pending: 1 approval is missing, the approvals rule `leads` decides, until "
    );
    assert!(pending.contains(&line) && pending.contains("(in 23 h)"), "{pending}");
    assert!(pending.contains("`sentinel request --profile production --wait`"), "{pending}");
    assert!(!pending.contains("alice"), "{pending}");
    // Another request for the profile is refused with the pending one.
    let again = dev.run("bob", "request --profile production --reason again");
    assert!(again.stderr.contains("CONFLICT") && again.stderr.contains(&line), "{}", again.stderr);

    let justified = emergency.replace('…', "the database is down, ticket 42");
    let opened = shell(&dev, "bob", &justified);
    assert_eq!(opened.status, 0, "{justified}: {}", opened.stderr);
    assert_eq!(dev.run("bob", VEND).status, 0);
}

#[test]
fn a_command_in_a_refusal_has_the_options_that_the_reader_needs_again() {
    let dev = Dev::start();
    let mut command = sentinel(dev.home.path());
    command
        .env("AWS_SHARED_CREDENTIALS_FILE", dev.credentials_file())
        .args(VEND.split(' '))
        .args(["--tvm", &dev.url, "--aws-profile", "bob"]);
    let refused = run(&mut command);
    let options = format!(" --wait --aws-profile bob --tvm {}/", dev.url);
    assert!(commands(&refused)[0].ends_with(&options), "{}", refused.stderr);
}

#[test]
fn an_approval_for_later_is_named_with_its_beginning() {
    let dev = Dev::start();
    let later = (chrono::Utc::now() + chrono::TimeDelta::hours(3)).to_rfc3339();
    let words =
        format!("request --profile production --reason x --not-before {later} --format json");
    let id = dev.run("bob", &words).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(dev.run("alice", &format!("approve {id}")).status, 0);
    let refused = dev.run("bob", VEND).stderr;
    let line = format!("your request `{id}` is approved: it is valid from ");
    assert!(refused.contains(&line) && refused.contains("(in 2 h) on"), "{refused}");
}

/// A policy whose window is closed on the day of the test, in the zone of the window.
fn closed_today(effect: &str) -> String {
    use chrono::Datelike;
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let today = usize::try_from(chrono::Utc::now().weekday().num_days_from_monday()).unwrap();
    let (today, tomorrow) = (days[today], days[(today + 1) % 7]);
    // Near midnight, tomorrow may become today during the test: then it is another day.
    let open = days.iter().filter(|day| **day != today && **day != tomorrow);
    let open: Vec<&str> = open.copied().collect();
    format!(
        "version: \"1\"\nrules:\n  - name: window\n    effect: {effect}\n    conditions: {{ profiles: \
         [main], users: [bob], time: {{ days: [{}] }} }}\napprovals:\n  - {{ name: leads, profiles: \
         [main], approvers: [alice], deadline: 168h }}\n",
        open.join(", ")
    )
}

#[test]
fn a_closed_window_is_named_with_the_time_at_which_it_opens() {
    let dev = dev(&[("main", &closed_today("allow"))]);
    let refused = dev.run("bob", "credentials --profile main").stderr;
    assert!(refused.contains("it allows it at 2") && refused.contains("T00:00:00Z"), "{refused}");
    assert!(refused.contains("the window opens in "), "{refused}");
    assert!(!refused.contains("`window`"), "{refused}");
    let other = dev.run("alice", "credentials --profile main").stderr;
    assert!(!other.contains("opens") && !other.contains("T00:00:00Z"), "{other}");
}

#[test]
fn a_closed_window_that_needs_an_approval_is_named_with_the_command_that_requests_it() {
    let dev = dev(&[("main", &closed_today("require_approval"))]);
    let refused = dev.run("bob", "credentials --profile main");
    let found = commands(&refused);
    let [command] = found.as_slice() else { panic!("{}", refused.stderr) };
    assert!(command.contains("--not-before 2"), "{command}");
    let created = shell(&dev, "bob", &command.replace(" --wait", " --format json"));
    assert_eq!(created.status, 0, "{}", created.stderr);
    assert_eq!(created.json()["state"], "pending");
}

#[test]
fn a_misspelled_profile_is_answered_with_the_callers_own_similar_profiles() {
    let dev = Dev::start();
    let refused = dev.run("alice", "credentials --profile productions").stderr;
    assert!(refused.contains("did you mean `production`?"), "{refused}");
    // Another caller cannot get it, and does not learn that it exists.
    let refused = dev.run("mallory", "credentials --profile productions").stderr;
    assert!(!refused.contains("production"), "{refused}");
    let refused = dev.run("alice", "credentials --profile xyz").stderr;
    assert!(!refused.contains("did you mean"), "{refused}");
}

#[test]
fn a_revoked_caller_is_answered_with_the_command_of_the_operator() {
    let dev = Dev::start();
    let revoke = "sessions revoke --user bob --profile production --reason theft";
    assert_eq!(dev.run("carol", revoke).status, 0);
    let refused = dev.run("bob", VEND);
    let found = commands(&refused);
    let command = "sentinel sessions reinstate --user bob --profile production --reason \"…\"";
    assert_eq!(found, [command], "{}", refused.stderr);
    assert_eq!(shell(&dev, "carol", command).status, 0);
    assert!(dev.run("bob", VEND).stderr.contains("APPROVAL_REQUIRED"));
}

/// A reinstatement on one profile would have no effect.
#[test]
fn a_caller_revoked_as_a_whole_is_answered_with_a_command_that_reinstates_as_a_whole() {
    let dev = Dev::start();
    assert_eq!(dev.run("carol", "sessions revoke --user bob --reason theft").status, 0);
    let refused = dev.run("bob", VEND);
    let command = "sentinel sessions reinstate --user USER --reason \"…\"";
    assert!(refused.stderr.contains(&format!("`{command}`")), "{}", refused.stderr);
    let command = command.replace("USER", "bob");
    assert_eq!(shell(&dev, "carol", &command).status, 0);
    assert!(dev.run("bob", VEND).stderr.contains("APPROVAL_REQUIRED"));
}

#[test]
fn a_limit_is_answered_with_the_time_of_the_next_try() {
    let dev = Dev::start();
    let open = || {
        let words = "break-glass open --profile production --reason-code incident";
        run(dev.client("bob", words).args(["--justification", "the database is down, ticket 42"]))
    };
    assert_eq!(open().status, 0);
    let refused = open().stderr;
    let line = refused.lines().find(|line| line.contains("retry after ")).unwrap_or_default();
    assert!(
        line.contains(" s: at 2") && line.contains("(in ") && line.contains(" min)"),
        "{refused}"
    );
}

#[test]
fn the_next_steps_are_in_the_json_of_a_refusal() {
    let dev = Dev::start();
    let refused = dev.run("bob", "credentials --profile production --format json");
    let json: Value = serde_json::from_str(&refused.stderr).unwrap();
    let step = "request it: `sentinel request --profile production --reason \"…\" --wait`";
    assert_eq!(json["details"][0], step, "{json}");
}

#[test]
fn an_expired_sign_in_is_answered_with_the_command_that_renews_it() {
    let dev = Dev::start();
    let config = dev.home.path().join("config");
    let session = "sso_start_url = https://example.com/start\nsso_region = us-east-1\n\
                   sso_registration_scopes = sso:account:access\n";
    let account = "sso_account_id = 111122223333\nsso_role_name = Admin\n";
    let text = format!(
        "[sso-session work]\n{session}\n[profile new]\nsso_session = work\n{account}\n[profile \
         old]\n{session}{account}\n[profile derived]\nsource_profile = new\nrole_arn = \
         arn:aws:iam::111122223333:role/x\n"
    );
    std::fs::write(&config, text).unwrap();
    let whoami = |profile: &str| {
        let mut command = sentinel(dev.home.path());
        command.env("AWS_CONFIG_FILE", &config).env("SENTINEL_TVM_URL", &dev.url);
        run(command.args(["whoami", "--aws-profile", profile]))
    };
    for (profile, signs_in) in [("new", "new"), ("old", "old"), ("derived", "new")] {
        let output = whoami(profile);
        assert_eq!(output.status, 3);
        let step = format!("run `aws sso login --profile {signs_in}`");
        assert!(output.stderr.contains(&step), "{profile}: {}", output.stderr);
    }
    // A token that has expired, in place of one that is missing.
    let cache = dev.home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let token = r#"{"accessToken":"x","expiresAt":"2020-01-01T00:00:00Z","region":"us-east-1"}"#;
    // The SHA-1 of `work`, under which the AWS CLI stores the token.
    std::fs::write(cache.join("e274eeff768c6396088ec6eb091f4bf4d47ab1e0.json"), token).unwrap();
    let output = whoami("new");
    assert!(output.stderr.contains("run `aws sso login --profile new`"), "{}", output.stderr);
}
