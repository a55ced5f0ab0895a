//! Runs the properties of the fuzz targets without libFuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use sentinel_policy::{ConditionKind, Day, Effect, Mode, Operation, OsType, ReasonCode};
use sentinel_properties::TARGETS;

/// The folder of the fuzz targets.
fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names of the entries of a folder, without extension. Empty if there is no such folder.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn every_property_has_a_program_and_every_program_a_property() {
    let targets: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), targets);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("sentinel_properties::{name}(bytes)")), "{name}");
    }
    for folder in ["dictionaries", "regressions"] {
        for name in names(&fuzz().join(folder)) {
            assert!(targets.contains(&name.as_str()), "no target has the name of {folder}/{name}");
        }
    }
}

#[test]
fn the_dictionary_has_the_words_of_the_policy_language() {
    let text = fs::read_to_string(fuzz().join("dictionaries/policy.dict")).unwrap();
    let words = [
        ConditionKind::ALL.map(ConditionKind::as_str).to_vec(),
        Day::ALL.map(Day::as_str).to_vec(),
        Effect::ALL.map(Effect::as_str).to_vec(),
        Mode::ALL.map(Mode::as_str).to_vec(),
        Operation::ALL.map(Operation::as_str).to_vec(),
        OsType::ALL.map(OsType::as_str).to_vec(),
        ReasonCode::ALL.map(ReasonCode::as_str).to_vec(),
    ];
    for word in words.concat() {
        assert!(text.lines().any(|line| line == format!("\"{word}\"")), "{word} is missing");
    }
}

/// Each file is the input of an earlier finding.
#[test]
fn no_earlier_finding_occurs_again() {
    for (name, property) in TARGETS {
        let folder = fuzz().join("regressions").join(name);
        for file in fs::read_dir(folder).into_iter().flatten() {
            property(&fs::read(file.unwrap().path()).unwrap());
        }
    }
}

/// A few random inputs for each target, by SplitMix64: the properties hold, and are called.
#[test]
fn the_properties_hold_for_random_inputs() {
    let mut state = 14_u64;
    for (name, property) in TARGETS {
        for length in (0..40).map(|it| it * 32) {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    (mixed >> 56) as u8
                })
                .collect();
            let held = std::panic::catch_unwind(|| property(&bytes));
            assert!(held.is_ok(), "{name} of {bytes:?}");
        }
    }
}
