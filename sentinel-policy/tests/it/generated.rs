//! Policies, requests and times for property tests. Policies are generated as text,
//! so that all stages from text to decision run. Names are from small pools, so
//! that rules often match requests. Times are near those at which clocks change.

use std::fmt::Write as _;
use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sentinel_policy::{
    ActiveGrant, Approval, CheckedPolicy, DeviceFacts, Facts, GroupMembers, Limits, Mode,
    Principal, Request,
};

/// The words that profiles of a policy, and requests, are generated from.
const PROFILES: &[&str] =
    &["prod", "staging", "dev", "prod-eu", "prod*", "*", "st?ging", "*-eu", "?*", "unknown"];
const USERS: &[&str] = &[
    "alice",
    "bob",
    "ci/build-7",
    "x@corp.com",
    "ci/x@corp.com",
    "*@corp.com",
    "*",
    "ci/*",
    "?lice",
    "group:ops",
    "group:leads",
    "group:admins",
    "group:duty",
    "**",
];
const PRINCIPALS: &[&str] = &[
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:sts::111122223333:assumed-role/ci/build-7",
    "arn:aws:sts::*:assumed-role/ci/*",
    "arn:aws:iam::111122223333:user/*",
    "*",
];
const ACCOUNTS: &[&str] = &["111122223333", "444455556666"];
const ORGANIZATIONS: &[&str] = &["o-abc123", "o-other"];
const NETWORKS: &[&str] =
    &["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:10.1.0.0/112", "::/0"];
const VPCS: &[&str] = &["vpc-1a2b3c4d", "vpc-0123456789abcdef0"];
const ENDPOINTS: &[&str] = &["vpce-1a2b3c4d", "vpce-0123456789abcdef0"];
const ADDRESSES: &[&str] =
    &["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8::1", "198.51.100.1", "::1"];
const DAYS: &[&str] =
    &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const ZONES: &[&str] = &[
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Auckland",
    "Pacific/Apia",
    "Africa/Monrovia",
    "UTC",
];
const EFFECTS: &[&str] =
    &["allow", "allow", "deny", "require_approval", "require_server", "require_server_session"];
const TABLES: &[&str] = &["sessions", "other"];
/// Clocks change near these times, or the tables of the zones begin or end there.
const INSTANTS: &[&str] = &[
    "2026-03-29T01:00:00Z", // Berlin, forward
    "2026-10-25T01:00:00Z", // Berlin, back
    "2027-03-14T07:00:00Z", // New York, forward
    "2026-11-01T06:00:00Z", // New York, back
    "2026-04-04T15:00:00Z", // Lord Howe, back by half an hour
    "2026-10-03T15:30:00Z", // Lord Howe, forward by half an hour
    "2026-04-04T14:00:00Z", // Auckland, back
    "2026-09-26T14:00:00Z", // Auckland, forward
    "1985-12-31T18:30:00Z", // Kathmandu, from +05:30 to +05:45
    "2011-12-30T10:00:00Z", // Apia, which skips the 30th of December
    "1893-03-31T23:06:32Z", // Berlin, from local mean time
    "1883-11-18T17:00:00Z", // New York, from local mean time
    "1972-01-07T00:44:30Z", // Monrovia, the last with an offset in seconds
    "1969-12-31T23:59:59Z",
    "2020-01-01T00:00:00Z",
    "2060-01-01T00:00:00Z",
    "2061-03-27T01:00:00Z", // Berlin, forward
    "2105-06-15T12:00:00Z",
    "2026-02-28T23:59:00Z",
];

fn list(pool: &'static [&'static str]) -> impl Strategy<Value = String> {
    subsequence(pool, 1..=3.min(pool.len())).prop_map(|names| quoted(&names))
}

