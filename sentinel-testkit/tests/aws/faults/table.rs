//! The table: which call, what is wrong with it, and what the caller then sees.
//! `docs/failures.md` is written from it.

use std::time::Duration;

use sentinel_broker::Code;
use sentinel_store::{CallerKey, EventKind};
use sentinel_testkit::proxy::{Fault, Lie, Rule};
use serde_json::Value;

use super::line::Cut;
use super::world::{MAIN, Service, Setting};

/// What is asked of Sentinel while something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// alice, for a profile.
    Vend(&'static str),
    /// alice, for what she can get.
    Profiles,
    /// alice, for her sessions.
    OwnSessions,
    /// carol, for everybody's.
    AllSessions,
    /// carol revokes alice on `production`.
    Revoke,
    /// carol revokes a session of alice's.
    RevokeSession,
    /// carol reinstates alice on `production`.
    Reinstate,
    /// The authorizer, for a session of alice's.
    Authorize,
}

/// The chapter of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Chapter {
    Ssm,
    PolicyTable,
    SessionTable,
    Operators,
    Sts,
    Authorizer,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    Throttled,
    Refusing,
    Failing,
    Slow,
    HalfDead,
    Lying,
    /// Lying, about somebody or something else than was asked for.
    Mistaken,
    /// A record that cannot be what was written.
    Corrupt,
    /// No such parameter.
    Gone,
    /// Its condition fails.
    Contended,
}

impl Class {
    pub(crate) const USUAL: [Self; 6] =
        [Self::Throttled, Self::Refusing, Self::Failing, Self::Slow, Self::HalfDead, Self::Lying];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Refusing => "refusing",
            Self::Failing => "failing (5xx)",
            Self::Slow => "slow",
            Self::HalfDead => "half-dead",
            Self::Lying => "lying",
            Self::Mistaken => "answering about another",
            Self::Corrupt => "corrupt",
            Self::Gone => "gone",
            Self::Contended => "failing its condition",
        }
    }

    /// Faults of that class, by name.
    fn faults(self, service: Service) -> Vec<(String, Fault)> {
        let named = |fault: Fault| (format!("{fault:?}"), fault);
        let errors = |status: u16, codes: &[&'static str]| -> Vec<_> {
            codes.iter().map(|code| named(Fault::Error(status, code))).collect()
        };
        let mut faults = Vec::new();
        match self {
            Self::Throttled => {
                faults.extend([named(Fault::Throttled), named(Fault::Unavailable(429))]);
                let more: &[_] = match service {
                    Service::DynamoDb => &["RequestLimitExceeded", "ThrottlingException"],
                    Service::Ssm => &["ThrottlingException", "RequestLimitExceeded"],
                    Service::Sts => &["ThrottlingException", "RequestLimitExceeded"],
                };
                faults.extend(errors(400, more));
            }
            Self::Refusing => {
                faults.push(named(Fault::Refused));
                faults.extend(match service {
                    Service::DynamoDb => errors(
                        400,
                        &[
                            "ResourceNotFoundException",
                            "ValidationException",
                            "UnrecognizedClientException",
                            "ExpiredTokenException",
                            "InvalidSignatureException",
                            "RequestExpired",
                            "AnErrorOfTheFuture",
                        ],
                    ),
                    Service::Ssm => errors(
                        400,
                        &[
                            "ValidationException",
                            "InvalidKeyId",
                            "UnrecognizedClientException",
                            "ExpiredTokenException",
                            "InvalidSignatureException",
                            "RequestExpired",
                            "AnErrorOfTheFuture",
                        ],
                    ),
                    Service::Sts => errors(
                        403,
                        &[
                            "ExpiredToken",
                            "InvalidClientTokenId",
                            "SignatureDoesNotMatch",
                            "RequestExpired",
                            "RegionDisabledException",
                            "ValidationError",
                            "PackedPolicyTooLarge",
                            "MalformedPolicyDocument",
                        ],
                    ),
                });
            }
            Self::Failing => {
                faults.extend([500, 502, 503, 504].map(|status| named(Fault::Unavailable(status))));
                faults.push(named(Fault::Error(500, "InternalServerError")));
                faults.push(named(Fault::Error(503, "ServiceUnavailable")));
            }
            Self::Slow => {
                let long = Duration::from_secs(10);
                faults.extend([Fault::SlowBefore(long), Fault::SlowAfter(long)].map(named));
            }
            Self::HalfDead => {
                faults.extend(
                    [Fault::Silent, Fault::Stalled, Fault::CutShort, Fault::Reset].map(named),
                );
            }
            Self::Lying => {
                let plain = Lie::PLAIN.into_iter().filter(|lie| !matches!(lie, Lie::Another));
                faults.extend(plain.map(|lie| named(Fault::Lying(lie))));
                faults.push(named(Fault::Huge(50 << 20)));
                faults.extend(
                    lies(service)
                        .into_iter()
                        .map(|(name, lie)| (format!("Lying({name})"), Fault::Lying(lie))),
                );
            }
            Self::Mistaken => faults.push(named(Fault::Lying(Lie::Another))),
            Self::Corrupt => faults.extend(corruptions()),
            Self::Gone => faults.extend(errors(400, &["ParameterNotFound"])),
            Self::Contended => faults.extend(errors(400, &["ConditionalCheckFailedException"])),
        }
        faults
    }
}

