//! The table: the call, the fault, and what the caller then sees. `docs/failures.md` is generated
//! from it.

use std::collections::HashMap;
use std::time::Duration;

use sentinel_broker::ErrorCode;
use sentinel_testkit::proxy::Fault;

use super::class::Class;
use super::connection::ConnectionFault;
use super::place::{
    ASSUME_ROLE, FIRST_GATE, GATE_TO_CHANGE, LISTED_GATES, LISTERS_GATE, LISTING_MAIN,
    LISTING_NAMES, MAIN_DOCUMENT, NAMES, NOT_IN_TABLE, OPERATORS_GATE, OWN_LIST, POINTER,
    PROFILES_DOCUMENT, PROFILES_GATE, Place, REINSTATEMENT, REVOCATION, SECOND_GATE, SHOWN_GATE,
    SHOWN_SESSION, TABLES_NAMES, TARGET, TEXT, VEND_COUNT, WHOLE_LIST, WRITE,
};
use super::world::Setting;

/// What the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sees {
    /// The request succeeds as if nothing failed.
    Done,
    /// The request succeeds. Items that cannot be read are omitted and counted.
    Omitted,
    Refused(ErrorCode),
    /// The authorizer refuses. Its event contains the reason.
    Forbidden(&'static str),
}

/// The fault of a call, or of a whole endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Injection {
    Call(Fault),
    /// Only this number of its first attempts.
    First(usize, Fault),
    Connection(ConnectionFault),
    /// The service's name cannot be resolved.
    Unnamed,
}

/// A row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) class: Class,
    pub(crate) fault: String,
    pub(crate) injection: Injection,
    pub(crate) sees: Sees,
}

const LIMITED: Sees = Sees::Refused(ErrorCode::RateLimited);
const UNAVAILABLE: Sees = Sees::Refused(ErrorCode::StoreUnavailable);
const POLICY: Sees = Sees::Refused(ErrorCode::PolicyError);
const CREDENTIAL: Sees = Sees::Refused(ErrorCode::CredentialError);
const STORE_FAILED: Sees = Sees::Forbidden("store_failed");

/// The rows of a call, class by class.
fn of(place: Place, sees: impl Fn(Class) -> Sees, more: &[Class]) -> Vec<Row> {
    let classes = Class::USUAL.iter().chain(more);
    let rows = classes.flat_map(|&class| {
        let sees = sees(class);
        let faults = class.faults(place.service).into_iter();
        // A parameter that was missing counts as missing until it is read again.
        let no_cache = class == Class::Gone;
        let mut place = place;
        place.setting = Setting { no_cache, ..place.setting };
        faults.map(move |(fault, it)| Row {
            place,
            class,
            fault,
            injection: Injection::Call(it),
            sees,
        })
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
        | Class::WrongAnswer
        | Class::Mistaken
        | Class::Contended => UNAVAILABLE,
    }
}

/// A session or a gate that cannot be read or written.
fn session_store(class: Class) -> Sees {
    match class {
        Class::Throttled => LIMITED,
        Class::Refusing
        | Class::Contended
        | Class::Failing
        | Class::Slow
        | Class::HalfDead
        | Class::WrongAnswer
        | Class::Mistaken
        | Class::Corrupt
        | Class::Gone => UNAVAILABLE,
    }
}

/// An endpoint that is missing, or is another service.
fn endpoints(place: Place, sees: Sees) -> Vec<Row> {
    let mut rows = Vec::new();
    {
        let mut row = |class, fault: &str, injection| {
            let fault = fault.to_owned();
            rows.push(Row { place, class, fault, injection, sees });
        };
        let mut cut = |class, fault, cut| row(class, fault, Injection::Connection(cut));
        cut(Class::HalfDead, "connection refused", ConnectionFault::Refused);
        cut(Class::HalfDead, "accepted and closed", ConnectionFault::Closed);
        cut(Class::HalfDead, "accepted and not read", ConnectionFault::NotRead);
        cut(Class::WrongAnswer, "no HTTP", ConnectionFault::Responds(b"SSH-2.0-OpenSSH_9.6\r\n"));
        cut(
            Class::WrongAnswer,
            "more than its length",
            ConnectionFault::Responds(
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n{\"Item\":{}}",
            ),
        );
        cut(
            Class::WrongAnswer,
            "two lengths",
            ConnectionFault::Responds(
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ",
            ),
        );
        cut(
            Class::HalfDead,
            "only a head",
            ConnectionFault::Responds(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"),
        );
        row(Class::HalfDead, "no such name", Injection::Unnamed);
        let elsewhere = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n";
        row(
            Class::WrongAnswer,
            "a redirection",
            Injection::Connection(ConnectionFault::Responds(elsewhere)),
        );
    }
    rows
}

/// A single failed attempt is retried.
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
            let (injection, sees) = (Injection::First(1, fault), Sees::Done);
            rows.push(Row { place, class, fault: named, injection, sees });
        }
    }
    rows
}