fn quoted(names: &[&str]) -> String {
    format!("[{}]", names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "))
}

fn clock(minutes: u16) -> String {
    format!("\"{:02}:{:02}\"", minutes / 60, minutes % 60)
}

fn time() -> impl Strategy<Value = String> {
    // Often within the hours in which clocks change.
    let minute =
        || prop_oneof![2 => 0_u16..1440, 1 => 60_u16..240, 1 => select(vec![0, 1439, 120])];
    let hours = (minute(), prop_oneof![4 => minute(), 1 => Just(1440)])
        .prop_filter("hours must bound a window", |(start, end)| start != end)
        .prop_map(|(start, end)| {
            format!("hours: {{ start: {}, end: {} }}", clock(start), clock(end))
        });
    let days = subsequence(DAYS, 1..=7).prop_map(|days| format!("days: {}", quoted(&days)));
    let zone = select(ZONES).prop_map(|zone| format!("timezone: {zone}"));
    (
        prop_oneof![
            3 => (days.clone(), hours.clone()).prop_map(|(days, hours)| format!("{days}, {hours}")),
            1 => days,
            1 => hours
        ],
        weighted(0.9, zone),
    )
        .prop_map(|(when, zone)| {
            let zone = zone.map_or_else(String::new, |zone| format!(", {zone}"));
            format!("{{ {when}{zone} }}")
        })
}

fn device() -> impl Strategy<Value = String> {
    select(vec![
        "{ require_mdm: true }",
        "{ require_encryption: true, require_firewall: true }",
        "{ require_mdm_compliant: true, require_mdm: false }",
        "{ min_os_version: \"14.2\" }",
        "{ min_os_version: 9, allowed_os_types: [darwin, linux] }",
    ])
    .prop_map(str::to_owned)
}

/// `often` is the probability of each condition on names.
fn conditions(often: f64) -> impl Strategy<Value = Vec<String>> {
    let key = |key: &'static str| move |value: String| format!("{key}: {value}");
    (
        weighted(often, list(PROFILES).prop_map(key("profiles"))),
        weighted(often, list(USERS).prop_map(key("users"))),
        weighted(0.1, list(PRINCIPALS).prop_map(key("principals"))),
        weighted(0.1, list(ACCOUNTS).prop_map(key("accounts"))),
        weighted(0.1, list(ORGANIZATIONS).prop_map(key("organizations"))),
        weighted(0.1, list(NETWORKS).prop_map(key("source_ip"))),
        (
            weighted(0.1, list(VPCS).prop_map(key("source_vpc"))),
            weighted(0.1, list(ENDPOINTS).prop_map(key("source_vpce"))),
        ),
        weighted(0.1, list(&["server", "cli", "credential_process"]).prop_map(key("mode"))),
        weighted(0.5, time().prop_map(key("time"))),
        weighted(0.1, device().prop_map(key("device"))),
    )
        .prop_map(|(a, b, c, d, e, f, (g, h), i, j, k)| {
            [a, b, c, d, e, f, g, h, i, j, k].into_iter().flatten().collect()
        })
}

fn rule() -> impl Strategy<Value = String> {
    let unless = conditions(0.3).prop_filter("an `unless` has a condition", |it| !it.is_empty());
    (
        select(EFFECTS),
        conditions(0.6),
        weighted(0.4, unless),
        weighted(0.3, select(vec!["30m", "1h30m", "45s"])),
        weighted(0.5, select(TABLES)),
    )
        .prop_map(|(effect, conditions, unless, cap, table)| {
            let mut rule = format!("effect: {effect}");
            let _ = write!(rule, ", conditions: {{ {} }}", conditions.join(", "));
            if let Some(unless) = unless {
                let _ = write!(rule, ", unless: {{ {} }}", unless.join(", "));
            }
            if let Some(cap) = cap {
                let _ = write!(rule, ", max_duration: {cap}");
            }
            if let (Some(table), "require_server_session") = (table, effect) {
                let _ = write!(rule, ", session_table: {table}");
            }
            rule
        })
}

/// The members of a group that is kept elsewhere. `None` if the group has none.
fn members() -> impl Strategy<Value = Option<String>> {
    let names: Vec<&str> =
        USERS.iter().copied().filter(|name| !name.starts_with("group:")).collect();
    let names = subsequence(names, 0..=3)
        .prop_map(|names| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>());
    let entries = (names, weighted(0.5, list(PRINCIPALS))).prop_map(|(mut entries, principals)| {
        entries.extend(principals.map(|list| format!("{{ principals: {list} }}")));
        format!("[{}]", entries.join(", "))
    });
    weighted(0.9, entries)
}

/// Checks a generated policy, with the members of its group that is kept elsewhere. They are in
/// a comment on the first line.
pub(crate) fn check(text: &str) -> CheckedPolicy {
    let limits = Limits::default();
    let checked = CheckedPolicy::parse(text.as_bytes(), &limits)
        .unwrap_or_else(|errors| panic!("{text}\n{errors:?}"));
    match text.lines().next().unwrap().strip_prefix("# duty: ") {
        Some(members) => {
            let members = GroupMembers::parse(members.as_bytes(), &limits);
            checked.with_members("duty", members.unwrap_or_else(|errors| panic!("{errors:?}")))
        }
        None => checked,
    }
}

/// A policy of about a dozen generated rules. Each follows `spacing` rules that
/// match no generated request, but are in the index.
pub(crate) fn policy(
    rules: impl Into<proptest::collection::SizeRange>,
    spacing: std::ops::Range<usize>,
) -> impl Strategy<Value = String> {
    let groups = (list(PRINCIPALS), list(PRINCIPALS), members());
    (vec((rule(), spacing), rules), any::<bool>(), groups).prop_map(|(rules, profiles, groups)| {
        let (leads, admins, duty) = groups;
        let duty = duty.map_or_else(String::new, |members| format!("# duty: {members}\n"));
        let mut text = format!(
            "{duty}version: \"1\"\ngroups_from: [duty]\ngroups:\n  ops: [alice, \"*-ops\"]\n  \
             leads: [bob, \"*@corp.com\", {{ principals: {leads} }}]\n  \
             admins: [{{ principals: {admins} }}]\n"
        );
        if profiles {
            text += "profiles:\n  prod: { max_duration: 1h }\n  dev: { max_duration: 20m }\n";
        }
        text += "rules:\n";
        let mut count = 0;
        for (rule, spacing) in rules {
            for _ in 0..spacing {
                let filler = match count % 4 {
                    0 => format!("users: [no-user-{count}]"),
                    1 => format!("users: [\"no-user-{count}-*\"]"),
                    2 => format!("profiles: [prod, no-profile-{count}], users: [no-user]"),
                    _ => format!("profiles: [\"*-{count}\"], accounts: [\"111122223333\"]"),
                };
                let _ = writeln!(
                    text,
                    "  - {{ name: r{count}, effect: allow, conditions: {{ {filler} }} }}"
                );
                count += 1;
            }
            let _ = writeln!(text, "  - {{ name: r{count}, {rule} }}");
            count += 1;
        }
        text
    })
}

/// A policy of many rules with few different conditions, most of them not on names, so that
/// many rules share what does not hold for a request.
pub(crate) fn crowded_policy() -> impl Strategy<Value = String> {
    let some = conditions(0.05).prop_filter("a rule has a condition", |it| !it.is_empty());
    let rule = (
        select(EFFECTS),
        any::<prop::sample::Index>(),
        weighted(0.2, any::<prop::sample::Index>()),
    );
    (vec(some, 2..6), vec(rule, 80..300)).prop_map(|(pool, rules)| {
        let mut text = String::from("version: \"1\"\ngroups:\n");
        for group in ["ops", "leads", "admins", "duty"] {
            let _ = writeln!(text, "  {group}: [bob]");
        }
        text += "rules:\n";
        for (at, (effect, conditions, unless)) in rules.iter().enumerate() {
            let conditions = conditions.get(&pool).join(", ");
            let unless = unless.map_or_else(String::new, |unless| {
                format!(", unless: {{ {} }}", unless.get(&pool).join(", "))
            });
            let _ = writeln!(
                text,
                "  - {{ name: r{at}, effect: {effect}, conditions: {{ {conditions} }}{unless} }}"
            );
        }
        text
    })
}

/// An owned request with its facts and its time.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    user: &'static str,
    profile: &'static str,
    account: Option<&'static str>,
    principal: Option<&'static str>,
    organization: Option<&'static str>,
    source_ip: Option<IpAddr>,
    source_vpc: Option<&'static str>,
    source_vpce: Option<&'static str>,
    mode: Option<Mode>,
    session_table: Option<&'static str>,
    device: DeviceFacts<'static>,
    pub(crate) facts: Facts,
    pub(crate) now: DateTime<Utc>,
}

