//! Sections in the text of an AWS configuration file: finds, writes and removes those of
//! `sentinel configure`. Every other byte of the text stays as it is, whether or not the text can be
//! parsed. This module does not access files.
//!
//! A section is between two comment lines with its name, so that it is found again. If text precedes
//! it, it follows one line end, which is an empty line after a complete line.

use std::ops::Range;

use super::block::{
    BEGIN, Block, END, Kind, Line, PROCESS, REGION, begins, blocks, declarations, header, key,
    line_end, lines, strip_line_end,
};

/// A section to write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'a> {
    /// The name of the AWS profile.
    pub(super) name: &'a str,
    /// The command that vends credentials.
    pub(super) process: &'a str,
    /// The region of the AWS profile.
    pub(super) region: Region<'a>,
}

/// The region of a section.
#[derive(Clone, Copy, Debug)]
pub(super) enum Region<'a> {
    /// This region, in a new section and in an existing one.
    Required(&'a str),
    /// This region in a new section. An existing section keeps what it has.
    Initial(Option<&'a str>),
}

/// What writing did to a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The text had no section of the name.
    Added,
    /// The text had it with other content.
    Updated,
    /// The text had it.
    Unchanged,
}

/// A text with a section.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: Vec<u8>,
    pub(super) change: Change,
    /// The section before. Empty if there was none.
    pub(super) old: Vec<u8>,
    /// The section after.
    pub(super) new: Vec<u8>,
}

/// A text without a section.
#[derive(Debug)]
pub(super) struct Removed {
    pub(super) text: Vec<u8>,
    /// The section that was removed.
    pub(super) old: Vec<u8>,
}

/// The line, counted from 1, that begins another section of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken(pub(super) usize);

/// The line, counted from 1, of a section that `sentinel configure` did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edited(pub(super) usize);

/// Adds a section at the end of the text, or updates the existing one in its place. Lines that were
/// added to it stay.
pub(super) fn write(text: &[u8], section: &Section<'_>) -> Result<Written, Taken> {
    let lines = lines(text);
    let found = blocks(&lines);
    let mut own = found.iter().filter(|block| block.name == section.name);
    let block = own.next();
    let second = own.next().map(|block| block.first);
    let inside = |at: &usize| block.is_some_and(|block| block.lines().contains(at));
    let mut declared = declarations(&lines, section.name, Kind::Config).filter(|at| !inside(at));
    if let Some(at) = second.or_else(|| declared.next()) {
        return Err(Taken(at + 1));
    }
    let Some(block) = block else {
        let end = line_end(text);
        let new = new_block(section, end);
        let separator = if text.is_empty() { "" } else { end };
        let text = [text, separator.as_bytes(), &new].concat();
        return Ok(Written { text, change: Change::Added, old: Vec::new(), new });
    };
    let old = part(text, block.bytes());
    let new = updated(block, section);
    let change = if old == new { Change::Unchanged } else { Change::Updated };
    let (before, after) = around(text, block.bytes());
    Ok(Written { text: [before, &new, after].concat(), change, old: old.to_vec(), new })
}

/// Removes the section of a name. `None` if the text does not contain it.
pub(super) fn remove(text: &[u8], name: &str) -> Result<Option<Removed>, Edited> {
    let lines = lines(text);
    let found = blocks(&lines);
    let Some(block) = found.iter().rfind(|block| block.name == name) else {
        // The lines around it can be damaged. Then its extent is unknown.
        let begun = lines.iter().position(|line| begins(line.content) == Some(name));
        return begun.map_or(Ok(None), |at| Err(Edited(at + 1)));
    };
    if let Some((at, _)) = block.values().find(|(_, line)| key(line.content).is_none()) {
        return Err(Edited(at + 1));
    }
    let old = part(text, block.bytes()).to_vec();
    let (before, after) = around(text, block.bytes());
    Ok(Some(Removed { text: without(before, after), old }))
}

/// The names of the sections that `sentinel configure` wrote, in the order of the text.
pub(super) fn names(text: &[u8]) -> Vec<String> {
    let lines = lines(text);
    lines.iter().filter_map(|line| begins(line.content)).map(str::to_owned).collect()
}

/// The line, counted from 1, that begins a section of the name in a shared credentials file.
pub(super) fn line_in_credentials(text: &[u8], name: &str) -> Option<usize> {
    declarations(&lines(text), name, Kind::Credentials).next().map(|at| at + 1)
}

