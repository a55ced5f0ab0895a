//! The cases in `tests/cases/`: see the README there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sentinel_policy::{CheckedPolicy, DiagnosticCode, Limits};

/// The policies of the folder, by path.
pub(crate) fn policies() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut policies: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "json"))
        .collect();
    policies.sort();
    assert!(!policies.is_empty());
    policies
}

/// The diagnostics of a policy, as `policy check` shows them, and those that a
/// valid policy has only in certain uses.
fn diagnostics(name: &str, source: &[u8], codes: &mut BTreeSet<DiagnosticCode>) -> String {
    let found = match CheckedPolicy::parse(source, &Limits::default()) {
        Err(diagnostics) => vec![("", Some(diagnostics))],
        Ok(checked) => {
            let (warnings, in_server) = (checked.warnings(), checked.warnings_in_server());
            let in_server = in_server.filter(|all| warnings.as_ref() != Some(all));
            vec![
                ("", warnings),
                ("in the server:\n", in_server),
                ("unusable in the server:\n", checked.usable_in_server().err()),
                (
                    "unusable as the document of one profile:\n",
                    checked.usable_for_one_profile().err(),
                ),
            ]
        }
    };
    let mut text = String::new();
    for (title, diagnostics) in found {
        let Some(diagnostics) = diagnostics else { continue };
        codes.extend(diagnostics.iter().map(|diagnostic| diagnostic.code));
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(title);
        text.push_str(&diagnostics.render(name, source, false));
    }
    text
}

#[test]
fn every_policy_has_the_diagnostics_in_its_file() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    for path in policies() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let actual = diagnostics(name, &fs::read(&path).unwrap(), &mut BTreeSet::new());
        let file = path.with_extension("diagnostics");
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if actual == expected {
            continue;
        }
        if !update {
            wrong.push(format!("{name}: expected\n{expected}\nbut it is\n{actual}"));
        } else if actual.is_empty() {
            fs::remove_file(&file).unwrap();
        } else {
            fs::write(&file, actual).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_CASES=1 rewrites them", wrong.join("\n"));
}

#[test]
fn every_code_is_reported_for_some_policy_of_the_folder() {
    let mut codes = BTreeSet::new();
    for path in policies() {
        diagnostics("", &fs::read(&path).unwrap(), &mut codes);
    }
    // These need documents that are too large to store, or the document of a group.
    // `limits.rs` and `members.rs` cover them.
    let elsewhere = [
        DiagnosticCode::TooLarge,
        DiagnosticCode::TooManyRules,
        DiagnosticCode::TooManyProfiles,
        DiagnosticCode::TooManyGroupEntries,
        DiagnosticCode::MoreErrors,
        DiagnosticCode::MoreWarnings,
        DiagnosticCode::NotMembers,
    ];
    let missing: Vec<&str> = DiagnosticCode::ALL
        .iter()
        .filter(|code| !codes.contains(code) && !elsewhere.contains(code))
        .map(|code| code.as_str())
        .collect();
    assert!(missing.is_empty(), "no policy meets {missing:?}");
}
