//! The child: its environment, signals, and exit status.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{Running, decisions, dev, is_stopped, kill, until};
use crate::running::{Dev, run};
use crate::wire::Request;

/// Runs a shell script as the child.
fn exec(dev: &Dev, script: &str) -> Command {
    let mut command = dev.client("alice", "exec --profile production -- sh -c");
    command.arg(script);
    command
}

#[test]
fn the_exit_status_of_the_program_is_the_exit_status() {
    let dev = dev("30m");
    for (script, status) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -s TERM $$", 128 + 15),
        ("kill -s KILL $$", 128 + 9),
    ] {
        let output = run(&mut exec(&dev, script));
        assert_eq!((output.status, output.stderr.as_str()), (status, ""), "{script}");
    }
}

#[test]
fn a_program_that_cannot_be_run_has_the_exit_status_of_a_shell() {
    let dev = dev("30m");
    let file = dev.home.path().join("not-executable");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    for (program, status) in [("no-such-program", 127), (file.to_str().unwrap(), 126)] {
        let output = dev.run("alice", &format!("exec --profile production -- {program} x"));
        assert_eq!(output.status, status, "{}", output.stderr);
        let message = format!("error: cannot run `{program}`: ");
        assert!(output.stderr.starts_with(&message), "{}", output.stderr);
    }
}

