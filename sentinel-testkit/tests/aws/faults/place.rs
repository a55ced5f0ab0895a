//! The calls that requests make, and how to identify each of them.

use sentinel_store::{CallerKey, EventKind};
use sentinel_testkit::proxy::{Fault, Rule};
use serde_json::Value;

use super::world::{MAIN, Service, Setting};

/// The request to Sentinel during a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// alice vends for a profile.
    Vend(&'static str),
    /// alice lists the profiles that she can vend for.
    Profiles,
    /// alice lists her sessions.
    OwnSessions,
    /// carol lists the sessions of all callers.
    AllSessions,
    /// carol revokes alice on `production`.
    Revoke,
    /// carol revokes a session of alice's.
    RevokeSession,
    /// carol reinstates alice on `production`.
    Reinstate,
    /// The authorizer checks a session of alice's.
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

/// What a request writes to the log.
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
    /// Its name in the document.
    pub(crate) name: &'static str,
    pub(crate) request_kind: RequestKind,
    pub(crate) service: Service,
    operation: &'static str,
    /// Selects among the calls of the operation, by their parameters.
    filter: fn(&Value) -> bool,
    /// The first call that the fault applies to, counted from 1. Attempts are counted.
    first: usize,
    /// Number of these calls that a request makes if the fault applies to it.
    pub(crate) calls: usize,
    pub(crate) setting: Setting,
    pub(crate) recorded: Recorded,
}

impl Place {
    pub(crate) fn rule(&self, fault: Fault) -> Rule {
        Rule::operation(self.service.word(), self.operation, fault)
            .with(self.filter)
            .calls(self.first..=usize::MAX)
    }

    /// Only this number of its first attempts.
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

fn key<'a>(parameters: &'a Value, name: &str) -> &'a str {
    let of = |part: &str| parameters[part][name]["S"].as_str();
    of("Key").or(of("Item")).unwrap_or_default()
}

fn gate_of_alice(parameters: &Value) -> bool {
    key(parameters, "sk") == "gate" && key(parameters, "pk") == hash("alice")
}

fn gate_of_carol(parameters: &Value) -> bool {
    key(parameters, "sk") == "gate" && key(parameters, "pk") == hash("carol")
}

pub(crate) fn session(parameters: &Value) -> bool {
    key(parameters, "sk").starts_with("session#")
}

fn of_one(parameters: &Value) -> bool {
    parameters["IndexName"].is_null()
}

fn of_all(parameters: &Value) -> bool {
    !of_one(parameters)
}

const PLAIN: Setting =
    Setting { policy_table: false, no_cache: false, no_stale: false, unnamed: None };
const WITH_TABLE: Setting = Setting { policy_table: true, ..PLAIN };

const fn place(
    chapter: Chapter,
    name: &'static str,
    request_kind: RequestKind,
    (service, operation): (Service, &'static str),
    filter: fn(&Value) -> bool,
) -> Place {
    let recorded = match request_kind {
        RequestKind::Vend(_) => Recorded::Decision,
        RequestKind::Authorize => Recorded::Event(EventKind::AuthorizerRefusal),
        RequestKind::Profiles
        | RequestKind::OwnSessions
        | RequestKind::AllSessions
        | RequestKind::Revoke
        | RequestKind::RevokeSession
        | RequestKind::Reinstate => Recorded::Nothing,
    };
    let setting = PLAIN;
    Place {
        chapter,
        name,
        request_kind,
        service,
        operation,
        filter,
        first: 1,
        calls: 1,
        setting,
        recorded,
    }
}

const GET: (Service, &str) = (Service::DynamoDb, "GetItem");
const PUT: (Service, &str) = (Service::DynamoDb, "PutItem");
const QUERY: (Service, &str) = (Service::DynamoDb, "Query");

pub(crate) const MAIN_DOCUMENT: Place = place(
    Chapter::Ssm,
    "the main document (`GetParameter`)",
    RequestKind::Vend("production"),
    (Service::Ssm, "GetParameter"),
    |parameters| parameters["Name"] == MAIN,
);
pub(crate) const NAMES: Place = place(
    Chapter::Ssm,
    "the list of documents (`GetParametersByPath`)",
    RequestKind::Vend("billing"),
    (Service::Ssm, "GetParametersByPath"),
    any,
);
pub(crate) const PROFILES_DOCUMENT: Place = place(
    Chapter::Ssm,
    "a profile's own document (`GetParameter`)",
    RequestKind::Vend("billing"),
    (Service::Ssm, "GetParameter"),
    |parameters| parameters["Name"] == "/sentinel/policies/billing",
);
pub(crate) const LISTING_MAIN: Place = Place {
    name: "the main document, for a list of profiles (`GetParameter`)",
    request_kind: RequestKind::Profiles,
    recorded: Recorded::Nothing,
    ..MAIN_DOCUMENT
};
pub(crate) const LISTING_NAMES: Place = Place {
    name: "the list of documents, for a list of profiles (`GetParametersByPath`)",
    request_kind: RequestKind::Profiles,
    recorded: Recorded::Nothing,
    ..NAMES
};

pub(crate) const POINTER: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "the version of a document (`GetItem`)",
        RequestKind::Vend("ledger"),
        GET,
        |parameters| {
            key(parameters, "pk").starts_with("documents#") && key(parameters, "sk") == "ledger"
        },
    )
};
pub(crate) const TEXT: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "the text of a document (`GetItem`)",
        RequestKind::Vend("ledger"),
        GET,
        |parameters| key(parameters, "pk").starts_with("text#"),
    )
};
pub(crate) const TABLES_NAMES: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "the list of documents (`Query`)",
        RequestKind::Vend("ledger"),
        QUERY,
        of_one,
    )
};
pub(crate) const NOT_IN_TABLE: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "a check for the main document (`GetItem`)",
        RequestKind::Vend("production"),
        GET,
        |parameters| {
            key(parameters, "pk").starts_with("documents#") && key(parameters, "sk") == "main"
        },
    )
};

