//! An HTTP proxy between an AWS client and an endpoint. It records and counts calls, and injects
//! faults when a rule is set.
//!
//! Other calls are forwarded unchanged. This includes the Host header, which is signed, so that
//! signatures still verify behind the proxy. One proxy has one endpoint. It reads whole requests
//! and answers, so it is not usable for streams.

mod answer;
mod fault;
mod protocol;

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::call::RecordedCall;
pub use fault::{Edit, Fault, ParameterFilter, Rule, WrongAnswer};

use crate::recorded::Holder;
use crate::server::{Reply, Server};
use answer::Whole;
use protocol::AwsRequest;

/// Maximum number of answers that are kept for [`WrongAnswer::Another`].
const KEPT: usize = 64;

/// A running proxy. It ends when this value is dropped.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// `HOST:PORT`.
    upstream: String,
    rules: Mutex<Vec<Rule>>,
    calls: Mutex<Vec<RecordedCall>>,
    record: Mutex<Option<File>>,
    /// Successful answers: service and operation, parameters, answer.
    answers: Mutex<Vec<(AwsRequest, Whole)>>,
}

impl Proxy {
    /// Starts on a free port of this machine, in front of the endpoint `upstream`
    /// (`http://HOST:PORT`).
    ///
    /// # Errors
    /// If `upstream` is not such an address, or no port is available.
    pub async fn start(upstream: &str) -> io::Result<Self> {
        let host = upstream.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let Some(host) = host.filter(|host| !host.is_empty() && !host.contains('/')) else {
            let what = format!("`{upstream}` is not of the form http://HOST:PORT");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        };
        let state = Arc::new(State {
            upstream: if host.contains(':') { host.to_owned() } else { format!("{host}:80") },
            rules: Mutex::default(),
            calls: Mutex::default(),
            record: Mutex::default(),
            answers: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| pass(Arc::clone(&shared), request)).await?;
        Ok(Self { server, state })
    }

    /// Like [`start`](Self::start), for the calls of a holder of an IAM document. If the run is
    /// recorded ([`recorded::FOLDER`](crate::recorded::FOLDER)), these calls are recorded too.
    ///
    /// # Errors
    /// As for [`start`](Self::start), or if the file cannot be opened.
    pub async fn start_for(holder: Holder, upstream: &str) -> io::Result<Self> {
        let proxy = Self::start(upstream).await?;
        if let Some(file) = holder.file()? {
            proxy.record(file);
        }
        Ok(proxy)
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Writes every later call to a file, as one line of JSON.
    pub fn record(&self, file: File) {
        *lock(&self.state.record) = Some(file);
    }

    /// Injects a fault from now on. If several rules apply to a call, the rule that was set first
    /// is used.
    pub fn inject(&self, rule: Rule) {
        lock(&self.state.rules).push(rule);
    }

    /// Removes all rules.
    pub fn clear_faults(&self) {
        lock(&self.state.rules).clear();
    }

    /// All calls that have ended so far, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        let mut calls = lock(&self.state.calls).clone();
        calls.sort_by_key(|call| call.start_us);
        calls
    }

    /// The number of ended calls of an operation.
    #[must_use]
    pub fn count(&self, service: &str, operation: &str) -> usize {
        lock(&self.state.calls).iter().filter(|call| call.is(service, operation)).count()
    }

    /// Removes all recorded calls.
    pub fn clear_calls(&self) {
        lock(&self.state.calls).clear();
    }
}

/// Microseconds since the first call of this process. All proxies of the process use the same
/// origin, so that their calls can be compared.
fn since_start() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl State {
    fn fault(&self, aws_request: &AwsRequest) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        // Every matching rule counts the call. The first one is used.
        let matching: Vec<_> = rules
            .iter_mut()
            .filter_map(|rule| rule.matches_request(aws_request).then(|| rule.fault.clone()))
            .collect();
        matching.into_iter().next()
    }

    fn keep(&self, aws_request: &AwsRequest, answer: &Whole) {
        let mut answers = lock(&self.answers);
        if answers.len() == KEPT {
            answers.remove(0);
        }
        answers.push((aws_request.clone(), answer.clone()));
    }