/// What only that service's answers can be made of.
fn lies(service: Service) -> Vec<(&'static str, Lie)> {
    match service {
        Service::DynamoDb => vec![
            (
                "an error with status 200",
                Lie::edited(|_| {
                    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"x"}"#.into()
                }),
            ),
            (
                "an item nested deep",
                Lie::edited(|_| {
                    let deep = 20_000;
                    format!(
                        r#"{{"ConsumedCapacity":{{"CapacityUnits":1}},"Item":{{"pk":{}{{"S":"x"}}{}}}}}"#,
                        r#"{"L":["#.repeat(deep),
                        "]}".repeat(deep)
                    )
                }),
            ),
            ("a list", Lie::edited(|_| "[]".into())),
            ("nothing", Lie::edited(|_| String::new())),
        ],
        Service::Ssm => vec![
            (
                "an error with status 200",
                Lie::edited(|_| r#"{"__type":"ThrottlingException","message":"x"}"#.into()),
            ),
            ("`null` for each", Lie::edited(|_| r#"{"Parameter":null,"Parameters":null}"#.into())),
            (
                "nested deep",
                Lie::edited(|_| format!(r#"{{"Parameter":{}}}"#, r#"{"a":["#.repeat(20_000))),
            ),
            ("nothing", Lie::edited(|_| String::new())),
        ],
        Service::Sts => vec![
            (
                "an error with status 200",
                Lie::edited(|_| {
                    "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>".into()
                }),
            ),
            (
                "an entity that doubles",
                Lie::edited(|answer| {
                    let mut document =
                        String::from("<!DOCTYPE a [<!ENTITY e0 \"ASIAAAAAAAAAAAAA\">");
                    for n in 1..30 {
                        document += &format!("<!ENTITY e{n} \"&e{};&e{};\">", n - 1, n - 1);
                    }
                    document + "]>" + &within(answer, "AccessKeyId", "&e29;")
                }),
            ),
            (
                "an entity of a file",
                Lie::edited(|answer| {
                    let document = "<!DOCTYPE a [<!ENTITY f SYSTEM \"file:///etc/hostname\">]>";
                    document.to_owned() + &within(answer, "SecretAccessKey", "&f;")
                }),
            ),
            (
                "elements nested deep",
                Lie::edited(|_| {
                    let deep = 100_000;
                    format!("<AssumeRoleResponse>{}{}", "<a>".repeat(deep), "</a>".repeat(deep))
                }),
            ),
            (
                "a key of other characters",
                Lie::edited(|answer| {
                    within(
                        answer,
                        "AccessKeyId",
                        "ASIA\u{e9}\u{e9}\u{e9}\u{e9} \u{e9}\u{e9}\u{e9}\u{e9}",
                    )
                }),
            ),
            (
                "an end of long ago",
                Lie::edited(|answer| within(answer, "Expiration", "2001-01-01T00:00:00Z")),
            ),
            (
                "an end in a hundred years",
                Lie::edited(|answer| within(answer, "Expiration", "2126-01-01T00:00:00Z")),
            ),
            (
                "another's source identity",
                Lie::edited(|answer| within(answer, "SourceIdentity", "sentinel-bob-aaaaaaaa")),
            ),
            ("nothing", Lie::edited(|_| String::new())),
        ],
    }
}

/// The XML with another text in the first element of that name.
fn within(answer: &str, element: &str, text: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let (before, rest) = answer.split_once(&open).unwrap_or((answer, ""));
    let (_, after) = rest.split_once(&close).unwrap_or(("", ""));
    format!("{before}{open}{text}{close}{after}")
}

fn json(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Lie {
    Lie::edited(move |answer| {
        let mut answer: Value = serde_json::from_str(answer).unwrap_or(Value::Null);
        edit(&mut answer);
        answer.to_string()
    })
}

/// Items that cannot be what was written. They fit a gate and a session alike.
fn corruptions() -> Vec<(String, Fault)> {
    let text = |text: &str| serde_json::json!({ "S": text });
    let number = |number: &str| serde_json::json!({ "N": number });
    let edits: Vec<(&str, Lie)> = vec![
        (
            "an epoch that is text",
            json(move |answer| {
                let record = &mut answer["Item"]["record"]["M"];
                record["profiles"]["M"]["production"]["M"]["epoch"] = text("1");
                record["epochs"]["M"]["profile"] = text("1");
            }),
        ),
        (
            "an epoch below zero",
            json(move |answer| {
                let record = &mut answer["Item"]["record"]["M"];
                record["profiles"]["M"]["production"]["M"]["epoch"] = number("-1");
                record["epochs"]["M"]["profile"] = number("-1");
            }),
        ),
        (
            "another caller's",
            json(move |answer| {
                answer["Item"]["record"]["M"]["caller"] = text("mallory");
            }),
        ),
        (
            "without its record",
            json(|answer| {
                answer["Item"].as_object_mut().map(|item| item.remove("record"));
            }),
        ),
        ("of a format to come", json(move |answer| answer["Item"]["format"] = number("2"))),
        (
            "with a field to come",
            json(move |answer| answer["Item"]["record"]["M"]["new"] = number("2")),
        ),
        (
            "a record that is a list",
            json(|answer| {
                answer["Item"]["record"] = serde_json::json!({ "L": [] });
            }),
        ),
        ("empty", json(|answer| answer["Item"] = serde_json::json!({}))),
        ("of another key", json(move |answer| answer["Item"]["sk"] = text("another"))),
    ];
    edits.into_iter().map(|(name, lie)| (format!("Corrupt({name})"), Fault::Lying(lie))).collect()
}

/// What the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sees {
    /// It is done as if nothing were wrong.
    Done,
    Refused(Code),
    /// The authorizer refuses; its event gives the reason.
    Forbidden(&'static str),
}

/// What is left of a request in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Decision,
    Event(EventKind),
    Nothing,
}

/// A call that a request makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) chapter: Chapter,
    /// As the document names it.
    pub(crate) name: &'static str,
    pub(crate) ask: Ask,
    pub(crate) service: Service,
    operation: &'static str,
    /// Which of that operation's calls, by their parameters.
    meant: fn(&Value) -> bool,
    /// From the how manieth on, attempts included.
    first: usize,
    /// How many such calls a request makes that meets it.
    pub(crate) calls: usize,
    pub(crate) setting: Setting,
    pub(crate) recorded: Recorded,
}

impl Place {
    pub(crate) fn rule(&self, fault: Fault) -> Rule {
        Rule::operation(self.service.word(), self.operation, fault)
            .with(self.meant)
            .calls(self.first..=usize::MAX)
    }

    /// Only so many of its first attempts.
    pub(crate) fn attempts(&self, count: usize, fault: Fault) -> Rule {
        self.rule(fault).calls(self.first..=self.first + count - 1)
    }
}

fn any(_: &Value) -> bool {
    true
}

fn hash(caller: &str) -> String {
    CallerKey::parse(caller).unwrap().hash().to_string()
}

fn key<'a>(asked: &'a Value, name: &str) -> &'a str {
    let of = |part: &str| asked[part][name]["S"].as_str();
    of("Key").or(of("Item")).unwrap_or_default()
}

fn gate_of_alice(asked: &Value) -> bool {
    key(asked, "sk") == "gate" && key(asked, "pk") == hash("alice")
}

fn gate_of_carol(asked: &Value) -> bool {
    key(asked, "sk") == "gate" && key(asked, "pk") == hash("carol")
}

fn session(asked: &Value) -> bool {
    key(asked, "sk").starts_with("session#")
}

fn of_one(asked: &Value) -> bool {
    asked["IndexName"].is_null()
}

fn of_all(asked: &Value) -> bool {
    !of_one(asked)
}

const PLAIN: Setting =
    Setting { policy_table: false, no_cache: false, no_stale: false, unnamed: None };
const WITH_TABLE: Setting = Setting { policy_table: true, ..PLAIN };

const fn place(
    chapter: Chapter,
    name: &'static str,
    ask: Ask,
    (service, operation): (Service, &'static str),
    meant: fn(&Value) -> bool,
) -> Place {
    let recorded = match ask {
        Ask::Vend(_) => Recorded::Decision,
        Ask::Authorize => Recorded::Event(EventKind::AuthorizerRefusal),
        Ask::Profiles
        | Ask::OwnSessions
        | Ask::AllSessions
        | Ask::Revoke
        | Ask::RevokeSession
        | Ask::Reinstate => Recorded::Nothing,
    };
    let setting = PLAIN;
    Place { chapter, name, ask, service, operation, meant, first: 1, calls: 1, setting, recorded }
}

const GET: (Service, &str) = (Service::DynamoDb, "GetItem");
const PUT: (Service, &str) = (Service::DynamoDb, "PutItem");
const QUERY: (Service, &str) = (Service::DynamoDb, "Query");

pub(crate) const MAIN_DOCUMENT: Place = place(
    Chapter::Ssm,
    "the main document (`GetParameter`)",
    Ask::Vend("production"),
    (Service::Ssm, "GetParameter"),
    |asked| asked["Name"] == MAIN,
);
pub(crate) const NAMES: Place = place(
    Chapter::Ssm,
    "the list of documents (`GetParametersByPath`)",
    Ask::Vend("billing"),
    (Service::Ssm, "GetParametersByPath"),
    any,
);
pub(crate) const PROFILES_DOCUMENT: Place = place(
    Chapter::Ssm,
    "a profile's own document (`GetParameter`)",
    Ask::Vend("billing"),
    (Service::Ssm, "GetParameter"),
    |asked| asked["Name"] == "/sentinel/policies/billing",
);
const LISTING_MAIN: Place = Place {
    name: "the main document, for a list of profiles (`GetParameter`)",
    ask: Ask::Profiles,
    recorded: Recorded::Nothing,
    ..MAIN_DOCUMENT
};
const LISTING_NAMES: Place = Place {
    name: "the list of documents, for a list of profiles (`GetParametersByPath`)",
    ask: Ask::Profiles,
    recorded: Recorded::Nothing,
    ..NAMES
};

const POINTER: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "which version a document has (`GetItem`)",
        Ask::Vend("ledger"),
        GET,
        |asked| key(asked, "pk").starts_with("documents#") && key(asked, "sk") == "ledger",
    )
};
const TEXT: Place = Place {
    setting: WITH_TABLE,
    ..place(Chapter::PolicyTable, "its text (`GetItem`)", Ask::Vend("ledger"), GET, |asked| {
        key(asked, "pk").starts_with("text#")
    })
};
const TABLES_NAMES: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "the list of documents (`Query`)",
        Ask::Vend("ledger"),
        QUERY,
        of_one,
    )
};
const NOT_IN_TABLE: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "whether it has the main document too (`GetItem`)",
        Ask::Vend("production"),
        GET,
        |asked| key(asked, "pk").starts_with("documents#") && key(asked, "sk") == "main",
    )
};

