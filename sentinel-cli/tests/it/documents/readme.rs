//! The first lines of `README.md`: what Sentinel is, then the two commands.

use super::{blocks, root, text};

#[test]
fn the_readme_opens_with_three_sentences_and_two_commands() {
    let readme = text("README.md");
    let (opening, rest) = readme.split_once("\n```sh\n").unwrap();
    let (title, opening) = opening.split_once("\n\n").unwrap();
    assert_eq!(title, "# Sentinel");
    let sentences: Vec<&str> = opening.split_inclusive(['.', '!', '?']).collect();
    let sentences: Vec<&str> =
        sentences.iter().map(|s| s.trim()).filter(|s| !s.is_empty()).collect();
    assert_eq!(sentences.len(), 3, "{sentences:?}");
    assert!(!opening.trim_end().contains("\n\n"), "one paragraph");
    let commands: Vec<&str> = rest
        .split_once("```")
        .unwrap()
        .0
        .lines()
        .filter_map(|line| line.split(" #").next())
        .collect();
    assert_eq!(commands.iter().map(|c| c.trim()).collect::<Vec<_>>(), ["make demo", "make test"]);
    let makefile = text("Makefile");
    for target in ["demo", "test"] {
        assert!(makefile.contains(&format!("\n{target}: ##")), "{target}");
    }
    assert!(root().join("README.md").is_file() && blocks(&readme).len() > 2);
}

#[test]
fn the_readme_describes_its_use_before_its_code() {
    let readme = text("README.md");
    let at = |heading: &str| readme.find(&format!("\n## {heading}\n")).unwrap();
    assert!(at("Is it for you?") < at("First steps") && at("First steps") < at("The code"));
    let screen = readme.lines().take_while(|line| *line != "## First steps").count();
    assert!(screen < 50, "{screen} lines");
}
