//! Policies, requests and times, made from bytes. Policies are generated as text, so
//! that all stages from text to decision run. Names are from small pools, so that
//! rules often match requests. Times are near those at which clocks change.
//!
//! Property tests, `examples/differential.rs` and the fuzz targets use it: their bytes
//! come from proptest, a seed and libFuzzer. Each choice takes a byte or two. Bytes that
//! end early are read as zeros, which choose the first and the shortest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use arbitrary::{Result, Unstructured};
use chrono::{DateTime, TimeDelta, Utc};
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
    "America/St_Johns",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Europe/Dublin",
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
    "2026-03-08T05:30:00Z", // St. John's, forward
    "2026-11-01T04:30:00Z", // St. John's, back
    "1985-12-31T18:30:00Z", // Kathmandu, from +05:30 to +05:45
    "2011-12-30T10:00:00Z", // Apia, which skips the 30th of December
    "1893-03-31T23:06:32Z", // Berlin, from local mean time
    "1883-11-18T17:00:00Z", // New York, from local mean time
    "1972-01-07T00:44:30Z", // Monrovia, the last with an offset in seconds
    "1969-12-31T23:59:59Z",
    "2020-01-01T00:00:00Z",
    "2038-01-01T00:00:00Z",
    "2038-03-28T01:00:00Z", // Berlin, forward
    "2105-06-15T12:00:00Z",
    "2026-02-28T23:59:00Z",
];

/// Whether an event of that probability, in percent, occurs. It does not when the bytes have ended.
fn occurs(u: &mut Unstructured<'_>, percent: u8) -> Result<bool> {
    Ok(u.int_in_range(0..=99_u8)? >= 100 - percent)
}

/// A value with that probability, in percent.
fn maybe<'a, T>(
    u: &mut Unstructured<'a>,
    percent: u8,
    value: impl FnOnce(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Option<T>> {
    if occurs(u, percent)? { value(u).map(Some) } else { Ok(None) }
}

/// One word of a pool.
fn word(u: &mut Unstructured<'_>, pool: &[&'static str]) -> Result<&'static str> {
    u.choose(pool).copied()
}

/// Different words of a pool, in its order, at most that many.
fn words(
    u: &mut Unstructured<'_>,
    pool: &[&'static str],
    length: RangeInclusive<usize>,
) -> Result<Vec<&'static str>> {
    let mut chosen = BTreeSet::new();
    for _ in 0..u.int_in_range(length)? {
        chosen.insert(u.choose_index(pool.len())?);
    }
    Ok(chosen.into_iter().map(|index| pool[index]).collect())
}

fn list(u: &mut Unstructured<'_>, pool: &[&'static str]) -> Result<String> {
    Ok(quoted(&words(u, pool, 1..=3)?))
}

