//! Policies of any number of rules, and requests whose decision is known. Every engine and every
//! measurement uses these.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use sentinel_policy::{Mode, Policy, Principal, Request};

use crate::checked;

/// A policy, and requests for it.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The name in results.
    pub name: &'static str,
    /// The number of rules.
    pub rules: usize,
    /// The document.
    pub text: String,
    /// The requests.
    pub questions: Vec<Question>,
}

/// A request, and the rule that decides it.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name in results.
    pub name: &'static str,
    /// The user.
    pub user: String,
    /// The profile.
    pub profile: String,
    /// The address that the request is sent from.
    pub source_ip: Option<IpAddr>,
    /// Index of the rule that matches. `None` if no rule matches.
    pub rule: Option<usize>,
}

impl Question {
    fn new(name: &'static str, user: String, profile: String, rule: Option<usize>) -> Self {
        Self { name, user, profile, source_ip: None, rule }
    }

    fn sent_from(self, source_ip: IpAddr) -> Self {
        Self { source_ip: Some(source_ip), ..self }
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request::new(Principal::new(&self.user), &self.profile)
            .with_source_ip(self.source_ip)
            .with_mode(Mode::Server)
    }
}

impl Workload {
    /// The compiled policy.
    ///
    /// # Panics
    /// Never for the workloads of this module.
    #[must_use]
    pub fn policy(&self) -> Policy {
        checked(&self.text).compile()
    }

    /// Rule `i` allows `user-i` and `user-(i+1)` the profile `profile-i`.
    #[must_use]
    pub fn names(rules: usize) -> Self {
        let text = document(rules, |i| {
            format!("profiles: [profile-{i}], users: [user-{i}, user-{}]", i + 1)
        });
        let (middle, last) = (rules / 2, rules - 1);
        let questions = vec![
            Question::new("first", "user-0".into(), "profile-0".into(), Some(0)),
            Question::new("last", format!("user-{last}"), format!("profile-{last}"), Some(last)),
            Question::new(
                "no match",
                format!("user-{}", rules + 7),
                format!("profile-{middle}"),
                None,
            ),
        ];
        Self { name: "names", rules, text, questions }
    }

    /// Rule `i` allows users of a pattern the profile `profile-(i/2)`, so that each profile has two
    /// rules, each with its own pattern.
    #[must_use]
    pub fn patterns(rules: usize) -> Self {
        let text = document(rules, |i| {
            format!("profiles: [profile-{}], users: [\"team-{i}-*@example.com\"]", i / 2)
        });
        let user = |team: usize| format!("team-{team}-alice@example.com");
        let (middle, last) = (rules / 4, rules - 1);
        let questions = vec![
            Question::new("first", user(0), "profile-0".into(), Some(0)),
            Question::new("last", user(last), format!("profile-{}", last / 2), Some(last)),
            Question::new("no match", user(rules), format!("profile-{middle}"), None),
        ];
        Self { name: "patterns", rules, text, questions }
    }

    /// The rules of [`Workload::names`], each for the addresses in four networks. The first and the
    /// last request come from the network that is compared last, the other one from none of them.
    #[must_use]
    pub fn networks(rules: usize) -> Self {
        let text = document(rules, |i| {
            format!(
                "profiles: [profile-{i}], users: [user-{i}, user-{}], source_ip: [10.{}.0.0/16, \
                 192.0.2.0/24, 198.51.100.0/24, \"2001:db8:{i:x}::/48\"]",
                i + 1,
                i % 256
            )
        });
        let address = |i: usize| {
            let third = u16::try_from(i).unwrap_or(u16::MAX);
            Ipv6Addr::new(0x2001, 0xdb8, third, 0, 0, 0, 0, 7).into()
        };
        let (middle, last) = (rules / 2, rules - 1);
        let questions = vec![
            Question::new("first", "user-0".into(), "profile-0".into(), Some(0))
                .sent_from(address(0)),
            Question::new("last", format!("user-{last}"), format!("profile-{last}"), Some(last))
                .sent_from(address(last)),
            Question::new("no match", format!("user-{middle}"), format!("profile-{middle}"), None)
                .sent_from([203, 0, 113, 7].into()),
        ];
        Self { name: "networks", rules, text, questions }
    }

    /// The rules of [`Workload::names`], each in a window of one of four zones. The window of the
    /// rule in the middle is closed, those of the others are open.
    #[must_use]
    pub fn windows(rules: usize) -> Self {
        const ZONES: [&str; 4] = ["Europe/Berlin", "Asia/Kolkata", "America/New_York", "UTC"];
        let (middle, last) = (rules / 2, rules - 1);
        let text = document(rules, |i| {
            let days = if i == middle { "saturday, sunday" } else { "monday, wednesday, friday" };
            let zone = ZONES.get(i % ZONES.len()).copied().unwrap_or_default();
            format!(
                "profiles: [profile-{i}], users: [user-{i}, user-{}], time: {{ days: [{days}], \
                 hours: {{ start: \"06:00\", end: \"22:00\" }}, timezone: {zone} }}",
                i + 1
            )
        });
        let questions = vec![
            Question::new("first", "user-0".into(), "profile-0".into(), Some(0)),
            Question::new("last", format!("user-{last}"), format!("profile-{last}"), Some(last)),
            Question::new("no match", format!("user-{middle}"), format!("profile-{middle}"), None),
        ];
        Self { name: "windows", rules, text, questions }
    }

