//! The classes of service failures, and the faults of each class that are tested.

use std::time::Duration;

use sentinel_testkit::proxy::{Fault, WrongAnswer};
use serde_json::Value;

use super::world::Service;

/// The class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    Throttled,
    Refusing,
    Failing,
    Slow,
    HalfDead,
    WrongAnswer,
    /// Wrong answers about another caller or another item than the requested one.
    Mistaken,
    /// A record that cannot be what was written.
    Corrupt,
    /// The parameter does not exist.
    Gone,
    /// The condition of the request fails.
    Contended,
}

impl Class {
    pub(crate) const USUAL: [Self; 6] = [
        Self::Throttled,
        Self::Refusing,
        Self::Failing,
        Self::Slow,
        Self::HalfDead,
        Self::WrongAnswer,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Refusing => "refusing",
            Self::Failing => "failing (5xx)",
            Self::Slow => "slow",
            Self::HalfDead => "half-dead",
            Self::WrongAnswer => "wrong answer",
            Self::Mistaken => "answer about another item",
            Self::Corrupt => "corrupt",
            Self::Gone => "missing",
            Self::Contended => "failed condition",
        }
    }

    /// The faults of this class, with their names.
    pub(crate) fn faults(self, service: Service) -> Vec<(String, Fault)> {
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
            Self::WrongAnswer => {
                let plain = WrongAnswer::PLAIN
                    .into_iter()
                    .filter(|wrong| !matches!(wrong, WrongAnswer::Another));
                faults.extend(plain.map(|wrong| named(Fault::WrongAnswer(wrong))));
                faults.push(named(Fault::Huge(50 << 20)));
                faults.extend(wrong_answers(service).into_iter().map(|(name, wrong)| {
                    (format!("WrongAnswer({name})"), Fault::WrongAnswer(wrong))
                }));
            }
            Self::Mistaken => faults.push(named(Fault::WrongAnswer(WrongAnswer::Another))),
            Self::Corrupt => faults.extend(corruptions()),
            Self::Gone => faults.extend(errors(400, &["ParameterNotFound"])),
            Self::Contended => faults.extend(errors(400, &["ConditionalCheckFailedException"])),
        }
        faults
    }
}

/// Wrong answers that only this service can return.
fn wrong_answers(service: Service) -> Vec<(&'static str, WrongAnswer)> {
    match service {
        Service::DynamoDb => vec![
            (
                "an error with status 200",
                WrongAnswer::edited(|_| {
                    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"x"}"#.into()
                }),
            ),
            (
                "an item nested deep",
                WrongAnswer::edited(|_| {
                    let deep = 20_000;
                    format!(
                        r#"{{"ConsumedCapacity":{{"CapacityUnits":1}},"Item":{{"pk":{}{{"S":"x"}}{}}}}}"#,
                        r#"{"L":["#.repeat(deep),
                        "]}".repeat(deep)
                    )
                }),
            ),
            ("a list", WrongAnswer::edited(|_| "[]".into())),
            ("nothing", WrongAnswer::edited(|_| String::new())),
        ],
        Service::Ssm => vec![
            (
                "an error with status 200",
                WrongAnswer::edited(|_| r#"{"__type":"ThrottlingException","message":"x"}"#.into()),
            ),
            (
                "`null` for each",
                WrongAnswer::edited(|_| r#"{"Parameter":null,"Parameters":null}"#.into()),
            ),
            (
                "nested deep",
                WrongAnswer::edited(|_| {
                    format!(r#"{{"Parameter":{}}}"#, r#"{"a":["#.repeat(20_000))
                }),
            ),
            ("nothing", WrongAnswer::edited(|_| String::new())),
        ],
        Service::Sts => vec![
            (
                "an error with status 200",
                WrongAnswer::edited(|_| {
                    "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>".into()
                }),
            ),
            (
                "an entity that doubles",
                WrongAnswer::edited(|answer| {
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
                WrongAnswer::edited(|answer| {
                    let document = "<!DOCTYPE a [<!ENTITY f SYSTEM \"file:///etc/hostname\">]>";
                    document.to_owned() + &within(answer, "SecretAccessKey", "&f;")
                }),
            ),
            (
                "elements nested deep",
                WrongAnswer::edited(|_| {
                    let deep = 100_000;
                    format!("<AssumeRoleResponse>{}{}", "<a>".repeat(deep), "</a>".repeat(deep))
                }),
            ),
            (
                "a key of other characters",
                WrongAnswer::edited(|answer| {
                    within(
                        answer,
                        "AccessKeyId",
                        "ASIA\u{e9}\u{e9}\u{e9}\u{e9} \u{e9}\u{e9}\u{e9}\u{e9}",
                    )
                }),
            ),
            (
                "an end of long ago",
                WrongAnswer::edited(|answer| within(answer, "Expiration", "2001-01-01T00:00:00Z")),
            ),
            (
                "an end in a hundred years",
                WrongAnswer::edited(|answer| within(answer, "Expiration", "2126-01-01T00:00:00Z")),
            ),
            (
                "another's source identity",
                WrongAnswer::edited(|answer| {
                    within(answer, "SourceIdentity", "sentinel-bob-aaaaaaaa")
                }),
            ),
            ("nothing", WrongAnswer::edited(|_| String::new())),
        ],
    }
}

/// The XML with another text in the first element of this name.
fn within(answer: &str, element: &str, text: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let (before, rest) = answer.split_once(&open).unwrap_or((answer, ""));
    let (_, after) = rest.split_once(&close).unwrap_or(("", ""));
    format!("{before}{open}{text}{close}{after}")
}

fn json(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> WrongAnswer {
    WrongAnswer::edited(move |answer| {
        let mut answer: Value = serde_json::from_str(answer).unwrap_or(Value::Null);
        edit(&mut answer);
        answer.to_string()
    })
}

/// Items that cannot be what was written. They apply to gates and sessions alike.
fn corruptions() -> Vec<(String, Fault)> {
    let text = |text: &str| serde_json::json!({ "S": text });
    let number = |number: &str| serde_json::json!({ "N": number });
    let edits: Vec<(&str, WrongAnswer)> = vec![
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
    edits
        .into_iter()
        .map(|(name, wrong)| (format!("Corrupt({name})"), Fault::WrongAnswer(wrong)))
        .collect()
}