pub(crate) const FIRST_GATE: Place = place(
    Chapter::SessionTable,
    "the gate, before the decision (`GetItem`)",
    Ask::Vend("production"),
    GET,
    gate_of_alice,
);
pub(crate) const WRITE: Place = Place {
    // The second one writes it as ended.
    calls: 2,
    ..place(
        Chapter::SessionTable,
        "the write of the session (`PutItem`)",
        Ask::Vend("production"),
        PUT,
        session,
    )
};
pub(crate) const SECOND_GATE: Place =
    Place { name: "the gate, after the session was written (`GetItem`)", first: 2, ..FIRST_GATE };

const LISTERS_GATE: Place = place(
    Chapter::Operators,
    "the asker's own gate (`GetItem`)",
    Ask::OwnSessions,
    GET,
    gate_of_alice,
);
const PROFILES_GATE: Place = Place { ask: Ask::Profiles, ..LISTERS_GATE };
const OPERATORS_GATE: Place = Place { ask: Ask::Revoke, meant: gate_of_carol, ..LISTERS_GATE };
const OWN_LIST: Place =
    place(Chapter::Operators, "a caller's sessions (`Query`)", Ask::OwnSessions, QUERY, of_one);
const WHOLE_LIST: Place = place(
    Chapter::Operators,
    "everybody's sessions (`Query` of the index)",
    Ask::AllSessions,
    QUERY,
    of_all,
);
const LISTED_GATES: Place = place(
    Chapter::Operators,
    "the gates of those who are listed (`GetItem`)",
    Ask::AllSessions,
    GET,
    gate_of_alice,
);
const TARGET: Place = place(
    Chapter::Operators,
    "the session that is to be revoked (`GetItem`)",
    Ask::RevokeSession,
    GET,
    session,
);
const GATE_TO_CHANGE: Place = Place {
    recorded: Recorded::Event(EventKind::Revocation),
    ..place(
        Chapter::Operators,
        "the gate that is to be changed (`GetItem`)",
        Ask::Revoke,
        GET,
        gate_of_alice,
    )
};
const REVOCATION: Place =
    Place { name: "the write of a revocation (`PutItem`)", operation: "PutItem", ..GATE_TO_CHANGE };
