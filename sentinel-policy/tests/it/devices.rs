//! Requirements on devices, one fact at a time.

use chrono::DateTime;
use sentinel_policy::{
    CheckedPolicy, DeviceFacts, Facts, Limits, OsVersion, Policy, Principal, Request, StepOutcome,
    Verdict,
};

fn requiring(device: &str) -> Policy {
    let text = format!(
        "version: \"1\"\nrules: [{{ name: r, effect: allow, conditions: {{ device: {{ {device} }} }} }}]\n"
    );
    CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile()
}

#[test]
fn each_requirement_is_met_by_its_own_fact_only_and_its_explanation_names_that_fact() {
    let all = DeviceFacts::default()
        .with_mdm_enrolled(true)
        .with_mdm_compliant(true)
        .with_disk_encrypted(true)
        .with_firewall_enabled(true)
        .with_os_version("14.2")
        .with_os_type("darwin");
    for (required, attribute, missing, other, saw) in [
        (
            "require_mdm: true",
            "mdm_enrolled",
            all.with_mdm_enrolled(None),
            all.with_mdm_enrolled(false),
            "false",
        ),
        (
            "require_mdm_compliant: true",
            "mdm_compliant",
            all.with_mdm_compliant(None),
            all.with_mdm_compliant(false),
            "false",
        ),
        (
            "require_encryption: true",
            "disk_encrypted",
            all.with_disk_encrypted(None),
            all.with_disk_encrypted(false),
            "false",
        ),
        (
            "require_firewall: true",
            "firewall_enabled",
            all.with_firewall_enabled(None),
            all.with_firewall_enabled(false),
            "false",
        ),
        (
            "min_os_version: \"14.2\"",
            "os_version",
            all.with_os_version(None),
            all.with_os_version("9.0"),
            "9.0",
        ),
        (
            "allowed_os_types: [darwin]",
            "os_type",
            all.with_os_type(None),
            all.with_os_type("linux"),
            "linux",
        ),
    ] {
        let policy = requiring(required);
        let request =
            |device| Request::new(Principal::new("alice"), "production").with_device(device);
        let (facts, now) = (Facts::default(), DateTime::UNIX_EPOCH);
        assert_eq!(policy.decide(&request(all), &facts, now).verdict, Verdict::Allow, "{required}");
        for (device, saw) in [(missing, None), (other, Some(saw))] {
            let request = request(device);
            assert_eq!(policy.decide(&request, &facts, now).verdict, Verdict::Deny, "{required}");
            let explanation = policy.explain(&request, &facts, now);
            let StepOutcome::Unmet(unmet) = &explanation.steps[0].outcome else {
                panic!("{explanation:?}")
            };
            assert_eq!((unmet.attribute, unmet.saw.as_deref()), (attribute, saw), "{required}");
        }
    }
}

#[test]
fn a_version_is_numbers_and_points() {
    for version in ["", ".", "14.", ".2", "+14", "14.+2", "14.2b", "18446744073709551616"] {
        assert_eq!(OsVersion::parse(version), None, "{version}");
    }
    let least = OsVersion::parse("14.2").unwrap();
    for (actual, expected) in [
        ("14.2", true),
        ("14.2.0", true),
        ("14.10", true),
        ("15", true),
        ("14.1.9", false),
        ("9.0", false),
        ("+15", false),
        ("15.+1", false),
        ("beta", false),
        ("15.beta", false),
    ] {
        assert_eq!(least.allows(actual), expected, "{actual}");
    }
}