pub(crate) fn ssm() -> Vec<Row> {
    let own = |class| {
        if class == Class::Gone { Sees::Refused(ErrorCode::PolicyDeny) } else { policy(class) }
    };
    let mut rows = of(MAIN_DOCUMENT, policy, &[Class::Mistaken, Class::Gone]);
    rows.extend(some_of_each_class(of(NAMES, policy, &[Class::Mistaken])));
    rows.extend(some_of_each_class(of(PROFILES_DOCUMENT, own, &[Class::Mistaken, Class::Gone])));
    rows.extend(some_of_each_class(of(LISTING_MAIN, policy, &[])));
    rows.extend(some_of_each_class(of(LISTING_NAMES, policy, &[])));
    rows.extend(endpoints(MAIN_DOCUMENT, UNAVAILABLE));
    rows.extend(once(&[MAIN_DOCUMENT, NAMES]));
    rows
}

pub(crate) fn policy_table() -> Vec<Row> {
    let mistaken = |class| if class == Class::Mistaken { POLICY } else { policy(class) };
    let mut rows = some_of_each_class(of(POINTER, policy, &[Class::Corrupt]));
    rows.extend(some_of_each_class(of(TEXT, mistaken, &[Class::Mistaken])));
    rows.extend(some_of_each_class(of(TABLES_NAMES, policy, &[])));
    rows.extend(some_of_each_class(of(NOT_IN_TABLE, policy, &[])));
    rows
}

pub(crate) fn session_table() -> Vec<Row> {
    let mut rows = of(FIRST_GATE, session_store, &[Class::Mistaken, Class::Corrupt]);
    rows.extend(of(WRITE, session_store, &[Class::Contended]).into_iter().map(|row| {
        // A write that arrives after the refusal finds that the session has ended, unless the write
        // that ends it arrives even later.
        if let Injection::Call(it @ Fault::SlowBefore(_)) = row.injection {
            Row { injection: Injection::First(2, it), ..row }
        } else {
            row
        }
    }));
    rows.extend(of(SECOND_GATE, session_store, &[Class::Mistaken, Class::Corrupt]));
    rows.extend(of(VEND_COUNT, session_store, &[]));
    rows.extend(endpoints(FIRST_GATE, UNAVAILABLE));
    rows.extend(once(&[FIRST_GATE, WRITE, SECOND_GATE, VEND_COUNT]));
    rows
}

pub(crate) fn operators() -> Vec<Row> {
    let mut rows = Vec::new();
    for place in [LISTERS_GATE, PROFILES_GATE, OPERATORS_GATE, WHOLE_LIST, TARGET] {
        rows.extend(some_of_each_class(of(place, session_store, &[])));
    }
    let listed = |class| match class {
        Class::Corrupt | Class::Mistaken => Sees::Omitted,
        Class::Throttled
        | Class::Refusing
        | Class::Failing
        | Class::Slow
        | Class::HalfDead
        | Class::WrongAnswer
        | Class::Gone
        | Class::Contended => session_store(class),
    };
    rows.extend(some_of_each_class(of(LISTED_GATES, listed, &[Class::Corrupt])));
    rows.extend(some_of_each_class(of(OWN_LIST, listed, &[Class::Mistaken])));
    rows.extend(some_of_each_class(of(GATE_TO_CHANGE, session_store, &[Class::Corrupt])));
    rows.extend(some_of_each_class(of(REVOCATION, session_store, &[])));
    rows.extend(some_of_each_class(of(REINSTATEMENT, session_store, &[])));
    rows.extend(once(&[REVOCATION]));
    rows
}

pub(crate) fn sts() -> Vec<Row> {
    let issued = |class| if class == Class::Throttled { LIMITED } else { CREDENTIAL };
    let mut rows = of(ASSUME_ROLE, issued, &[Class::Mistaken]);
    rows.extend(endpoints(ASSUME_ROLE, CREDENTIAL));
    rows.extend(once(&[ASSUME_ROLE]));
    rows
}

pub(crate) fn authorizer() -> Vec<Row> {
    let mut rows = Vec::new();
    for place in [SHOWN_SESSION, SHOWN_GATE] {
        rows.extend(of(place, |_| STORE_FAILED, &[Class::Mistaken, Class::Corrupt]));
    }
    rows.extend(endpoints(SHOWN_SESSION, STORE_FAILED));
    rows.extend(once(&[SHOWN_SESSION, SHOWN_GATE]));
    rows
}

/// Some rows of each class, if another test runs all of them with the same client.
fn some_of_each_class(rows: Vec<Row>) -> Vec<Row> {
    let mut seen = HashMap::<Class, usize>::new();
    let mut kept = Vec::new();
    for row in rows {
        let count = seen.entry(row.class).or_default();
        *count += 1;
        let most = match row.class {
            Class::WrongAnswer | Class::Corrupt => 4,
            Class::HalfDead | Class::Slow => 2,
            Class::Throttled
            | Class::Refusing
            | Class::Failing
            | Class::Mistaken
            | Class::Gone
            | Class::Contended => 1,
        };
        if *count <= most {
            kept.push(row);
        }
    }
    kept
}