fn quoted(names: &[&str]) -> String {
    format!("[{}]", names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "))
}

fn clock(minutes: u16) -> String {
    format!("\"{:02}:{:02}\"", minutes / 60, minutes % 60)
}

/// A minute of the day, often within the hours in which clocks change.
fn minute(u: &mut Unstructured<'_>) -> Result<u16> {
    match u.int_in_range(0..=3_u8)? {
        0 | 1 => u.int_in_range(0..=1_439),
        2 => u.int_in_range(60..=239),
        _ => u.choose(&[0, 1_439, 120]).copied(),
    }
}

fn hours(u: &mut Unstructured<'_>) -> Result<String> {
    let start = minute(u)?;
    let end = if occurs(u, 80)? { minute(u)? } else { 1_440 };
    // Hours must bound a window.
    let end = if start == end { end + 1 } else { end };
    Ok(format!("hours: {{ start: {}, end: {} }}", clock(start), clock(end)))
}

fn days(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(format!("days: {}", quoted(&words(u, DAYS, 1..=7)?)))
}

fn time(u: &mut Unstructured<'_>) -> Result<String> {
    let mut when = match u.int_in_range(0..=4_u8)? {
        0..=2 => format!("{}, {}", days(u)?, hours(u)?),
        3 => days(u)?,
        _ => hours(u)?,
    };
    if let Some(zone) = maybe(u, 90, |u| word(u, ZONES))? {
        let _ = write!(when, ", timezone: {zone}");
    }
    Ok(format!("{{ {when} }}"))
}

fn device(u: &mut Unstructured<'_>) -> Result<String> {
    let devices = [
        "{ require_mdm: true }",
        "{ require_encryption: true, require_firewall: true }",
        "{ require_mdm_compliant: true, require_mdm: false }",
        "{ min_os_version: \"14.2\" }",
        "{ min_os_version: 9, allowed_os_types: [darwin, linux] }",
    ];
    Ok((*u.choose(&devices)?).to_owned())
}

/// `often` is the probability of each condition on names, in percent.
fn conditions(u: &mut Unstructured<'_>, often: u8) -> Result<Vec<String>> {
    let lists = [
        ("profiles", often, PROFILES),
        ("users", often, USERS),
        ("principals", 10, PRINCIPALS),
        ("accounts", 10, ACCOUNTS),
        ("organizations", 10, ORGANIZATIONS),
        ("source_ip", 10, NETWORKS),
        ("source_vpc", 10, VPCS),
        ("source_vpce", 10, ENDPOINTS),
        ("mode", 10, &["server", "cli", "credential_process"]),
    ];
    let mut conditions = Vec::new();
    for (key, percent, pool) in lists {
        conditions.extend(maybe(u, percent, |u| Ok(format!("{key}: {}", list(u, pool)?)))?);
    }
    conditions.extend(maybe(u, 50, |u| Ok(format!("time: {}", time(u)?)))?);
    conditions.extend(maybe(u, 10, |u| Ok(format!("device: {}", device(u)?)))?);
    Ok(conditions)
}

fn rule(u: &mut Unstructured<'_>) -> Result<String> {
    let effect = word(u, EFFECTS)?;
    let mut rule = format!("effect: {effect}, conditions: {{ {} }}", conditions(u, 60)?.join(", "));
    if occurs(u, 40)? {
        let mut unless = conditions(u, 30)?;
        if unless.is_empty() {
            unless.push(format!("time: {}", time(u)?));
        }
        let _ = write!(rule, ", unless: {{ {} }}", unless.join(", "));
    }
    if let Some(cap) = maybe(u, 30, |u| word(u, &["30m", "1h30m", "45s"]))? {
        let _ = write!(rule, ", max_duration: {cap}");
    }
    if let Some(reason) = maybe(u, 20, |u| word(u, &["office hours", "freeze"]))? {
        let _ = write!(rule, ", reason: {reason}");
    }
    if effect == "require_server_session"
        && let Some(table) = maybe(u, 50, |u| word(u, TABLES))?
    {
        let _ = write!(rule, ", session_table: {table}");
    }
    Ok(rule)
}

/// The members of a group that is kept elsewhere.
fn members(u: &mut Unstructured<'_>) -> Result<String> {
    let names: Vec<&str> =
        USERS.iter().copied().filter(|name| !name.starts_with("group:")).collect();
    let mut entries: Vec<String> =
        words(u, &names, 0..=3)?.iter().map(|name| format!("\"{name}\"")).collect();
    if occurs(u, 50)? {
        entries.push(format!("{{ principals: {} }}", list(u, PRINCIPALS)?));
    }
    Ok(format!("[{}]", entries.join(", ")))
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

/// A policy with that many generated rules. Each follows `spacing` rules that match no
/// generated request, but are in the index.
pub(crate) fn policy(
    u: &mut Unstructured<'_>,
    rules: RangeInclusive<usize>,
    spacing: RangeInclusive<usize>,
) -> Result<String> {
    // One group is kept elsewhere, and may have no members.
    let duty = maybe(u, 90, members)?;
    let mut text = duty.map_or_else(String::new, |members| format!("# duty: {members}\n"));
    let (leads, admins) = (list(u, PRINCIPALS)?, list(u, PRINCIPALS)?);
    let _ = write!(
        text,
        "version: \"1\"\ngroups_from: [duty]\ngroups:\n  ops: [alice, \"*-ops\"]\n  \
         leads: [bob, \"*@corp.com\", {{ principals: {leads} }}]\n  \
         admins: [{{ principals: {admins} }}]\n"
    );
    let described = u.int_in_range(0..=3_u8)?;
    if described & 1 != 0 {
        text += "profiles:\n  prod: { max_duration: 1h }\n  dev: { max_duration: 20m }\n";
    }
    if described & 2 != 0 {
        text += "accounts: { prod: \"111122223333\", staging: \"444455556666\" }\n\
                 profile_patterns:\n  - profiles: \"{account}-eu\"\n    \
                 role_arn: arn:aws:iam::{account}:role/Eu\n    max_duration: 25m\n  \
                 - profiles: \"{account}\"\n    role_arn: arn:aws:iam::{account}:role/Own\n    \
                 accounts: [staging]\n";
    }
    text += "rules:\n";
    let mut count = 0;
    for _ in 0..u.int_in_range(rules)? {
        for _ in 0..u.int_in_range(spacing.clone())? {
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
        let _ = writeln!(text, "  - {{ name: r{count}, {} }}", rule(u)?);
        count += 1;
    }
    Ok(text)
}

/// A condition that is not on names, by its number below [`CIRCUMSTANCES`].
fn circumstance(u: &mut Unstructured<'_>, number: usize) -> Result<String> {
    Ok(match number {
        0 => format!("source_ip: {}", list(u, NETWORKS)?),
        1 => format!("source_vpc: {}", list(u, VPCS)?),
        2 => format!("source_vpce: {}", list(u, ENDPOINTS)?),
        3 => format!("mode: {}", list(u, &["server", "cli", "credential_process"])?),
        4 => format!("time: {}", time(u)?),
        _ => format!("device: {}", device(u)?),
    })
}

const CIRCUMSTANCES: usize = 6;

/// A policy of many rules with few different conditions, none of them on names. The first ones,
/// more than a decision evaluates before it excludes rules, share a condition, so that many
/// requests match one of the others only.
pub(crate) fn crowded_policy(u: &mut Unstructured<'_>) -> Result<String> {
    let mut pool = Vec::new();
    for number in 0..CIRCUMSTANCES {
        pool.push([circumstance(u, number)?, circumstance(u, number)?]);
    }
    let shared = u.choose_index(CIRCUMSTANCES)?;
    let sharing = u.int_in_range(66..=150)?;
    let mut text = String::from("version: \"1\"\nrules:\n");
    for at in 0..sharing + u.int_in_range(1..=150)? {
        let mut conditions = BTreeMap::new();
        if at < sharing {
            conditions.insert(shared, pool[shared][0].as_str());
        }
        for _ in 0..u.int_in_range(1..=2)? {
            let number = u.choose_index(CIRCUMSTANCES)?;
            conditions.entry(number).or_insert(u.choose(&pool[number])?);
        }
        let conditions = conditions.into_values().collect::<Vec<_>>().join(", ");
        let effect = word(u, EFFECTS)?;
        let unless = maybe(u, 20, |u| {
            let number = u.choose_index(CIRCUMSTANCES)?;
            Ok(format!(", unless: {{ {} }}", u.choose(&pool[number])?))
        })?;
        let unless = unless.unwrap_or_default();
        let _ = writeln!(
            text,
            "  - {{ name: r{at}, effect: {effect}, conditions: {{ {conditions} }}{unless} }}"
        );
    }
    Ok(text)
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

/// A time near one at which clocks change.
pub(crate) fn instant(u: &mut Unstructured<'_>) -> Result<DateTime<Utc>> {
    let instant: DateTime<Utc> = word(u, INSTANTS)?.parse().unwrap();
    let seconds = match u.int_in_range(0..=4_u8)? {
        0 | 1 => u.int_in_range(-9 * 86_400..=86_400_i64)?,
        2 | 3 => u.int_in_range(-7_200..=7_200)?,
        _ => u.int_in_range(-1..=1)?,
    };
    let nanoseconds = maybe(u, 25, |u| u.int_in_range(0..=999_999_999))?.unwrap_or(0);
    Ok(instant + TimeDelta::seconds(seconds) + TimeDelta::nanoseconds(nanoseconds))
}

/// The end of a fact: before now, at now, within the eight days, or after them. `None` if it has no
/// end.
fn end(u: &mut Unstructured<'_>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    maybe(u, 80, |u| {
        let milliseconds = match u.int_in_range(0..=4_u8)? {
            0..=3 => u.int_in_range(-1_000..=900_000_000_i64)?,
            _ => *u.choose(&[0, 691_200_000])?,
        };
        Ok(now + TimeDelta::milliseconds(milliseconds))
    })
}

fn device_facts(u: &mut Unstructured<'_>) -> Result<DeviceFacts<'static>> {
    let mut yes_or_no = || maybe(u, 70, |u| u.arbitrary::<bool>());
    Ok(DeviceFacts::default()
        .with_mdm_enrolled(yes_or_no()?)
        .with_mdm_compliant(yes_or_no()?)
        .with_disk_encrypted(yes_or_no()?)
        .with_firewall_enabled(yes_or_no()?)
        .with_os_version(maybe(u, 70, |u| word(u, &["14.2", "14.10", "9.0", "9", "beta", ""]))?)
        .with_os_type(maybe(u, 70, |u| word(u, &["darwin", "linux", "windows", "Darwin"]))?))
}

/// A request with its facts and its time.
pub(crate) fn question(u: &mut Unstructured<'_>) -> Result<Question> {
    let now = instant(u)?;
    let approval = maybe(u, 50, |u| Ok(Approval::new().with_until(end(u, now)?)))?;
    let grant = maybe(u, 30, |u| {
        Ok(ActiveGrant::new().with_until(end(u, now)?).with_overrides_deny(u.arbitrary()?))
    })?;
    Ok(Question {
        user: word(u, USERS)?,
        profile: word(u, PROFILES)?,
        account: maybe(u, 80, |u| word(u, ACCOUNTS))?,
        principal: maybe(u, 80, |u| word(u, PRINCIPALS))?,
        organization: maybe(u, 80, |u| word(u, ORGANIZATIONS))?,
        source_ip: maybe(u, 80, |u| Ok(word(u, ADDRESSES)?.parse().unwrap()))?,
        source_vpc: maybe(u, 80, |u| word(u, VPCS))?,
        source_vpce: maybe(u, 80, |u| word(u, ENDPOINTS))?,
        mode: maybe(u, 90, |u| u.choose(&Mode::ALL).copied())?,
        session_table: maybe(u, 60, |u| word(u, TABLES))?,
        device: device_facts(u)?,
        facts: Facts::default().with_approval(approval).with_grant(grant),
        now,
    })
}