/// Joins the text before and after a removed section. The line end before the section was added with
/// it, but it stays if it now ends a line that others follow.
fn without(before: &[u8], after: &[u8]) -> Vec<u8> {
    let complete = strip_line_end(before);
    if after.is_empty() {
        return complete.to_vec();
    }
    // The next section of `sentinel configure` with the line end that was added before it.
    let next = lines(after).get(1).is_some_and(|line| begins(line.content).is_some());
    let rest = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n"));
    match rest {
        Some(rest) if next && before.is_empty() => rest.to_vec(),
        Some(rest) if next && !complete.ends_with(b"\n") => [before, rest].concat(),
        _ if complete.ends_with(b"\n") => [complete, after].concat(),
        _ => [before, after].concat(),
    }
}

fn new_block(section: &Section<'_>, end: &str) -> Vec<u8> {
    let Section { name, process, region } = section;
    let undo = format!("(`sentinel configure --undo --name {name}` removes it)");
    let mut lines =
        vec![format!("{BEGIN}{name} {undo}"), header(name), format!("{PROCESS} = {process}")];
    if let Region::Required(region) | Region::Initial(Some(region)) = region {
        lines.push(format!("{REGION} = {region}"));
    }
    lines.push(format!("{END}{name}"));
    lines.iter().flat_map(|line| [line.as_str(), end]).collect::<String>().into_bytes()
}

/// The block with the values of the section.
fn updated(block: &Block<'_>, section: &Section<'_>) -> Vec<u8> {
    let mut values = vec![(PROCESS, section.process)];
    if let Region::Required(region) = section.region {
        values.push((REGION, region));
    }
    let mut replace = |lines: &[Line<'_>]| -> Vec<u8> {
        let replaced = lines.iter().flat_map(|line| {
            let at =
                key(line.content).and_then(|key| values.iter().position(|(name, _)| *name == key));
            match at.map(|at| values.remove(at)) {
                Some((name, value)) => format!("{name} = {value}{}", line.end()).into_bytes(),
                None => line.whole.to_vec(),
            }
        });
        replaced.collect()
    };
    let (body, tail) = (replace(block.body), replace(block.tail));
    let end = block.header.end();
    let missing: String =
        values.iter().map(|(name, value)| format!("{name} = {value}{end}")).collect();
    let Block { begin, header, end, .. } = block;
    [begin.whole, header.whole, missing.as_bytes(), &body, end.whole, &tail].concat()
}

fn part(text: &[u8], range: Range<usize>) -> &[u8] {
    text.get(range).unwrap_or_default()
}