impl Question {
    pub(crate) fn request(&self) -> Request<'_> {
        let principal = Principal::new(self.user)
            .with_account(self.account)
            .with_arn(self.principal)
            .with_organization(self.organization);
        Request::new(principal, self.profile)
            .with_source_ip(self.source_ip)
            .with_source_vpc(self.source_vpc)
            .with_source_vpce(self.source_vpce)
            .with_mode(self.mode)
            .with_session_table(self.session_table)
            .with_device(self.device)
    }
}

pub(crate) fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    let near = prop_oneof![
        2 => -9 * 86_400_i64..86_400,
        2 => -7_200_i64..7_200,
        1 => select(vec![-1_i64, 0, 1])
    ];
    (select(INSTANTS), near, prop_oneof![3 => Just(0_i64), 1 => 0_i64..1_000_000_000]).prop_map(
        |(instant, seconds, nanoseconds)| {
            let instant: DateTime<Utc> = instant.parse().unwrap();
            instant + TimeDelta::seconds(seconds) + TimeDelta::nanoseconds(nanoseconds)
        },
    )
}

pub(crate) fn question() -> impl Strategy<Value = Question> {
    let yes_or_no = || weighted(0.7, any::<bool>());
    let device = (
        (yes_or_no(), yes_or_no(), yes_or_no(), yes_or_no()),
        weighted(0.7, select(vec!["14.2", "14.10", "9.0", "9", "beta", ""])),
        weighted(0.7, select(vec!["darwin", "linux", "windows", "Darwin"])),
    )
        .prop_map(|((enrolled, compliant, encrypted, firewall), os_version, os_type)| {
            DeviceFacts::default()
                .with_mdm_enrolled(enrolled)
                .with_mdm_compliant(compliant)
                .with_disk_encrypted(encrypted)
                .with_firewall_enabled(firewall)
                .with_os_version(os_version)
                .with_os_type(os_type)
        });
    // Before now, at now, within the eight days, and after them.
    let end = || {
        weighted(0.8, prop_oneof![4 => -1_000_i64..900_000_000, 1 => select(vec![0, 691_200_000])])
    };
    let approval = weighted(0.5, end());
    let grant = weighted(0.3, (end(), any::<bool>()));
    (
        (select(USERS), select(PROFILES)),
        (
            weighted(0.8, select(ACCOUNTS)),
            weighted(0.8, select(PRINCIPALS)),
            weighted(0.8, select(ORGANIZATIONS)),
        ),
        (
            weighted(0.8, select(ADDRESSES)),
            weighted(0.8, select(VPCS)),
            weighted(0.8, select(ENDPOINTS)),
        ),
        weighted(0.9, select(Mode::ALL.to_vec())),
        weighted(0.6, select(TABLES)),
        device,
        (approval, grant),
        instant(),
    )
        .prop_map(
            |(who, from, through, mode, session_table, device, (approval, grant), now)| {
                let until = |milliseconds| now + TimeDelta::milliseconds(milliseconds);
                Question {
                    user: who.0,
                    profile: who.1,
                    account: from.0,
                    principal: from.1,
                    organization: from.2,
                    source_ip: through.0.map(|address| address.parse().unwrap()),
                    source_vpc: through.1,
                    source_vpce: through.2,
                    mode,
                    session_table,
                    device,
                    facts: Facts::default()
                        .with_approval(
                            approval.map(|end| Approval::new().with_until(end.map(until))),
                        )
                        .with_grant(grant.map(|(end, overrides_deny)| {
                            ActiveGrant::new()
                                .with_until(end.map(until))
                                .with_overrides_deny(overrides_deny)
                        })),
                    now,
                }
            },
        )
}