const REINSTATEMENT: Place = Place {
    name: "the write of a reinstatement (`PutItem`)",
    operation: "PutItem",
    ask: Ask::Reinstate,
    recorded: Recorded::Event(EventKind::Reinstatement),
    ..GATE_TO_CHANGE
};

pub(crate) const ASSUME_ROLE: Place =
    place(Chapter::Sts, "`AssumeRole`", Ask::Vend("production"), (Service::Sts, "AssumeRole"), any);

pub(crate) const SHOWN_SESSION: Place =
    place(Chapter::Authorizer, "the session (`GetItem`)", Ask::Authorize, GET, session);
pub(crate) const SHOWN_GATE: Place =
    place(Chapter::Authorizer, "the gate (`GetItem`)", Ask::Authorize, GET, gate_of_alice);

/// What is done to a call, or to a whole end point.
#[derive(Clone, Debug)]
pub(crate) enum Harm {
    Call(Fault),
    /// Only so many of its first attempts.
    First(usize, Fault),
    Line(Cut),
    /// The service's name cannot be resolved.
    Unnamed,
}

/// A row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) class: Class,
    pub(crate) fault: String,
    pub(crate) harm: Harm,
    pub(crate) sees: Sees,
}

const LIMITED: Sees = Sees::Refused(Code::RateLimited);
const UNAVAILABLE: Sees = Sees::Refused(Code::StoreUnavailable);
const POLICY: Sees = Sees::Refused(Code::PolicyError);
const CREDENTIAL: Sees = Sees::Refused(Code::CredentialError);
const STORE_FAILED: Sees = Sees::Forbidden("store_failed");