#[test]
fn a_refusal_and_an_unreachable_tvm_start_no_program() {
    let dev = dev("30m");
    let made = dev.home.path().join("made");
    let script = format!("touch {}", made.display());
    super::write_policy(&dev.home.path().join("policies"), "deny", "30m");
    until("the policy takes effect", || {
        dev.run("alice", "credentials --profile production --no-cache").status == 1
    });
    let output = run(&mut exec(&dev, &script));
    assert_eq!((output.status, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.starts_with("refused: POLICY_DENY: "), "{}", output.stderr);

    let mut command = dev.client("alice", "exec --profile production --tvm http://127.0.0.1:1 --");
    let output = run(command.args(["touch", made.to_str().unwrap()]));
    assert_eq!(output.status, 3, "{}", output.stderr);
    assert!(output.stderr.contains("cannot reach http://127.0.0.1:1/"), "{}", output.stderr);

    for words in [
        "exec --profile production",
        "exec --profile production -- ",
        "exec --profile a/b -- true",
        "exec --profile production true",
        "exec --profile production --duration 5m -- true",
        "exec -- true",
    ] {
        assert_eq!(dev.run("alice", words).status, 2, "{words}");
    }
    assert!(!made.exists());
}

#[test]
fn the_program_has_no_other_credentials_and_the_files_of_the_user_are_unchanged() {
    let dev = dev("30m");
    let aws = dev.home.path().join(".aws");
    std::fs::create_dir(&aws).unwrap();
    let config = "[default]\nregion = eu-west-1\noutput = json\n[profile alice]\nregion = \
                  eu-central-1\nretry_mode = standard\nrole_session_name = me\n";
    let credentials = std::fs::read_to_string(dev.credentials_file()).unwrap();
    let credentials = format!(
        "{credentials}\n[default]\naws_access_key_id = AKIADEFAULT\n\
                               aws_secret_access_key = hunter2\n"
    );
    std::fs::write(aws.join("config"), config).unwrap();
    std::fs::write(aws.join("credentials"), &credentials).unwrap();
    std::fs::write(dev.home.path().join(".boto"), "[Credentials]\naws_access_key_id = x\n")
        .unwrap();
    let script = "env; echo; cat \"$AWS_CONFIG_FILE\"; echo ---; cat \
                  \"$AWS_SHARED_CREDENTIALS_FILE\"";
    let mut command = exec(&dev, script);
    command.env_remove("AWS_CONFIG_FILE").env_remove("AWS_SHARED_CREDENTIALS_FILE");
    let overriding = [
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_DEFAULT_PROFILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_CREDENTIAL_FILE",
        "SENTINEL_SESSION_ID",
    ];
    command.envs(overriding.map(|name| (name, "of-the-user"))).env("OTHER", "kept");
    command.env("AWS_REGION", "us-east-1");
    let output = run(&mut command);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let (variables, files) = output.stdout.split_once("\n\n").unwrap();
    let value =
        |name: &str| variables.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    for name in overriding.iter().chain(&["AWS_PROFILE", "AWS_ACCESS_KEY_ID"]) {
        assert_eq!(value(name), None, "{name}");
    }
    assert!(value("AWS_CONTAINER_CREDENTIALS_FULL_URI").unwrap().ends_with("/production"));
    assert_eq!((value("OTHER"), value("AWS_REGION")), (Some("kept"), Some("us-east-1")));
    assert!(value("BOTO_CONFIG").is_some_and(|file| !file.contains(".boto")), "{variables}");
    assert!(!output.stdout.contains("hunter2") && !output.stdout.contains("of-the-user"));
    let settings = "[default]\nregion = eu-central-1\nretry_mode = standard\n---\n";
    assert_eq!(files, settings);
    assert_eq!(std::fs::read_to_string(aws.join("config")).unwrap(), config);
    assert_eq!(std::fs::read_to_string(aws.join("credentials")).unwrap(), credentials);
    let folder = std::path::Path::new(value("AWS_CONFIG_FILE").unwrap()).parent().unwrap();
    assert!(!folder.exists(), "the files of the program are removed");
}

#[test]
fn the_region_of_the_profile_that_signs_is_the_region_of_the_program() {
    let dev = dev("30m");
    let credentials = std::fs::read_to_string(dev.credentials_file()).unwrap();
    let file = dev.home.path().join("with-region");
    std::fs::write(&file, credentials.replace("[alice]\n", "[alice]\nregion = us-east-1\n"))
        .unwrap();
    let mut command = exec(&dev, "echo $AWS_REGION $AWS_DEFAULT_REGION");
    let output = run(command.env("AWS_SHARED_CREDENTIALS_FILE", file));
    assert_eq!(output.stdout, "us-east-1 us-east-1\n", "{}", output.stderr);
    // A variable has precedence, and SDKs that read the other one have the same region.
    let output = run(command.env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "eu-west-1"));
    assert_eq!(output.stdout, "us-east-1 eu-west-1\n", "{}", output.stderr);
    let output = run(command.env_remove("AWS_DEFAULT_REGION"));
    assert_eq!(output.stdout, "us-east-1 us-east-1\n", "{}", output.stderr);
}

/// Prints each signal that it receives, and ends with its number after SIGUSR2.
const TRAPS: &str = "for s in TERM HUP INT QUIT USR1; do trap \"echo $s\" $s; done; \
                     trap 'echo USR2; exit 12' USR2; echo ready; while :; do sleep 0.05; done";

#[test]
fn signals_are_passed_on_to_the_program_also_the_second_time() {
    let dev = dev("30m");
    let exec = Running::start(exec(&dev, TRAPS));
    assert_eq!(exec.line(), "ready");
    for signal in ["TERM", "TERM", "HUP", "INT", "INT", "QUIT", "USR1", "USR2"] {
        exec.signal(signal);
        assert_eq!(exec.line(), signal);
    }
    assert_eq!(exec.end(), (12, String::new()));
}

#[test]
fn a_program_that_ignores_sigterm_is_waited_for_until_it_ends() {
    let dev = dev("30m");
    let script = "trap '' TERM; echo $$; echo ready; read line; exit 3";
    let exec = Running::start(exec(&dev, script));
    let process = exec.line();
    assert_eq!(exec.line(), "ready");
    exec.signal("TERM");
    exec.signal("TERM");
    // It cannot be ignored, and the second one is received after the first two.
    exec.signal("USR1");
    assert_eq!(exec.end(), (128 + 10, String::new()));
    let output = Command::new("kill").args(["-0", &process]).output().unwrap();
    assert!(!output.status.success(), "the program has ended");

    let mut waiting = Running::start(super::process::exec(&dev, script));
    waiting.line();
    assert_eq!(waiting.line(), "ready");
    waiting.signal("TERM");
    waiting.release();
    assert_eq!(waiting.end(), (3, String::new()));
}

