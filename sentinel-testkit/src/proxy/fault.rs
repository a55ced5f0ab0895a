//! The harm that the proxy can do, and to which calls.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::protocol::Asked;

/// What happens to a call instead of, or beside, being passed on.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The service's own answer to too many requests: 400, and its code.
    Throttled,
    /// The service's own answer to who may not: 400 or 403, AccessDenied.
    Refused,
    /// The service's own shape, with that status and code.
    Error(u16, &'static str),
    /// 500 or 503, without a word of the service's.
    Unavailable(u16),
    /// It waits, then passes the call on, whether or not anybody waits still.
    SlowBefore(Duration),
    /// It passes the call on, then waits: what was asked is done.
    SlowAfter(Duration),
    /// It takes the request and never answers.
    Silent,
    /// It answers status and headers, and stops there.
    Stalled,
    /// It passes the call on, and breaks off in the middle of the answer, of
    /// which no length was said.
    CutShort,
    /// The connection is reset, before anything is passed on.
    Reset,
    /// It passes the call on, and after the answer come so many bytes of blanks,
    /// which to JSON and XML are nothing.
    Huge(usize),
    /// It passes the call on, and answers something else.
    Lying(Lie),
}

/// What is answered, with status 200, instead of what is true.
#[derive(Clone)]
pub enum Lie {
    /// Text that is neither JSON nor XML.
    Malformed,
    /// Half the answer, though the header says its whole length; then the end.
    Truncated,
    /// Half the answer, with a length that is true.
    Halved,
    /// The answer with every text a number, and the other way round; in XML
    /// with elements where text should be.
    WrongTypes,
    /// `{}`, or a result with nothing in it.
    Empty,
    /// A page, as a captive portal or a load balancer would send it.
    Html,
    /// What the same operation was answered last when it was asked with other
    /// parameters; 502 when it never was.
    Another,
    /// The answer, changed by that function.
    Edited(Edit),
}

/// Changes an answer.
pub type Edit = Arc<dyn Fn(&str) -> String + Send + Sync>;

impl Lie {
    /// The answer, changed by that function.
    #[must_use]
    pub fn edited(edit: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::Edited(Arc::new(edit))
    }

    /// Each of them that needs no words of its own.
    pub const PLAIN: [Self; 7] = [
        Self::Malformed,
        Self::Truncated,
        Self::Halved,
        Self::WrongTypes,
        Self::Empty,
        Self::Html,
        Self::Another,
    ];
}

impl fmt::Debug for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "Malformed",
            Self::Truncated => "Truncated",
            Self::Halved => "Halved",
            Self::WrongTypes => "WrongTypes",
            Self::Empty => "Empty",
            Self::Html => "Html",
            Self::Another => "Another",
            Self::Edited(_) => "Edited",
        })
    }
}

/// Says of a call's parameters whether it is one that is meant.
pub type Meant = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// Which calls are harmed, and how.
#[derive(Clone)]
pub struct Rule {
    service: Option<String>,
    operation: Option<String>,
    meant: Option<Meant>,
    calls: RangeInclusive<usize>,
    pub(super) fault: Fault,
    seen: usize,
}

impl Rule {
    /// Every call.
    #[must_use]
    pub fn all(fault: Fault) -> Self {
        Self { service: None, operation: None, meant: None, calls: 1..=usize::MAX, fault, seen: 0 }
    }

    /// Every call of a service, as a credential scope names it.
    #[must_use]
    pub fn service(service: &str, fault: Fault) -> Self {
        Self { service: Some(service.to_owned()), ..Self::all(fault) }
    }

    /// Every call of an operation.
    #[must_use]
    pub fn operation(service: &str, operation: &str, fault: Fault) -> Self {
        Self { operation: Some(operation.to_owned()), ..Self::service(service, fault) }
    }

    /// Only calls with such parameters.
    #[must_use]
    pub fn with(self, meant: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        Self { meant: Some(Arc::new(meant)), ..self }
    }

    /// Only those calls, of all that the rule is for, counted from 1 since it
    /// was set.
    #[must_use]
    pub fn calls(self, calls: RangeInclusive<usize>) -> Self {
        Self { calls, ..self }
    }

    /// Counts a call, and says whether it is to be harmed.
    pub(super) fn meets(&mut self, asked: &Asked) -> bool {
        let is = |wanted: &Option<String>, given: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == given)
        };
        if !is(&self.service, &asked.service) || !is(&self.operation, &asked.operation) {
            return false;
        }
        if self.meant.as_ref().is_some_and(|meant| !meant(&asked.parameters)) {
            return false;
        }
        self.seen += 1;
        self.calls.contains(&self.seen)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("service", &self.service)
            .field("operation", &self.operation)
            .field("calls", &self.calls)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
