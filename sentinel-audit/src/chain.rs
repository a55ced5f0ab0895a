//! The chain of the lines of a writer: `writer`, `sequence` and `prev`.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::line::record_of;

/// One line of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The id of the chain.
    pub writer: String,
    /// The number of the line in its chain, from 1.
    pub sequence: u64,
    /// The digest of the line before, in hexadecimal. `None` for the first one.
    prev: Option<[u8; 32]>,
    /// The digest of this line.
    digest: [u8; 32],
}

impl Link {
    /// The SHA-256 of the line.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The link of a line. `None` if the line is not part of a chain.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Members {
            writer: String,
            sequence: u64,
            prev: Option<String>,
        }
        let record = record_of(line);
        let members: Members = serde_json::from_slice(record).ok()?;
        let prev = match members.prev {
            // What is not a digest cannot be that of the line before.
            Some(text) => {
                let bytes = HEXLOWER.decode(text.as_bytes()).unwrap_or_default();
                Some(bytes.try_into().unwrap_or_default())
            }
            None => None,
        };
        let digest = Sha256::digest(record).into();
        Some(Self { writer: members.writer, sequence: members.sequence, prev, digest })
    }
}

/// What is wrong in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a reader must handle every kind")]
pub enum FaultKind {
    /// Lines are missing between two lines, or before the first one.
    Missing,
    /// The line before this one was changed, or this line names another one.
    Changed,
    /// The number of the line occurs twice, with different contents.
    Twice,
    /// The line comes after a later line of its chain in the same source.
    OutOfOrder,
}

/// A fault of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The id of the chain.
    pub writer: String,
    /// The number of the line at which it was noticed.
    pub sequence: u64,
    /// For missing lines, how many.
    pub missing: u64,
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// The number of chains.
    pub chains: usize,
    /// The number of lines in them. A line that occurs again unchanged, as after two exports, counts once.
    pub lines: u64,
    /// The faults by chain and number.
    pub faults: Vec<Fault>,
}

/// Verifies chains.
#[derive(Debug, Default)]
pub struct Chains {
    /// By number: the digest of the line before, and of the line.
    chains: BTreeMap<String, BTreeMap<u64, Digests>>,
    /// The last number of each chain in the current source.
    last: BTreeMap<String, u64>,
    faults: Vec<Fault>,
}

#[derive(Debug, PartialEq, Eq)]
struct Digests {
    prev: Option<[u8; 32]>,
    own: [u8; 32],
}

impl Chains {
    /// Begins another source, such as a file: sources may be read in any order, but within one, the
    /// lines of a chain are in the order of their numbers.
    pub fn begin_source(&mut self) {
        self.last.clear();
    }

    /// Adds a line. Returns whether it is new: the same line can be in two exports.
    pub fn add(&mut self, link: Link) -> bool {
        let Link { writer, sequence, prev, digest } = link;
        let digests = Digests { prev, own: digest };
        if let Some(lines) = self.chains.get_mut(&writer) {
            match lines.get(&sequence) {
                Some(known) if *known == digests => return false,
                Some(_) => {
                    self.faults.push(Fault {
                        kind: FaultKind::Twice,
                        writer,
                        sequence,
                        missing: 0,
                    });
                    return true;
                }
                None => {}
            }
            lines.insert(sequence, digests);
            let last = self.last.entry(writer.clone()).or_insert(sequence);
            if sequence < *last {
                let kind = FaultKind::OutOfOrder;
                self.faults.push(Fault { kind, writer, sequence, missing: 0 });
            } else {
                *last = sequence;
            }
        } else {
            self.last.insert(writer.clone(), sequence);
            self.chains.insert(writer, BTreeMap::from([(sequence, digests)]));
        }
        true
    }