/// How a place fails, class by class.
fn of(place: Place, sees: impl Fn(Class) -> Sees, more: &[Class]) -> Vec<Row> {
    let classes = Class::USUAL.iter().chain(more);
    let rows = classes.flat_map(|&class| {
        let sees = sees(class);
        let faults = class.faults(place.service).into_iter();
        // What is gone counts as gone until the next reading.
        let no_cache = class == Class::Gone;
        let place = Place { setting: Setting { no_cache, ..place.setting }, ..place };
        faults.map(move |(fault, it)| Row { place, class, fault, harm: Harm::Call(it), sees })
    });
    rows.collect()
}

/// A policy that cannot be read.
fn policy(class: Class) -> Sees {
    match class {
        Class::Throttled => LIMITED,
        Class::Refusing | Class::Corrupt | Class::Gone => POLICY,
        Class::Failing
        | Class::Slow
        | Class::HalfDead
        | Class::Lying
        | Class::Mistaken
        | Class::Contended => UNAVAILABLE,
    }
}

/// A session or a gate that cannot be read or written.
fn tracked(class: Class) -> Sees {
    match class {
        Class::Throttled => LIMITED,
        Class::Refusing
        | Class::Contended
        | Class::Failing
        | Class::Slow
        | Class::HalfDead
        | Class::Lying
        | Class::Mistaken
        | Class::Corrupt
        | Class::Gone => UNAVAILABLE,
    }
}