fn around(text: &[u8], range: Range<usize>) -> (&[u8], &[u8]) {
    (part(text, 0..range.start), part(text, range.end..text.len()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_types::os_shim_internal::{Env, Fs};
    use proptest::prelude::*;

    use super::*;

    const PROCESS: &str = "sentinel credentials --profile p --tvm https://tvm.example.com";

    fn section(name: &str) -> Section<'_> {
        Section { name, process: PROCESS, region: Region::Initial(Some("eu-central-1")) }
    }

    fn added(text: &[u8], name: &str) -> Vec<u8> {
        let written = write(text, &section(name)).unwrap();
        assert_eq!(written.change, Change::Added);
        written.text
    }

    fn removed(text: &[u8], name: &str) -> Vec<u8> {
        remove(text, name).unwrap().unwrap().text
    }

    #[test]
    fn a_section_follows_an_empty_line_and_an_incomplete_last_line_is_completed() {
        insta::assert_snapshot!(String::from_utf8(added(b"[default]\noutput = json", "p")).unwrap(), @r"
        [default]
        output = json
        # >>> sentinel configure: p (`sentinel configure --undo --name p` removes it)
        [profile p]
        credential_process = sentinel credentials --profile p --tvm https://tvm.example.com
        region = eu-central-1
        # <<< sentinel configure: p
        ");
        assert!(added(b"[default]\n", "p").starts_with(b"[default]\n\n# >>>"));
        assert!(added(b"", "p").starts_with(b"# >>>"));
        let crlf = added(b"[default]\r\noutput = json\r\n", "p");
        assert!(crlf.starts_with(b"[default]\r\noutput = json\r\n\r\n# >>>"));
        assert!(!String::from_utf8(crlf).unwrap().replace("\r\n", "").contains('\n'));
    }

    #[test]
    fn the_default_profile_has_no_prefix() {
        let text = added(b"", "default");
        assert!(text.windows(11).any(|window| window == b"\n[default]\n"));
        assert_eq!(removed(&text, "default"), b"");
    }

    #[test]
    fn an_update_changes_only_its_values_and_keeps_added_lines() {
        let text = added(b"[default]\r\na=b\r\n", "p");
        let text = String::from_utf8(text).unwrap();
        let edited = text.replace("region = eu-central-1", "region = us-east-1\r\noutput = json")
            + "[profile z]\r\n";
        let again = write(edited.as_bytes(), &section("p")).unwrap();
        assert_eq!((again.change, again.text.as_slice()), (Change::Unchanged, edited.as_bytes()));
        let new = Section { process: "other", region: Region::Required("x"), ..section("p") };
        let updated = write(edited.as_bytes(), &new).unwrap();
        assert_eq!(updated.change, Change::Updated);
        let expected = edited.replace(PROCESS, "other").replace("us-east-1", "x");
        assert_eq!(String::from_utf8(updated.text).unwrap(), expected);
        let without_process = edited
            .replace(&format!("credential_process = {PROCESS}\r\nregion = us-east-1\r\n"), "");
        let updated = String::from_utf8(write(without_process.as_bytes(), &new).unwrap().text);
        let lines = "[profile p]\r\ncredential_process = other\r\nregion = x\r\noutput = json\r\n";
        assert!(updated.unwrap().contains(lines));
    }

    #[test]
    fn a_section_with_added_lines_or_a_damaged_end_is_not_removed() {
        let text = String::from_utf8(added(b"[default]\n", "p")).unwrap();
        let edited = text.replace("region =", "output = json\nregion =");
        assert_eq!(remove(edited.as_bytes(), "p").unwrap_err(), Edited(6));
        for damage in [("# <<<", "# <"), ("# <<<", "[profile q]\n# <<<"), ("[profile p]", "[x]")] {
            let damaged = text.replace(damage.0, damage.1);
            assert_eq!(remove(damaged.as_bytes(), "p").unwrap_err(), Edited(3), "{damage:?}");
        }
        assert!(remove(text.as_bytes(), "q").unwrap().is_none());
    }

    /// `aws configure set` does so.
    #[test]
    fn values_after_the_last_line_belong_to_the_section_and_never_to_the_one_before_it() {
        let original = b"[default]\noutput = json\n";
        let plain = Section { region: Region::Initial(None), ..section("p") };
        let text = write(original, &plain).unwrap().text;
        let text = [&text, &b"region = us-west-2\n\n# of z\n[profile z]\n"[..]].concat();
        let region = Section { region: Region::Required("x"), ..section("p") };
        let updated = String::from_utf8(write(&text, &region).unwrap().text).unwrap();
        assert_eq!(
            updated.as_bytes(),
            String::from_utf8(text.clone()).unwrap().replace("us-west-2", "x").as_bytes()
        );
        assert_eq!(removed(&text, "p"), b"[default]\noutput = json\n\n# of z\n[profile z]\n");
        let edited = updated.replace("region = x\n", "region = x\n\ns3 =\n  a = b\n");
        assert_eq!(remove(edited.as_bytes(), "p").unwrap_err(), Edited(9));
    }

    #[test]
    fn a_section_of_the_same_name_in_any_form_is_never_changed() {
        for (name, text, line) in [
            ("p", "[profile p]", 1),
            ("p", "a\n\n[profile \t p ] # comment", 3),
            ("p", "x\r[profile p]\r\n", 1),
            ("p", "[profile \"p\"]\n", 1),
            ("p", "[profile 'p']\n", 1),
            ("p", "\u{feff}[profile p]\n", 1),
            ("p", " [profile p]\n", 1),
            ("p", "[profile p] ; ]\n", 1),
            // botocore accepts any word that begins with `profile`.
            ("p", "[profiles p]\n", 1),
            ("default", "\n[default]\n", 2),
            ("default", "[ default ]\n", 1),
            ("default", "[profile default]\n", 1),
        ] {
            assert_eq!(write(text.as_bytes(), &section(name)).unwrap_err(), Taken(line), "{text}");
        }
        for text in ["[p]\n", "[profile pp]", "#[profile p]", "[services p]", "[sso-session p]"] {
            assert_eq!(removed(&added(text.as_bytes(), "p"), "p"), text.as_bytes());
        }
        let own = added(b"", "p");
        let copy = [own.as_slice(), b"\n", &own].concat();
        assert_eq!(write(&copy, &section("p")).unwrap_err(), Taken(7));
        let other = [own.as_slice(), b"[profile p]\n"].concat();
        assert_eq!(write(&other, &section("p")).unwrap_err(), Taken(6));
    }

    #[test]
    fn text_after_a_removed_section_does_not_join_the_line_before_it() {
        let text = [added(b"[a]\nx = y", "p").as_slice(), b"[profile z]\n"].concat();
        assert_eq!(removed(&text, "p"), b"[a]\nx = y\n[profile z]\n");
        let text = [added(b"[a]\nx = y\n", "p").as_slice(), b"[profile z]\n"].concat();
        assert_eq!(removed(&text, "p"), b"[a]\nx = y\n[profile z]\n");
    }

    #[test]
    fn a_section_of_a_credentials_file_has_no_prefix() {
        assert_eq!(line_in_credentials(b"[a]\n[p]\n", "p"), Some(2));
        assert_eq!(line_in_credentials(b"[profile p]\n[pp]\n", "p"), None);
    }

    /// Lines of valid and invalid files, and parts of what this command writes.
    const LINES: &[&str] = &[
        "",
        " ",
        "[default]",
        "[profile p]",
        "[profile a]",
        "[profile a]",
        "[profile \"b c\"]",
        "  [profile d]",
        "[profile e] # comment",
        "[profile f",
        "[sso-session s]",
        "[services v]",
        "region = us-east-1",
        "region=eu-west-1 ; comment",
        "output = json # comment",
        "s3 =",
        "  addressing_style = path",
        "  not a property",
        "credential_process = \"/opt/x y\" --flag",
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
        "# comment",
        "; comment",
        "no equals sign",
        "= no key",
        "key with spaces = value",
        "ключ = значение",
        "\u{feff}[profile g]",
        "# >>> sentinel configure: p",
        "# >>> sentinel configure: p (x)\n[profile p]",
        "# >>> sentinel configure: z (x)\n[profile z]\n# <<< sentinel configure: z",
        "# <<< sentinel configure: p",
        "# <<< sentinel configure: a",
    ];

    fn text() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            9 => prop::sample::select(LINES).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        let end = prop::sample::select(&["\n", "\n", "\n", "\r\n", "\r\n", "\r", ""][..]);
        let lines = prop::collection::vec((line, end), 0..12);
        lines.prop_map(|lines| lines.iter().flat_map(|(line, end)| [line, *end]).collect())
    }

    /// The values of every profile but `name`, as the AWS SDK for Rust reads them. `None` if it
    /// refuses the file.
    fn as_rust_reads(text: &[u8], name: &str) -> Option<BTreeMap<String, Vec<Option<String>>>> {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let fs = Fs::from_slice(&[("/config", text.as_str())]);
        let env = Env::from_slice(&[("AWS_CONFIG_FILE", "/config"), ("HOME", "/nowhere")]);
        let files = Default::default();
        let loaded = aws_config::profile::load(&fs, &env, &files, None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let profiles = runtime.block_on(loaded).ok()?;
        let keys = ["region", "output", "s3", "credential_process", "aws_access_key_id"];
        let values = |profile: &str| {
            let profile = profiles.get_profile(profile).unwrap();
            keys.map(|key| profile.get(key).map(str::to_owned)).to_vec()
        };
        let names = profiles.profiles().filter(|profile| *profile != name);
        Some(names.map(|name| (name.to_owned(), values(name))).collect())
    }

    proptest! {
        /// Whatever the file contains: if a section is added, removing it leaves the original bytes.
        /// With two sections, the order does not matter. Adding a section twice changes nothing.
        #[test]
        fn undo_restores_the_original_bytes(text in text()) {
            let text = text.as_bytes();
            if let Ok(Written { text: one, change: Change::Added, .. }) = write(text, &section("p")) {
                prop_assert!(one.starts_with(text));
                prop_assert_eq!(&removed(&one, "p"), text);
                prop_assert_eq!(write(&one, &section("p")).unwrap().change, Change::Unchanged);
                let two = added(&one, "q");
                prop_assert_eq!(&removed(&two, "q"), &one);
                prop_assert_eq!(&removed(&removed(&two, "p"), "q"), text);
            }
        }

        /// The AWS SDK for Rust reads all other profiles as before, and refuses the file if it did.
        #[test]
        fn other_profiles_are_read_as_before(text in text()) {
            let before = as_rust_reads(text.as_bytes(), "p");
            if let Ok(Written { text: new, change, .. }) = write(text.as_bytes(), &section("p")) {
                prop_assert_eq!(&as_rust_reads(&new, "p"), &before);
                if change == Change::Added && before.is_some() {
                    let all = as_rust_reads(&new, "").unwrap();
                    prop_assert_eq!(all["p"][3].as_deref(), Some(PROCESS));
                }
            }
        }
    }
}
