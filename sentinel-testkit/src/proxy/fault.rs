//! The faults that the proxy can inject, and the calls that they apply to.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::protocol::AwsRequest;

/// What happens to a call instead of being forwarded, or in addition to it.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The service's own throttling error: 400 with its code.
    Throttled,
    /// The service's own access-denied error: 400 or 403, AccessDenied.
    Refused,
    /// An error in the service's own format, with this status and code.
    Error(u16, &'static str),
    /// 500 or 503 with a body that is not from the service.
    Unavailable(u16),
    /// Waits, then forwards the call, even if the client no longer waits.
    SlowBefore(Duration),
    /// Forwards the call, then waits: the operation is performed.
    SlowAfter(Duration),
    /// Accepts the request and never responds.
    Silent,
    /// Sends status and headers, and nothing more.
    Stalled,
    /// Forwards the call, and breaks off in the middle of the answer, which has no stated length.
    CutShort,
    /// The connection is reset before anything is forwarded.
    Reset,
    /// Forwards the call, and appends this number of blanks to the answer. JSON and XML ignore
    /// them.
    Huge(usize),
    /// Forwards the call, and returns a wrong answer.
    WrongAnswer(WrongAnswer),
}

/// A wrong answer, with status 200.
#[derive(Clone)]
pub enum WrongAnswer {
    /// Text that is neither JSON nor XML.
    Malformed,
    /// Half the answer, then the end of the connection. The header contains the full length.
    Truncated,
    /// Half the answer, with the correct length.
    Halved,
    /// The answer with numbers for strings and strings for numbers. In XML, with elements in place
    /// of text.
    WrongTypes,
    /// `{}`, or an empty result.
    Empty,
    /// An HTML page, as from a captive portal or a load balancer.
    Html,
    /// The last answer to the same operation with other parameters; 502 if there is none.
    Another,
    /// The answer, changed by this function.
    Edited(Edit),
}

/// Changes an answer.
pub type Edit = Arc<dyn Fn(&str) -> String + Send + Sync>;

impl WrongAnswer {
    /// The answer, changed by this function.
    #[must_use]
    pub fn edited(edit: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::Edited(Arc::new(edit))
    }

    /// The wrong answers without parameters.
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

impl fmt::Debug for WrongAnswer {
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

/// Whether a rule applies to a call with these parameters.
pub type ParameterFilter = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// Which calls a fault applies to.
#[derive(Clone)]
pub struct Rule {
    service: Option<String>,
    operation: Option<String>,
    filter: Option<ParameterFilter>,
    calls: RangeInclusive<usize>,
    pub(super) fault: Fault,
    seen: usize,
}

impl Rule {
    /// Every call.
    #[must_use]
    pub fn all(fault: Fault) -> Self {
        Self { service: None, operation: None, filter: None, calls: 1..=usize::MAX, fault, seen: 0 }
    }

    /// Every call of a service, named as in a credential scope.
    #[must_use]
    pub fn service(service: &str, fault: Fault) -> Self {
        Self { service: Some(service.to_owned()), ..Self::all(fault) }
    }

    /// Every call of an operation.
    #[must_use]
    pub fn operation(service: &str, operation: &str, fault: Fault) -> Self {
        Self { operation: Some(operation.to_owned()), ..Self::service(service, fault) }
    }

    /// Only calls with parameters that match.
    #[must_use]
    pub fn with(self, filter: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        Self { filter: Some(Arc::new(filter)), ..self }
    }

    /// Only these calls, of all that the rule applies to, counted from 1 since the rule was set.
    #[must_use]
    pub fn calls(self, calls: RangeInclusive<usize>) -> Self {
        Self { calls, ..self }
    }

    /// Counts a call, and returns whether the fault applies to it.
    pub(super) fn matches_request(&mut self, aws_request: &AwsRequest) -> bool {
        let is = |wanted: &Option<String>, given: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == given)
        };
        if !is(&self.service, &aws_request.service) || !is(&self.operation, &aws_request.operation)
        {
            return false;
        }
        if self.filter.as_ref().is_some_and(|filter| !filter(&aws_request.parameters)) {
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
