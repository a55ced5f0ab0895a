//! The error messages if there are no AWS credentials to sign with.

use std::net::TcpListener;

use tempfile::TempDir;

use crate::running::{CommandOutput, run, sentinel};

struct Aws(TempDir);

impl Aws {
    fn new(config: &str, credentials: &str) -> Self {
        let home = TempDir::new().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/config"), config).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
        Self(home)
    }

    /// Runs a command that needs credentials. It must fail before it uses them.
    fn run(&self, words: &str, variables: &[(&str, &str)]) -> CommandOutput {
        let mut command = sentinel(self.0.path());
        command
            .env_remove("AWS_CONFIG_FILE")
            .env_remove("AWS_SHARED_CREDENTIALS_FILE")
            .envs(variables.iter().copied())
            .args(words.split_whitespace());
        let output = run(command.args(["--tvm", "http://127.0.0.1:1"]));
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{words}: {}", output.stderr);
        assert!(!output.stderr.contains("cannot reach"), "{words}: {}", output.stderr);
        output
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(".aws").join(name).display().to_string()
    }
}

const CREDENTIALS: &str = "[alice]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
    aws_secret_access_key = hunter2\n[half]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
    [other-half]\naws_secret_access_key = hunter2\n";

#[test]
fn a_mistyped_profile_is_reported_with_similar_names() {
    let aws = Aws::new("[profile production-admin]\nregion = us-east-1\n", CREDENTIALS);
    for (words, variables, meant) in [
        ("whoami --aws-profile alcie", &[][..], "`alice`"),
        ("whoami", &[("AWS_PROFILE", "Alice")][..], "`alice`"),
        ("whoami --aws-profile production-admim", &[], "`production-admin`"),
        ("whoami --aws-profile something-else", &[], "`alice`, `half`, `other-half`"),
    ] {
        let output = aws.run(words, variables);
        assert!(output.stderr.contains("there is no AWS profile `"), "{words}: {}", output.stderr);
        assert!(output.stderr.contains(meant), "{words}: {}", output.stderr);
        assert!(output.stderr.contains(&aws.path("config")), "{words}: {}", output.stderr);
        assert!(output.stderr.contains(&aws.path("credentials")), "{words}: {}", output.stderr);
    }
}

#[test]
fn files_that_do_not_exist_are_named() {
    let aws = Aws::new("", CREDENTIALS);
    let missing = aws.path("nowhere");
    for words in ["whoami", "whoami --aws-profile alice"] {
        let output = aws.run(words, &[("AWS_SHARED_CREDENTIALS_FILE", &missing)]);
        assert!(
            output.stderr.contains(&format!("(`{missing}` does not exist)")),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn an_access_key_without_its_secret_is_reported_with_its_source() {
    let aws = Aws::new("", CREDENTIALS);
    for (words, variables, expected) in [
        ("whoami --aws-profile half", &[][..], ["`half`", "not `aws_secret_access_key`"]),
        ("whoami --aws-profile other-half", &[], ["`other-half`", "not `aws_access_key_id`"]),
        (
            "whoami",
            &[("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_PROFILE", "alice")][..],
            ["`AWS_ACCESS_KEY_ID` is set", "`AWS_SECRET_ACCESS_KEY` is not"],
        ),
        (
            "whoami",
            &[("AWS_SECRET_ACCESS_KEY", "hunter2")][..],
            ["`AWS_SECRET_ACCESS_KEY` is set", "`AWS_ACCESS_KEY_ID` is not"],
        ),
    ] {
        let output = aws.run(words, variables);
        for part in expected {
            assert!(output.stderr.contains(part), "{words}: {}", output.stderr);
        }
        assert!(!output.stderr.contains("hunter2"));
    }
}

#[test]
fn a_profile_without_credentials_and_a_missing_profile_have_different_messages() {
    let aws = Aws::new("[profile empty]\nregion = us-east-1\n", "");
    let output = aws.run("whoami --aws-profile empty", &[]);
    assert!(output.stderr.contains("the AWS profile `empty`"), "{}", output.stderr);
    assert!(output.stderr.contains("has no credentials"), "{}", output.stderr);
    let output = aws.run("whoami", &[]);
    assert!(output.stderr.contains("the environment has no access key"), "{}", output.stderr);
}

const RULE: &str =
    "version: \"1\"\nrules:\n  - name: a\n    effect: allow\n    conditions: { users: [alice] }\n";

#[test]
fn no_message_is_a_debug_dump() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("p.yaml"), RULE).unwrap();
    let url = format!("http://{port}");
    let key = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let region = ("AWS_REGION", "us-east-1");
    let unreachable = ("AWS_ENDPOINT_URL", url.as_str());
    for words in [
        "iam",
        "bootstrap",
        "policy list",
        "policy pull production",
        "policy push p.yaml --name production --yes",
        "policy history production",
        "sessions list --table sentinel-sessions",
        "sessions revoke --user mallory --reason x --table sentinel-sessions",
    ] {
        for (variables, status) in [
            (vec![key[0], key[1], region, unreachable], 3),
            (vec![region, unreachable], 3),
            (vec![key[0], key[1], unreachable], 2),
            (vec![key[0], key[1], region, ("AWS_ENDPOINT_URL", "nonsense")], 3),
        ] {
            let mut command = sentinel(home.path());
            command.current_dir(home.path()).envs(variables).args(words.split_whitespace());
            let output = run(&mut command);
            assert_eq!(
                (output.status, output.stdout.as_str()),
                (status, ""),
                "{words}: {}",
                output.stderr
            );
            for dump in ["{ ", "(Some(", "Error(", "Os {", "\n  ", "DispatchFailure"] {
                assert!(!output.stderr.contains(dump), "{words}: {}", output.stderr);
            }
        }
    }
    let mut command = sentinel(home.path());
    let output = run(command.arg("iam").envs([key[0], key[1], region, unreachable]));
    assert!(output.stderr.contains("AWS cannot be reached: `sts`: "), "{}", output.stderr);
    assert!(output.stderr.contains("Connection refused"), "{}", output.stderr);
    assert!(output.stderr.contains("AWS_ENDPOINT_URL"), "{}", output.stderr);
}