/// A whole end point that is not there, or is something else.
fn end_points(place: Place, sees: Sees) -> Vec<Row> {
    let mut rows = Vec::new();
    {
        let mut row = |class, fault: &str, harm| {
            let fault = fault.to_owned();
            rows.push(Row { place, class, fault, harm, sees });
        };
        let mut cut = |class, fault, cut| row(class, fault, Harm::Line(cut));
        cut(Class::HalfDead, "connection refused", Cut::Refused);
        cut(Class::HalfDead, "accepted and closed", Cut::Closed);
        cut(Class::HalfDead, "accepted and not read", Cut::Deaf);
        cut(Class::Lying, "no HTTP", Cut::Says(b"SSH-2.0-OpenSSH_9.6\r\n"));
        cut(
            Class::Lying,
            "more than its length",
            Cut::Says(
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n{\"Item\":{}}",
            ),
        );
        cut(
            Class::Lying,
            "two lengths",
            Cut::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} "),
        );
        cut(
            Class::HalfDead,
            "only a head",
            Cut::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"),
        );
        row(Class::HalfDead, "no such name", Harm::Unnamed);
        let elsewhere = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n";
        row(Class::Lying, "a redirection", Harm::Line(Cut::Says(elsewhere)));
    }
    rows
}

/// A single attempt that fails is made again.
fn once(places: &[Place]) -> Vec<Row> {
    let long = Duration::from_secs(10);
    let mut rows = Vec::new();
    for &place in places {
        for (class, fault) in [
            (Class::Throttled, Fault::Throttled),
            (Class::Failing, Fault::Unavailable(503)),
            (Class::Slow, Fault::SlowAfter(long)),
            (Class::HalfDead, Fault::Reset),
            (Class::HalfDead, Fault::Silent),
        ] {
            let named = format!("once {fault:?}");
            let (harm, sees) = (Harm::First(1, fault), Sees::Done);
            rows.push(Row { place, class, fault: named, harm, sees });
        }
    }
    rows
}

pub(crate) fn ssm() -> Vec<Row> {
    let listing = |class| match class {
        Class::Gone => Sees::Refused(Code::PolicyDeny),
        _ => policy(class),
    };
    let mut rows = of(MAIN_DOCUMENT, policy, &[Class::Mistaken, Class::Gone]);
    rows.extend(few(of(NAMES, policy, &[Class::Mistaken])));
    rows.extend(few(of(PROFILES_DOCUMENT, listing, &[Class::Mistaken, Class::Gone])));
    rows.extend(few(of(LISTING_MAIN, policy, &[])));
    rows.extend(few(of(LISTING_NAMES, policy, &[])));
    rows.extend(end_points(MAIN_DOCUMENT, UNAVAILABLE));
    rows.extend(once(&[MAIN_DOCUMENT, NAMES]));
    rows
}

