//! The calls that requests make, and how to identify each of them.

use sentinel_store::{CallerKey, EventKind};
use sentinel_testkit::proxy::{Fault, Rule};
use serde_json::Value;

use super::world::{MAIN, Service, Setting};

/// The request to Sentinel during a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
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
    pub(crate) ask: Ask,
    pub(crate) service: Service,
    operation: &'static str,
    /// Selects among the calls of the operation, by their parameters.
    meant: fn(&Value) -> bool,
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
            .with(self.meant)
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
pub(crate) const LISTING_MAIN: Place = Place {
    name: "the main document, for a list of profiles (`GetParameter`)",
    ask: Ask::Profiles,
    recorded: Recorded::Nothing,
    ..MAIN_DOCUMENT
};
pub(crate) const LISTING_NAMES: Place = Place {
    name: "the list of documents, for a list of profiles (`GetParametersByPath`)",
    ask: Ask::Profiles,
    recorded: Recorded::Nothing,
    ..NAMES
};

pub(crate) const POINTER: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "which version a document has (`GetItem`)",
        Ask::Vend("ledger"),
        GET,
        |asked| key(asked, "pk").starts_with("documents#") && key(asked, "sk") == "ledger",
    )
};
pub(crate) const TEXT: Place = Place {
    setting: WITH_TABLE,
    ..place(Chapter::PolicyTable, "its text (`GetItem`)", Ask::Vend("ledger"), GET, |asked| {
        key(asked, "pk").starts_with("text#")
    })
};
pub(crate) const TABLES_NAMES: Place = Place {
    setting: WITH_TABLE,
    ..place(
        Chapter::PolicyTable,
        "the list of documents (`Query`)",
        Ask::Vend("ledger"),
        QUERY,
        of_one,
    )
};
pub(crate) const NOT_IN_TABLE: Place = Place {
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
    // The second call marks the session as ended.
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

pub(crate) const LISTERS_GATE: Place = place(
    Chapter::Operators,
    "the asker's own gate (`GetItem`)",
    Ask::OwnSessions,
    GET,
    gate_of_alice,
);
pub(crate) const PROFILES_GATE: Place = Place { ask: Ask::Profiles, ..LISTERS_GATE };
pub(crate) const OPERATORS_GATE: Place =
    Place { ask: Ask::Revoke, meant: gate_of_carol, ..LISTERS_GATE };
pub(crate) const OWN_LIST: Place =
    place(Chapter::Operators, "a caller's sessions (`Query`)", Ask::OwnSessions, QUERY, of_one);
pub(crate) const WHOLE_LIST: Place = place(
    Chapter::Operators,
    "everybody's sessions (`Query` of the index)",
    Ask::AllSessions,
    QUERY,
    of_all,
);
pub(crate) const LISTED_GATES: Place = place(
    Chapter::Operators,
    "the gates of those who are listed (`GetItem`)",
    Ask::AllSessions,
    GET,
    gate_of_alice,
);
pub(crate) const TARGET: Place = place(
    Chapter::Operators,
    "the session that is to be revoked (`GetItem`)",
    Ask::RevokeSession,
    GET,
    session,
);
pub(crate) const GATE_TO_CHANGE: Place = Place {
    recorded: Recorded::Event(EventKind::Reinstatement),
    ..place(
        Chapter::Operators,
        "the gate that is to be reinstated (`GetItem`)",
        Ask::Reinstate,
        GET,
        gate_of_alice,
    )
};
pub(crate) const REVOCATION: Place = Place {
    name: "the write of a revocation (`PutItem`)",
    operation: "PutItem",
    ask: Ask::Revoke,
    recorded: Recorded::Event(EventKind::Revocation),
    ..GATE_TO_CHANGE
};
pub(crate) const REINSTATEMENT: Place = Place {
    name: "the write of a reinstatement (`PutItem`)",
    operation: "PutItem",
    ..GATE_TO_CHANGE
};

pub(crate) const ASSUME_ROLE: Place =
    place(Chapter::Sts, "`AssumeRole`", Ask::Vend("production"), (Service::Sts, "AssumeRole"), any);

pub(crate) const SHOWN_SESSION: Place =
    place(Chapter::Authorizer, "the session (`GetItem`)", Ask::Authorize, GET, session);
pub(crate) const SHOWN_GATE: Place =
    place(Chapter::Authorizer, "the gate (`GetItem`)", Ask::Authorize, GET, gate_of_alice);
