//! General policy engines with the same rules and requests as Sentinel, in one run. They are
//! languages for any decision, which Sentinel's is not. Each engine is used in the form that was
//! found to be its fastest. Everything that can be prepared (parsing, entities, requests) is
//! prepared.
//!
//! - **Cedar**: users are in a group for each rule, and a policy is a `permit` for that group and
//!   profile. Cedar does not have a first match. With only permits, the answer is the same.
//! - **regorus**: the rules are an indexed data document. The policy is one lookup in it, compiled
//!   for the virtual machine of regorus. The order of the rules is lost.
//! - **casbin**: a line for each user of a rule, priority effect, `enforce` without async.
//!
//! - **naive scan**: a loop over the rules in Rust, which supports nothing but literal names.
//!
//! The rules have literal names only, because no peer supports time zones. Before anything is timed,
//! every engine must decide every request like Sentinel.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use casbin::{CoreApi, DefaultModel, Enforcer, StringAdapter};
use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request};
use criterion::{BenchmarkId, Criterion};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Rc, Value};
use sentinel_benches::floor::Scan;
use sentinel_benches::workload::{Question, Workload};
use sentinel_benches::{SIZES, checked, facts, now};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    for rules in SIZES {
        let workload = Workload::names(rules);
        let questions = &workload.questions;
        sentinel(&mut criterion, &workload);
        scan(&mut criterion, &workload);
        regorus(&mut criterion, rules, questions);
        casbin(&mut criterion, rules, questions);
        cedar(&mut criterion, rules, questions);
    }
    criterion.final_summary();
}

/// Whether a rule allows the request.
fn allowed(question: &Question) -> bool {
    question.rule.is_some()
}

fn sentinel(criterion: &mut Criterion, workload: &Workload) {
    let (policy, facts, now) = (workload.policy(), facts(), now());
    let mut group = criterion.benchmark_group("sentinel");
    for question in &workload.questions {
        let request = question.request();
        let rule = policy.decide(&request, &facts, now).rule.map(|rule| rule.index);
        assert_eq!(rule, question.rule, "{}", question.name);
        group.bench_function(BenchmarkId::new(question.name, workload.rules), |bencher| {
            bencher.iter(|| policy.decide(black_box(&request), &facts, now));
        });
    }
    group.finish();
}

fn scan(criterion: &mut Criterion, workload: &Workload) {
    let scan = Scan::new(&checked(&workload.text));
    let mut group = criterion.benchmark_group("scan");
    for question in &workload.questions {
        let request = question.request();
        assert_eq!(scan.decide(&request), question.rule, "{}", question.name);
        group.bench_function(BenchmarkId::new(question.name, workload.rules), |bencher| {
            bencher.iter(|| scan.decide(black_box(&request)));
        });
    }
    group.finish();
}

fn uid(kind: &str, name: &str) -> EntityUid {
    format!("{kind}::\"{name}\"").parse().unwrap()
}

fn cedar(criterion: &mut Criterion, rules: usize, questions: &[Question]) {
    let mut text = String::new();
    let mut entities = vec![Entity::new_no_attrs(uid("Action", "assume"), HashSet::new())];
    for i in 0..rules {
        let _ = writeln!(
            text,
            "permit(principal in Group::\"{i}\", action == Action::\"assume\", \
             resource == Profile::\"profile-{i}\");"
        );
        entities.push(Entity::new_no_attrs(uid("Group", &i.to_string()), HashSet::new()));
        entities
            .push(Entity::new_no_attrs(uid("Profile", &format!("profile-{i}")), HashSet::new()));
    }
    for i in 0..=rules {
        let groups = [i.checked_sub(1), (i < rules).then_some(i)].into_iter().flatten();
        let groups = groups.map(|group| uid("Group", &group.to_string())).collect();
        entities.push(Entity::new_no_attrs(uid("User", &format!("user-{i}")), groups));
    }
    let policies: PolicySet = text.parse().unwrap();
    let entities = Entities::from_entities(entities, None).unwrap();
    let authorizer = Authorizer::new();
    let mut group = criterion.benchmark_group("cedar");
    group.sample_size(10);
    for question in questions {
        let request = Request::new(
            uid("User", &question.user),
            uid("Action", "assume"),
            uid("Profile", &question.profile),
            Context::empty(),
            None,
        )
        .unwrap();
        let answer = || authorizer.is_authorized(black_box(&request), &policies, &entities);
        let allow = answer().decision() == cedar_policy::Decision::Allow;
        assert_eq!(allow, allowed(question), "{}", question.name);
        group.bench_function(BenchmarkId::new(question.name, rules), |bencher| {
            bencher.iter(answer);
        });
    }
    group.finish();
}

fn regorus(criterion: &mut Criterion, rules: usize, questions: &[Question]) {
    let grants: serde_json::Map<String, serde_json::Value> = (0..rules)
        .map(|i| {
            let users = serde_json::json!({
                format!("user-{i}"): true,
                format!("user-{}", i + 1): true,
            });
            (format!("profile-{i}"), users)
        })
        .collect();
    let data = serde_json::json!({ "grants": grants }).to_string();
    let policy = "package sentinel\nimport rego.v1\ndefault allow := false\n\
                  allow if data.grants[input.profile][input.user]\n";
    let entry_point = "data.sentinel.allow";
    let mut engine = Engine::new();
    engine.add_policy("sentinel.rego".to_owned(), policy.to_owned()).unwrap();
    let compiled = engine.compile_with_entrypoint(&Rc::from(entry_point)).unwrap();
    let program: Arc<_> = Compiler::compile_from_policy(&compiled, &[entry_point]).unwrap();
    let mut machine = RegoVM::new();
    machine.load_program(program);
    machine.set_data(Value::from_json_str(&data).unwrap()).unwrap();
    let mut group = criterion.benchmark_group("regorus");
    for question in questions {
        let input = serde_json::json!({ "user": question.user, "profile": question.profile });
        let input = Value::from_json_str(&input.to_string()).unwrap();
        machine.set_input(input.clone());
        assert_eq!(machine.execute().unwrap(), Value::Bool(allowed(question)), "{}", question.name);
        group.bench_function(BenchmarkId::new(question.name, rules), |bencher| {
            bencher.iter(|| {
                machine.set_input(black_box(&input).clone());
                machine.execute().unwrap()
            });
        });
    }
    group.finish();
}

fn casbin(criterion: &mut Criterion, rules: usize, questions: &[Question]) {
    const MODEL: &str = "[request_definition]\nr = sub, obj\n\
                         [policy_definition]\np = sub, obj, eft\n\
                         [policy_effect]\ne = priority(p.eft) || deny\n\
                         [matchers]\nm = r.sub == p.sub && r.obj == p.obj\n";
    let mut lines = String::new();
    for i in 0..rules {
        let next = i + 1;
        let _ = writeln!(lines, "p, user-{i}, profile-{i}, allow");
        let _ = writeln!(lines, "p, user-{next}, profile-{i}, allow");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await.unwrap();
        Enforcer::new(model, StringAdapter::new(lines)).await.unwrap()
    });
    let mut group = criterion.benchmark_group("casbin");
    group.sample_size(10);
    for question in questions {
        let answer = || {
            let question = black_box(question);
            enforcer.enforce((question.user.as_str(), question.profile.as_str())).unwrap()
        };
        assert_eq!(answer(), allowed(question), "{}", question.name);
        group.bench_function(BenchmarkId::new(question.name, rules), |bencher| {
            bencher.iter(answer);
        });
    }
    group.finish();
}
