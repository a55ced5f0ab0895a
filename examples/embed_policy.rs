//! A service that asks a policy: read once, shared, asked for each request.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use sentinel_policy::{Caller, Checked, Facts, Limits, Mode, Request, Verdict};

fn main() -> Result<(), Box<dyn Error>> {
    let source = include_bytes!("policies/main.yaml");
    // Everything that is wrong with it is in the error, with its place.
    let policy = Checked::parse(source, &Limits::default())?.compile();

    let mut request = Request::new(Caller::new("alice"), "production");
    request.mode = Some(Mode::Server);
    let now = "2026-03-18T11:00:00Z".parse()?;

    let decision = policy.decide(&request, &Facts::default(), now);
    match decision.verdict {
        Verdict::Allow => match policy.valid_until(&request, &Facts::default(), now) {
            Some(end) => println!("alice may have production, until {end} at most"),
            None => println!("alice may have production"),
        },
        Verdict::RequireApproval => println!("alice may have production once it is approved"),
        Verdict::Deny => println!("alice may not have production, because:"),
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
