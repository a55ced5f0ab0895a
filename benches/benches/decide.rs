//! Cost of a decision by the kind of its conditions and the number of rules, next to floors and to
//! slower ways to decide, in one run.
//!
//! - `floor`: two lookups of the names of the request.
//! - `decide`: the compiled policy, for a request that exists.
//! - `from strings`: the same, and reading the request from texts.
//! - `candidates`: the names of the request leave every rule possible, and none matches.
//! - `scan`, `reference`: a loop over the rules, and the plain evaluator.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use sentinel_benches::floor::{Lookups, Scan};
use sentinel_benches::workload::{Question, Workload};
use sentinel_benches::{SIZES, checked, facts, now};
use sentinel_policy::reference::Evaluator;
use sentinel_policy::{Mode, Policy, Principal, Request};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(30)
        .configure_from_args();
    for rules in SIZES {
        floor(&mut criterion, rules);
        for workload in Workload::ordinary(rules) {
            let policy = workload.policy();
            decide(&mut criterion, "decide", &workload, &policy);
            from_strings(&mut criterion, &workload, &policy);
        }
        for workload in Workload::adversarial(rules) {
            decide(&mut criterion, "candidates", &workload, &workload.policy());
        }
        slow(&mut criterion, rules);
    }
    criterion.final_summary();
}

fn floor(criterion: &mut Criterion, rules: usize) {
    let lookups = Lookups::new(rules);
    let mut group = criterion.benchmark_group("floor");
    for question in Workload::names(rules).questions {
        group.bench_function(BenchmarkId::new(question.name, rules), |bencher| {
            bencher.iter(|| {
                let question = black_box(&question);
                lookups.find(&question.user, &question.profile)
            });
        });
    }
    group.finish();
}

/// The name of a measurement: `names, first/1000`.
fn id(workload: &Workload, question: &Question) -> BenchmarkId {
    BenchmarkId::new(format!("{}, {}", workload.name, question.name), workload.rules)
}

fn decide(criterion: &mut Criterion, name: &str, workload: &Workload, policy: &Policy) {
    let (facts, now) = (facts(), now());
    let mut group = criterion.benchmark_group(name);
    for question in &workload.questions {
        let request = question.request();
        let decided = policy.decide(&request, &facts, now).rule.map(|rule| rule.index);
        assert_eq!(decided, question.rule, "{} {}", workload.name, question.name);
        group.bench_function(id(workload, question), |bencher| {
            bencher.iter(|| policy.decide(black_box(&request), &facts, now));
        });
    }
    group.finish();
}

/// The texts of a request, as a front end has them.
struct Texts {
    user: String,
    profile: String,
    source_ip: Option<String>,
    mode: String,
}

impl Texts {
    fn request(&self) -> Request<'_> {
        let source_ip: Option<IpAddr> = self.source_ip.as_ref().and_then(|text| text.parse().ok());
        let mode: Option<Mode> = self.mode.parse().ok();
        Request::new(Principal::new(&self.user), &self.profile)
            .with_source_ip(source_ip)
            .with_mode(mode)
    }
}

fn from_strings(criterion: &mut Criterion, workload: &Workload, policy: &Policy) {
    let (facts, now) = (facts(), now());
    let mut group = criterion.benchmark_group("from strings");
    for question in &workload.questions {
        let texts = Texts {
            user: question.user.clone(),
            profile: question.profile.clone(),
            source_ip: question.source_ip.map(|address| address.to_string()),
            mode: "server".to_owned(),
        };
        group.bench_function(id(workload, question), |bencher| {
            bencher.iter(|| policy.decide(&black_box(&texts).request(), &facts, now));
        });
    }
    group.finish();
}

fn slow(criterion: &mut Criterion, rules: usize) {
    let (facts, now) = (facts(), now());
    let workload = Workload::names(rules);
    let checked = checked(&workload.text);
    let (scan, plain) = (Scan::new(&checked), Evaluator::new(&checked));
    for question in &workload.questions {
        let request = question.request();
        assert_eq!(scan.decide(&request), question.rule, "{}", question.name);
        let mut group = criterion.benchmark_group("scan");
        group.bench_function(id(&workload, question), |bencher| {
            bencher.iter(|| scan.decide(black_box(&request)));
        });
        group.finish();
        let mut group = criterion.benchmark_group("reference");
        group.bench_function(id(&workload, question), |bencher| {
            bencher.iter(|| plain.decide(black_box(&request), &facts, now));
        });
        group.finish();
    }
}