pub(crate) fn policy_table() -> Vec<Row> {
    let mistaken = |class| if class == Class::Mistaken { POLICY } else { policy(class) };
    let mut rows = few(of(POINTER, policy, &[Class::Corrupt]));
    rows.extend(few(of(TEXT, mistaken, &[Class::Mistaken])));
    rows.extend(few(of(TABLES_NAMES, policy, &[])));
    rows.extend(few(of(NOT_IN_TABLE, policy, &[])));
    rows
}

pub(crate) fn session_table() -> Vec<Row> {
    let mut rows = of(FIRST_GATE, tracked, &[Class::Mistaken, Class::Corrupt]);
    rows.extend(of(WRITE, tracked, &[Class::Contended]).into_iter().map(|row| {
        // A write that comes later than the refusal finds that the session has
        // ended, unless that came later still.
        match row.harm {
            Harm::Call(it @ Fault::SlowBefore(_)) => Row { harm: Harm::First(2, it), ..row },
            harm => Row { harm, ..row },
        }
    }));
    rows.extend(of(SECOND_GATE, tracked, &[Class::Mistaken, Class::Corrupt]));
    rows.extend(end_points(FIRST_GATE, UNAVAILABLE));
    rows.extend(once(&[FIRST_GATE, WRITE, SECOND_GATE]));
    rows
}

pub(crate) fn operators() -> Vec<Row> {
    let mut rows = Vec::new();
    for place in [LISTERS_GATE, PROFILES_GATE, OPERATORS_GATE, WHOLE_LIST, TARGET] {
        rows.extend(few(of(place, tracked, &[])));
    }
    rows.extend(few(of(LISTED_GATES, tracked, &[Class::Corrupt])));
    rows.extend(few(of(OWN_LIST, tracked, &[Class::Mistaken])));
    rows.extend(few(of(GATE_TO_CHANGE, tracked, &[Class::Corrupt])));
    rows.extend(few(of(REVOCATION, tracked, &[])));
    rows.extend(few(of(REINSTATEMENT, tracked, &[])));
    rows.extend(once(&[REVOCATION]));
    rows
}

pub(crate) fn sts() -> Vec<Row> {
    let issued = |class| if class == Class::Throttled { LIMITED } else { CREDENTIAL };
    let mut rows = of(ASSUME_ROLE, issued, &[Class::Mistaken]);
    rows.extend(end_points(ASSUME_ROLE, CREDENTIAL));
    rows.extend(once(&[ASSUME_ROLE]));
    rows
}

pub(crate) fn authorizer() -> Vec<Row> {
    let mut rows = Vec::new();
    for place in [SHOWN_SESSION, SHOWN_GATE] {
        rows.extend(of(place, |_| STORE_FAILED, &[Class::Mistaken, Class::Corrupt]));
    }
    rows.extend(end_points(SHOWN_SESSION, STORE_FAILED));
    rows.extend(once(&[SHOWN_SESSION, SHOWN_GATE]));
    rows
}

/// Some rows of each class, where the same client was tried with all of them
/// elsewhere.
fn few(rows: Vec<Row>) -> Vec<Row> {
    let mut seen = std::collections::HashMap::<Class, usize>::new();
    let mut kept = Vec::new();
    for row in rows {
        let count = seen.entry(row.class).or_default();
        *count += 1;
        let most = match row.class {
            Class::Lying | Class::Corrupt => 4,
            Class::HalfDead | Class::Slow => 2,
            _ => 1,
        };
        if *count <= most {
            kept.push(row);
        }
    }
    kept
}

/// Every row, chapter by chapter.
pub(crate) fn all() -> Vec<Row> {
    [ssm(), policy_table(), session_table(), operators(), sts(), authorizer()].concat()
}
