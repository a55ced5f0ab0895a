//! `docs/audit.md`: its commands run on the records of a day.

use std::process::Command;

use super::{blocks, text};
use crate::audit::Day;

#[test]
fn the_commands_answer_questions_about_a_day() {
    let day = Day::run();
    let home = day.path();
    std::fs::create_dir(home.join("records")).unwrap();
    std::fs::copy(home.join("log.jsonl"), home.join("records/day.jsonl")).unwrap();
    day.write_trail("trail.json");
    let vend = day.vends()[0];
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_sentinel")).parent().unwrap();
    let mut ran = 0;
    for block in blocks(&text("docs/audit.md")) {
        if block.language() != "sh" || block.has_word("by-hand") {
            continue;
        }
        for line in block.text.lines() {
            let output = Command::new("sh")
                .args(["-euc", line])
                .current_dir(home)
                .env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()))
                .env("AT", vend["timestamp"].as_str().unwrap())
                .env("ACCESS_KEY_ID", vend["access_key_id"].as_str().unwrap())
                .output()
                .unwrap();
            assert!(output.status.success(), "{line}: {output:?}");
            ran += 1;
        }
    }
    assert_eq!(ran, 8);
    assert!(home.join("audit.html").exists() && home.join("decisions.csv").exists());
}