#[test]
fn a_signal_that_is_ignored_at_the_start_is_ignored_by_the_program_too() {
    let dev = dev("30m");
    let client = dev.client("alice", "");
    let mut shell = Command::new("sh");
    shell.env_clear().envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // As nohup does, and a shell for a job in the background.
    shell.args(["-c", "trap '' HUP INT; exec \"$0\" exec --profile production -- sh -c \"$1\""]);
    shell.arg(env!("CARGO_BIN_EXE_sentinel"));
    shell.arg("kill -s HUP $$; kill -s INT $$; echo alive; read line; exit 5");
    let mut exec = Running::start(shell);
    assert_eq!(exec.line(), "alive");
    exec.signal("HUP");
    exec.signal("INT");
    exec.release();
    assert_eq!(exec.end(), (5, String::new()));
}

#[test]
fn a_stopped_program_continues() {
    let dev = dev("30m");
    let mut exec = Running::exec(&dev, "exit 4");
    // Ctrl-Z and `fg` send the signals to the group.
    exec.signal_group("STOP");
    until("it is stopped", || is_stopped(exec.child.id()));
    exec.signal_group("CONT");
    assert_eq!(exec.fetch().status, 200);
    exec.release();
    assert_eq!(exec.end(), (4, String::new()));

    // Only the program is stopped: it is waited for, and the endpoint continues.
    let script = "echo $$; kill -s STOP $$; exit 6";
    let mut exec = Running::start(super::process::exec(&dev, script));
    let process = exec.line();
    until("it is stopped", || is_stopped(process.parse().unwrap()));
    assert!(exec.is_running());
    kill("CONT", &process);
    assert_eq!(exec.end(), (6, String::new()));
}

#[test]
fn the_endpoint_ends_with_the_program() {
    let dev = dev("30m");
    let mut exec = Running::exec(&dev, "exit 0");
    let address = exec.address();
    assert_eq!(exec.fetch().status, 200);
    exec.release();
    assert_eq!(exec.end(), (0, String::new()));
    assert!(std::net::TcpStream::connect(address).is_err());
    assert_eq!(decisions(&dev).len(), 1);
}

#[test]
fn each_start_has_another_token_and_no_secret_is_written() {
    let dev = dev("30m");
    let verbose = || {
        let mut command = dev.client("alice", "exec -v --profile production -- sh -c");
        command.arg(super::WAITING).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
        Running::connected(command)
    };
    let (mut first, second) = (verbose(), verbose());
    assert_ne!(first.token, second.token);
    let vended = first.fetch().json();
    let mut secrets =
        ["SecretAccessKey", "Token"].map(|name| vended[name].as_str().unwrap().to_owned()).to_vec();
    secrets.extend([first.token.clone(), dev.key("alice").secret]);
    for secret in &secrets {
        let path = format!("/{}", secret.replace('/', "%2F"));
        for request in [
            first.request().with("authorization", secret),
            first.request().with("x-secret", secret).with("x", &"y".repeat(64 * 1024)),
            Request { target: path, ..first.request() },
            Request { method: "POST".to_owned(), body: secret.clone().into(), ..first.request() },
        ] {
            let response = request.send(first.address());
            assert_ne!(response.status, 200);
            assert!(!response.body.contains(secret), "{response:?}");
        }
    }
    first.release();
    let (_, stderr) = first.end();
    assert!(secrets.iter().all(|secret| !stderr.contains(secret)), "{stderr}");
}