    fn another(&self, aws_request: &AwsRequest) -> Option<Whole> {
        let answers = lock(&self.answers);
        let other = answers.iter().rev().find(|(other, _)| {
            other.service == aws_request.service
                && other.operation == aws_request.operation
                && other.parameters != aws_request.parameters
        });
        other.map(|(_, answer)| answer.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that is in progress. It is recorded when this value is dropped, so that a call whose
/// client has stopped waiting is recorded too.
struct UnderWay {
    state: Arc<State>,
    call: RecordedCall,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.call.end_us = since_start();
        if let Some(file) = lock(&self.state.record).as_mut()
            && let Ok(line) = serde_json::to_string(&self.call)
        {
            drop(file.write_all(format!("{line}\n").as_bytes()));
        }
        lock(&self.state.calls).push(self.call.clone());
    }
}

async fn pass(state: Arc<State>, request: Request<Incoming>) -> Reply {
    let start_us = since_start();
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(|body| body.to_bytes()) else { return Reply::Reset };
    let aws_request = AwsRequest::read(&parts, &body);
    let fault = state.fault(&aws_request);
    let call = RecordedCall {
        at,
        service: aws_request.service.clone(),
        operation: aws_request.operation.clone(),
        parameters: aws_request.parameters.clone(),
        access_key_id: aws_request.access_key_id.clone(),
        region: aws_request.region.clone(),
        status: None,
        fault: fault.as_ref().map(|fault| format!("{fault:?}")),
        parameter_types: Vec::new(),
        start_us,
        end_us: start_us,
    };
    let mut under_way = UnderWay { state: Arc::clone(&state), call };
    let forward =
        Forward { state: Arc::clone(&state), aws_request: aws_request.clone(), parts, body };
    let reply = faulted_calls(forward, fault, &mut under_way.call.parameter_types).await;
    if let Reply::Answer(answer) = &reply {
        under_way.call.status = Some(answer.status().as_u16());
    }
    reply
}

/// A call that can be forwarded.
struct Forward {
    state: Arc<State>,
    aws_request: AwsRequest,
    parts: Parts,
    body: Bytes,
}

async fn faulted_calls(forward: Forward, fault: Option<Fault>, types: &mut Vec<String>) -> Reply {
    let aws_request = &forward.aws_request.clone();
    let another = forward.state.another(aws_request);
    let made_up = |answer: Whole| Reply::Answer(answer.into_response());
    match fault {
        None => made_up(forward.true_answer(types).await),
        Some(Fault::Throttled) => made_up(answer::throttled(aws_request)),
        Some(Fault::Refused) => made_up(answer::refused(aws_request)),
        Some(Fault::Error(status, code)) => {
            made_up(answer::error(aws_request, status, code, "injected"))
        }
        Some(Fault::Unavailable(status)) => made_up(answer::unavailable(status)),
        Some(Fault::SlowBefore(delay)) => {
            let late = tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let mut types = Vec::new();
                (forward.true_answer(&mut types).await, types)
            });
            let Ok((answer, late_types)) = late.await else { return Reply::Reset };
            *types = late_types;
            made_up(answer)
        }
        Some(Fault::SlowAfter(delay)) => {
            let answer = forward.true_answer(types).await;
            tokio::time::sleep(delay).await;
            made_up(answer)
        }
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::Stalled) => {
            let answer = forward.true_answer(types).await;
            Reply::Answer(answer.with_stream(answer::never()))
        }
        Some(Fault::CutShort) => {
            let mut answer = forward.true_answer(types).await;
            answer.headers.remove(CONTENT_LENGTH);
            let half = answer.body.slice(..answer.body.len() / 2);
            Reply::Answer(answer.with_stream(answer::broken_off(half)))
        }
        Some(Fault::Reset) => Reply::Reset,
        Some(Fault::Huge(bytes)) => {
            let mut answer = forward.true_answer(types).await;
            answer.headers.remove(CONTENT_LENGTH);
            let true_answer = answer.body.clone();
            Reply::Answer(answer.with_stream(answer::padded(true_answer, bytes)))
        }
        Some(Fault::WrongAnswer(wrong)) => {
            let true_answer = forward.true_answer(types).await;
            Reply::Answer(answer::wrong(&wrong, aws_request, true_answer, another))
        }
    }
}

impl Forward {
    /// Forwards the call and returns the response.
    async fn true_answer(self, types: &mut Vec<String>) -> Whole {
        let Self { state, aws_request, parts, body } = self;
        match exchange(&state.upstream, parts, body).await {
            Ok(answer) => {
                *types = protocol::parameter_types(&aws_request.service, &answer.body);
                if answer.status == 200 {
                    state.keep(&aws_request, &answer);
                }
                answer
            }
            Err(error) => answer::no_answer(&error.to_string()),
        }
    }
}

/// Maximum time for the endpoint to respond.
const WITHIN: Duration = Duration::from_secs(60);

async fn exchange(
    upstream: &str,
    parts: Parts,
    body: Bytes,
) -> Result<Whole, Box<dyn std::error::Error + Send + Sync>> {
    let asking = async {
        let stream = TcpStream::connect(upstream).await?;
        stream.set_nodelay(true)?;
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let mut request = Request::from_parts(parts, Full::new(body));
        let headers = request.headers_mut();
        headers.remove(CONNECTION);
        headers.remove(TRANSFER_ENCODING);
        let answer = client.send_request(request).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        driver.abort();
        let mut headers = head.headers;
        headers.remove(CONNECTION);
        headers.remove(TRANSFER_ENCODING);
        headers.remove(CONTENT_LENGTH);
        Ok(Whole { status: head.status.as_u16(), headers, body })
    };
    tokio::time::timeout(WITHIN, asking).await?
}