    /// The rules of [`Workload::windows`] with windows that are open at every time of every day, so
    /// that the system's clock can be used. The only request is the one that the last rule matches.
    #[must_use]
    pub fn always_open(rules: usize) -> Self {
        let windows = Self::windows(rules);
        let text = windows
            .text
            .replace("monday, wednesday, friday", EVERY_DAY)
            .replace("start: \"06:00\", end: \"22:00\"", "start: \"00:00\", end: \"24:00\"");
        let questions = windows.questions.into_iter().filter(|it| it.name == "last").collect();
        Self { name: "windows that are always open", text, questions, ..windows }
    }

    /// The four ordinary workloads.
    #[must_use]
    pub fn ordinary(rules: usize) -> [Self; 4] {
        [Self::names(rules), Self::patterns(rules), Self::networks(rules), Self::windows(rules)]
    }

    /// The names of the request leave every rule possible, and no rule matches: every rule has the
    /// same window, which is closed.
    #[must_use]
    pub fn one_closed_window(rules: usize) -> Self {
        let text = document(rules, |_| "users: [alice], time: { days: [sunday] }".to_owned());
        Self { name: "one closed window", rules, text, questions: vec![alice(None)] }
    }

    /// Like [`Workload::one_closed_window`], with 64 different windows.
    #[must_use]
    pub fn many_closed_windows(rules: usize) -> Self {
        let text = document(rules, |i| {
            let minute = i % 64 % 60;
            let hour = 1 + i % 64 / 60;
            format!(
                "users: [alice], time: {{ hours: {{ start: \"{hour:02}:{minute:02}\", end: \
                 \"03:00\" }}, timezone: Europe/Berlin }}"
            )
        });
        Self { name: "64 closed windows", rules, text, questions: vec![alice(None)] }
    }

    /// The names of the request leave every rule possible, and every rule has its own
    /// pattern, which does not match.
    #[must_use]
    pub fn own_patterns(rules: usize) -> Self {
        let text = document(rules, |i| format!("users: [\"a*-{i}\"]"));
        Self { name: "a pattern each", rules, text, questions: vec![alice(None)] }
    }

    /// The three adversarial workloads.
    #[must_use]
    pub fn adversarial(rules: usize) -> [Self; 3] {
        [
            Self::one_closed_window(rules),
            Self::many_closed_windows(rules),
            Self::own_patterns(rules),
        ]
    }

    /// 100 rules with a window each, of which three have the profile of the request. The first
    /// change is the end of the window that is open.
    #[must_use]
    pub fn three_windows_of_hundred() -> Self {
        let text = document(100, |i| {
            let (profile, hour) = (i % 34, 8 + i / 34);
            format!(
                "profiles: [profile-{profile}], users: [alice], time: {{ days: [monday, wednesday], \
                 hours: {{ start: \"{hour:02}:{:02}\", end: \"17:{:02}\" }}, timezone: \
                 Europe/Berlin }}",
                i % 60,
                i % 60
            )
        });
        Self { name: "3 windows of 100", rules: 100, text, questions: vec![alice(Some(0))] }
    }

    /// 100 rules with a window each, all of which have the names of the request. They deny, as the
    /// policy does if no rule matches, so that the effect never changes.
    #[must_use]
    pub fn hundred_windows_without_change() -> Self {
        let text = document(100, |i| {
            format!(
                "profiles: [profile-0], users: [alice], time: {{ days: [monday, wednesday], \
                 hours: {{ start: \"13:{:02}\", end: \"17:{:02}\" }}, timezone: Europe/Berlin }}",
                i % 60,
                i % 60
            )
        });
        let text = text.replace("effect: allow", "effect: deny");
        Self { name: "100 windows, no change", rules: 100, text, questions: vec![alice(None)] }
    }
}

const EVERY_DAY: &str = "monday, tuesday, wednesday, thursday, friday, saturday, sunday";

fn alice(rule: Option<usize>) -> Question {
    Question::new("alice", "alice".into(), "profile-0".into(), rule)
}

/// A document of rules that allow under the conditions that `conditions` returns for their index.
fn document(rules: usize, conditions: impl Fn(usize) -> String) -> String {
    let mut text = String::from("version: \"1\"\nrules:\n");
    for i in 0..rules {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  - {{ name: rule-{i}, effect: allow, conditions: {{ {} }} }}",
            conditions(i)
        );
    }
    text
}
