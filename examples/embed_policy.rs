//! A service that decides by a policy: it reads the policy once and evaluates it for every request.

#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::error::Error;

use sentinel_policy::{CheckedPolicy, Facts, Limits, Mode, Principal, Request, Verdict};

fn main() -> Result<(), Box<dyn Error>> {
    let source = include_bytes!("policies/main.yaml");
    // The error contains every problem of the document, with its location.
    let policy = CheckedPolicy::parse(source, &Limits::default())?.compile();

    let request = Request::new(Principal::new("alice"), "production").with_mode(Mode::Server);
    let now = "2026-03-18T11:00:00Z".parse()?;

    let decision = policy.decide(&request, &Facts::default(), now);
    match decision.verdict {
        Verdict::Allow => match policy.valid_until(&request, &Facts::default(), now) {
            Some(end) => println!("alice can get production, until {end} at most"),
            None => println!("alice can get production"),
        },
        Verdict::RequireApproval => println!("alice can get production after an approval"),
        Verdict::Deny => println!("alice cannot get production, because:"),
    }
    for step in policy.explain(&request, &Facts::default(), now).steps {
        println!("  {step}");
    }
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