pub(crate) const FIRST_GATE: Place = place(
    Chapter::SessionTable,
    "the gate, before the decision (`GetItem`)",
    RequestKind::Vend("production"),
    GET,
    gate_of_alice,
);
pub(crate) const WRITE: Place = Place {
    // The second call marks the session as ended.
    calls: 2,
    ..place(
        Chapter::SessionTable,
        "the write of the session (`PutItem`)",
        RequestKind::Vend("production"),
        PUT,
        session,
    )
};
pub(crate) const SECOND_GATE: Place =
    Place { name: "the gate, after the session was written (`GetItem`)", first: 2, ..FIRST_GATE };

pub(crate) const VEND_COUNT: Place = place(
    Chapter::SessionTable,
    "the count of the vend (`UpdateItem`)",
    RequestKind::Vend("production"),
    (Service::DynamoDb, "UpdateItem"),
    |parameters| key(parameters, "sk").starts_with("rate#"),
);

pub(crate) const LISTERS_GATE: Place = place(
    Chapter::Operators,
    "the gate of the caller (`GetItem`)",
    RequestKind::OwnSessions,
    GET,
    gate_of_alice,
);
pub(crate) const PROFILES_GATE: Place =
    Place { request_kind: RequestKind::Profiles, ..LISTERS_GATE };
pub(crate) const OPERATORS_GATE: Place =
    Place { request_kind: RequestKind::Revoke, filter: gate_of_carol, ..LISTERS_GATE };
pub(crate) const OWN_LIST: Place = place(
    Chapter::Operators,
    "a caller's sessions (`Query`)",
    RequestKind::OwnSessions,
    QUERY,
    of_one,
);
pub(crate) const WHOLE_LIST: Place = place(
    Chapter::Operators,
    "the sessions of all callers (`Query` of the index)",
    RequestKind::AllSessions,
    QUERY,
    of_all,
);
pub(crate) const LISTED_GATES: Place = place(
    Chapter::Operators,
    "the gates of the listed callers (`GetItem`)",
    RequestKind::AllSessions,
    GET,
    gate_of_alice,
);
pub(crate) const TARGET: Place = place(
    Chapter::Operators,
    "the session to revoke (`GetItem`)",
    RequestKind::RevokeSession,
    GET,
    session,
);
pub(crate) const GATE_TO_CHANGE: Place = Place {
    recorded: Recorded::Event(EventKind::Reinstatement),
    ..place(
        Chapter::Operators,
        "the gate to reinstate (`GetItem`)",
        RequestKind::Reinstate,
        GET,
        gate_of_alice,
    )
};
pub(crate) const REVOCATION: Place = Place {
    name: "the write of a revocation (`PutItem`)",
    operation: "PutItem",
    request_kind: RequestKind::Revoke,
    recorded: Recorded::Event(EventKind::Revocation),
    ..GATE_TO_CHANGE
};
pub(crate) const REINSTATEMENT: Place = Place {
    name: "the write of a reinstatement (`PutItem`)",
    operation: "PutItem",
    ..GATE_TO_CHANGE
};

pub(crate) const ASSUME_ROLE: Place = place(
    Chapter::Sts,
    "`AssumeRole`",
    RequestKind::Vend("production"),
    (Service::Sts, "AssumeRole"),
    any,
);

pub(crate) const SHOWN_SESSION: Place =
    place(Chapter::Authorizer, "the session (`GetItem`)", RequestKind::Authorize, GET, session);
pub(crate) const SHOWN_GATE: Place =
    place(Chapter::Authorizer, "the gate (`GetItem`)", RequestKind::Authorize, GET, gate_of_alice);