    /// The faults of all chains.
    ///
    /// With `whole`, a chain whose first lines are missing is a fault. Without, the log may begin in the
    /// middle of a chain.
    #[must_use]
    pub fn verify(mut self, whole: bool) -> Verified {
        let mut lines: u64 = 0;
        for (writer, chain) in &self.chains {
            let mut before: Option<(u64, &Digests)> = None;
            for (&sequence, digests) in chain {
                lines = lines.saturating_add(1);
                let expected = before.map_or(1, |(number, _)| number.saturating_add(1));
                let missing = sequence.saturating_sub(expected);
                let fault =
                    |kind, missing| Fault { kind, writer: writer.clone(), sequence, missing };
                match before {
                    _ if sequence == 0 => self.faults.push(fault(FaultKind::Changed, 0)),
                    // The log may begin here.
                    None if missing > 0 && !whole => {}
                    _ if missing > 0 => self.faults.push(fault(FaultKind::Missing, missing)),
                    _ if digests.prev != before.map(|(_, before)| before.own) => {
                        self.faults.push(fault(FaultKind::Changed, 0));
                    }
                    _ => {}
                }
                before = Some((sequence, digests));
            }
        }
        let mut faults = self.faults;
        faults
            .sort_by(|a, b| (&a.writer, a.sequence, a.kind).cmp(&(&b.writer, b.sequence, b.kind)));
        Verified { chains: self.chains.len(), lines, faults }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use sentinel_store::{AuditSink, Event, EventKind, JsonLines, Record};

    use super::*;

    fn log(lines: u32) -> Vec<String> {
        let sink = JsonLines::new(Vec::new());
        for number in 0..lines {
            let event = Event::new(EventKind::Revocation, DateTime::UNIX_EPOCH);
            let event = event.with_reason(format!("reason {number}"));
            sink.write(&Record::Event(Box::new(event))).unwrap();
        }
        let text = String::from_utf8(sink.into_inner().unwrap()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn faults(lines: &[String]) -> Vec<(FaultKind, u64)> {
        let mut chains = Chains::default();
        for line in lines {
            chains.add(Link::parse(line.as_bytes()).unwrap());
        }
        let verified = chains.verify(true);
        verified.faults.iter().map(|fault| (fault.kind, fault.sequence)).collect()
    }

    #[test]
    fn what_was_written_has_no_faults() {
        assert_eq!(faults(&log(20)), []);
        let mut two = log(5);
        two.extend(log(7));
        two.extend(two.clone());
        assert_eq!(faults(&two), []);
        let exported: Vec<_> =
            log(3).iter().map(|line| format!("2026-01-25T12:00:00.123Z {line}")).collect();
        assert_eq!(faults(&exported), []);
    }

    #[test]
    fn a_changed_line_is_noticed_at_the_next_one() {
        let mut lines = log(5);
        lines[2] = lines[2].replace("reason 2", "reason X");
        assert_eq!(faults(&lines), [(FaultKind::Changed, 4)]);
    }

    #[test]
    fn removed_lines_are_noticed_with_their_number() {
        let mut lines = log(6);
        lines.drain(1..3);
        let mut chains = Chains::default();
        for line in &lines {
            chains.add(Link::parse(line.as_bytes()).unwrap());
        }
        let faults = chains.verify(false).faults;
        assert_eq!((faults.len(), faults[0].kind, faults[0].missing), (1, FaultKind::Missing, 2));
    }

    #[test]
    fn swapped_lines_are_noticed() {
        let mut lines = log(4);
        lines.swap(1, 2);
        assert_eq!(faults(&lines), [(FaultKind::OutOfOrder, 2)]);
        // Their numbers were swapped too.
        let mut lines = log(4);
        (lines[1], lines[2]) = (
            lines[2].replace("\"sequence\":3", "\"sequence\":2"),
            lines[1].replace("\"sequence\":2", "\"sequence\":3"),
        );
        assert_eq!(faults(&lines).len(), 3);
    }

    #[test]
    fn a_line_in_place_of_another_is_noticed() {
        let mut lines = log(3);
        lines.push(lines[1].replace("reason 1", "reason X"));
        assert_eq!(faults(&lines), [(FaultKind::Twice, 2)]);
    }

    #[test]
    fn a_log_may_begin_in_the_middle_of_a_chain_unless_it_is_whole() {
        let lines = log(4).split_off(2);
        assert_eq!(faults(&lines), [(FaultKind::Missing, 3)]);
        let mut chains = Chains::default();
        for line in &lines {
            chains.add(Link::parse(line.as_bytes()).unwrap());
        }
        assert_eq!(chains.verify(false).faults, []);
    }

    #[test]
    fn what_is_not_a_digest_is_a_change() {
        let mut lines = log(3);
        let at = lines[1].find("\"prev\":\"").unwrap() + 8;
        lines[1].replace_range(at..at + 1, "x");
        assert_eq!(faults(&lines).first(), Some(&(FaultKind::Changed, 2)));
    }
}
