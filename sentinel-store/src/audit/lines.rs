//! Records as lines of JSON.

use std::{
    fmt,
    io::{self, Write},
    sync::Mutex,
};

use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::ser::Formatter;
use sha2::{Digest, Sha256};

use super::{AuditError, AuditSink, Record};

/// Writes each record as one line of JSON. A line is one call of the writer if the writer
/// accepts it whole, is never mixed with another record, and is flushed before the write
/// is reported as successful.
///
/// The lines of decisions and events form a chain. Each ends with the members `writer`, the random id of
/// the chain; `sequence`, the number of the line in the chain, from 1; and `prev`, the SHA-256 in
/// hexadecimal of the line before without its line feed, or null for the first line. So a reader of the
/// log notices a line that was changed, moved, or removed from the middle of a chain. `docs/audit.md`
/// states what it does not notice.
///
/// After a write that failed, it is unknown what the log contains of the line: the next record starts a
/// new line and a new chain. After a panic of the writer, every write is an error.
///
/// ```
/// use chrono::DateTime;
/// use sentinel_store::{AuditSink, JsonLines, Metrics, Record};
///
/// let sink = JsonLines::new(std::io::stderr());
/// let timestamp = DateTime::from_timestamp(1_769_342_400, 0).ok_or("out of range")?;
/// sink.write(&Record::Metrics(Metrics::new(timestamp, vec![("Requests", 1)])))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JsonLines<W>(Mutex<Out<W>>);

struct Out<W> {
    writer: W,
    /// Whether the last write ended in the middle of a line.
    torn: bool,
    /// `None` before the first record, and after a write that failed.
    chain: Option<Chain>,
}

/// The chain of the lines that were written.
struct Chain {
    writer: String,
    /// The sequence number of the last line.
    sequence: u64,
    /// The digest of the last line.
    prev: Option<[u8; 32]>,
}

/// The last members of a line.
#[derive(Serialize)]
struct Link<'a> {
    writer: &'a str,
    sequence: u64,
    prev: Option<String>,
}

impl Chain {
    fn start() -> io::Result<Self> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        Ok(Self { writer: HEXLOWER.encode(&id), sequence: 0, prev: None })
    }

    /// Adds the members of the next link to a line that is a JSON object with at least one member.
    fn link(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        self.sequence = self.sequence.saturating_add(1);
        let prev = self.prev.map(|digest| HEXLOWER.encode(&digest));
        let link = Link { writer: &self.writer, sequence: self.sequence, prev };
        line.pop();
        let end = line.len();
        serde_json::to_writer(&mut *line, &link)?;
        if let Some(brace) = line.get_mut(end) {
            *brace = b',';
        }
        self.prev = Some(Sha256::digest(&*line).into());
        Ok(())
    }
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to a writer.
    pub const fn new(writer: W) -> Self {
        Self(Mutex::new(Out { writer, torn: false, chain: None }))
    }

    /// The writer.
    ///
    /// # Errors
    /// If it has panicked.
    pub fn into_inner(self) -> Result<W, AuditError> {
        let out = self.0.into_inner().map_err(|_| AuditError::new("the writer has panicked"))?;
        Ok(out.writer)
    }
}

impl<W: Write> Out<W> {
    /// Writes a line of the chain.
    fn write_linked(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        // If this line is not written, the chain has ended.
        let mut chain = self.chain.take().map_or_else(Chain::start, Ok)?;
        chain.link(&mut line)?;
        self.write_line(line)?;
        self.chain = Some(chain);
        Ok(())
    }

    fn write_line(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        if self.torn {
            line.insert(0, b'\n');
        }
        self.write(&line)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let mut rest = line;
        while !rest.is_empty() {
            match self.writer.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.writer.flush()
    }
}

impl<W: Write + Send> AuditSink for JsonLines<W> {
    fn write(&self, record: &Record) -> Result<(), AuditError> {
        let mut line = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut line, OneLine);
        record.serialize(&mut serializer).map_err(AuditError::new)?;
        let mut out = self.0.lock().map_err(|_| AuditError::new("the writer has panicked"))?;
        match record {
            Record::Decision(_) | Record::Event(_) => out.write_linked(line),
            Record::Metrics(_) => out.write_line(line),
        }
        .map_err(AuditError::new)
    }
}

/// Escapes the line separators that JSON allows in strings: some readers end a line at them, so that
/// text of a caller could look like a record.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for part in fragment.split_inclusive(is_line_separator) {
            match part.char_indices().next_back().filter(|(_, last)| is_line_separator(*last)) {
                Some((before, separator)) => {
                    writer.write_all(part.get(..before).unwrap_or_default().as_bytes())?;
                    write!(writer, "\\u{:04x}", u32::from(separator))?;
                }
                None => writer.write_all(part.as_bytes())?,
            }
        }
        Ok(())
    }
}

const fn is_line_separator(char: char) -> bool {
    matches!(char, '\u{85}' | '\u{2028}' | '\u{2029}')
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
    };

    use chrono::DateTime;

    use super::*;
    use crate::Metrics;

    #[test]
    fn text_of_a_caller_does_not_end_a_line_for_any_reader() {
        let out = Scripted::default();
        let text = "a\u{2028}{\"effect\":\"allow\"}\u{85}\u{2029}\r\nz";
        let event = crate::Event::new(crate::EventKind::Revocation, DateTime::UNIX_EPOCH);
        let event = event.with_reason(text.to_owned());
        JsonLines::new(out.clone()).write(&Record::Event(Box::new(event))).unwrap();
        let line = String::from_utf8(out.0.lock().unwrap().out.clone()).unwrap();
        assert!(
            !line.trim_end_matches('\n').contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        );
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["reason"], text);
    }

    /// What the writer does in one call.
    #[derive(Clone, Copy)]
    enum Step {
        Take(usize),
        Fail(io::ErrorKind),
        Panic,
    }

    #[derive(Default)]
    struct Script {
        /// In reverse order. After the last step, the writer accepts everything.
        steps: Vec<Step>,
        calls: usize,
        flushes: usize,
        flush_fails: bool,
        out: Vec<u8>,
    }

    #[derive(Clone, Default)]
    struct Scripted(Arc<Mutex<Script>>);

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut script = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            script.calls += 1;
            let count = match script.steps.pop() {
                None => bytes.len(),
                Some(Step::Take(count)) => count.min(bytes.len()),
                Some(Step::Fail(kind)) => return Err(kind.into()),
                Some(Step::Panic) => panic!("injected"),
            };
            script.out.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            let mut script = self.0.lock().unwrap();
            script.flushes += 1;
            if script.flush_fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    fn sink(steps: &[Step]) -> (JsonLines<Scripted>, Scripted) {
        let writer = Scripted::default();
        writer.0.lock().unwrap().steps = steps.iter().rev().copied().collect();
        (JsonLines::new(writer.clone()), writer)
    }

    fn record(vends: u64) -> Record {
        let timestamp = DateTime::from_timestamp(1_769_342_400, 0).unwrap();
        Record::Metrics(Metrics::new(timestamp, vec![("Vends", vends)]))
    }

    fn line(vends: u64) -> String {
        serde_json::to_string(&record(vends)).unwrap() + "\n"
    }

    fn text(writer: &Scripted) -> String {
        let script = writer.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8(script.out.clone()).unwrap()
    }

    #[test]
    fn a_record_is_one_call_and_one_flush() {
        let (sink, writer) = sink(&[]);
        sink.write(&record(1)).unwrap();
        sink.write(&record(2)).unwrap();
        assert_eq!(text(&writer), line(1) + &line(2));
        let script = writer.0.lock().unwrap();
        assert_eq!((script.calls, script.flushes), (2, 2));
    }

    #[test]
    fn a_writer_that_accepts_few_bytes_gets_the_whole_line() {
        let (sink, writer) =
            sink(&[Step::Take(1), Step::Fail(io::ErrorKind::Interrupted), Step::Take(7)]);
        sink.write(&record(1)).unwrap();
        assert_eq!(text(&writer), line(1));
    }

    #[test]
    fn a_failing_writer_is_an_error() {
        for steps in [&[Step::Fail(io::ErrorKind::BrokenPipe)][..], &[Step::Take(0)]] {
            let (sink, writer) = sink(steps);
            assert!(sink.write(&record(1)).is_err());
            assert_eq!(text(&writer), "");
        }
    }

    #[test]
    fn a_failing_flush_is_an_error() {
        let (sink, writer) = sink(&[]);
        writer.0.lock().unwrap().flush_fails = true;
        assert!(sink.write(&record(1)).is_err());
    }

    #[test]
    fn a_torn_line_does_not_spoil_the_next_record() {
        let (sink, writer) = sink(&[Step::Take(5), Step::Fail(io::ErrorKind::StorageFull)]);
        assert!(sink.write(&record(1)).is_err());
        sink.write(&record(2)).unwrap();
        sink.write(&record(3)).unwrap();
        assert_eq!(text(&writer), format!("{:.5}\n{}{}", line(1), line(2), line(3)));
    }

    #[test]
    fn a_write_after_a_panic_of_the_writer_is_an_error() {
        let (sink, writer) = sink(&[Step::Panic]);
        assert!(catch_unwind(AssertUnwindSafe(|| sink.write(&record(1)))).is_err());
        assert!(sink.write(&record(2)).is_err());
        assert_eq!(text(&writer), "");
    }

    fn event(reason: &str) -> Record {
        let event = crate::Event::new(crate::EventKind::Revocation, DateTime::UNIX_EPOCH);
        Record::Event(Box::new(event.with_reason(reason.to_owned())))
    }

    /// The writer, the sequence number and the digest of the line before.
    fn links(text: &str) -> Vec<(String, u64, Option<String>)> {
        let linked = text.lines().filter(|line| !line.is_empty() && !line.contains("_aws"));
        let read = linked.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        read.map(|line| {
            let writer = line["writer"].as_str().unwrap().to_owned();
            let prev = line["prev"].as_str().map(str::to_owned);
            (writer, line["sequence"].as_u64().unwrap(), prev)
        })
        .collect()
    }

    #[test]
    fn each_line_names_the_digest_of_the_line_before() {
        let (sink, writer) = sink(&[]);
        sink.write(&event("first")).unwrap();
        // Metrics are not part of the chain.
        sink.write(&record(1)).unwrap();
        sink.write(&event("second\n}")).unwrap();
        sink.write(&event("third")).unwrap();
        let text = text(&writer);
        let linked: Vec<_> = text.lines().filter(|line| !line.contains("_aws")).collect();
        let digest = |line: &str| Some(HEXLOWER.encode(&Sha256::digest(line)));
        let links = links(&text);
        assert_eq!(
            links.iter().map(|(_, sequence, prev)| (*sequence, prev.clone())).collect::<Vec<_>>(),
            [(1, None), (2, digest(linked[0])), (3, digest(linked[1]))]
        );
        assert!(links.iter().all(|(id, ..)| *id == links[0].0 && id.len() == 16));
        assert_eq!(text.matches("\"writer\"").count(), 3);
    }

    #[test]
    fn a_line_whose_write_failed_ends_the_chain() {
        for steps in [&[Step::Take(usize::MAX)][..], &[Step::Take(usize::MAX), Step::Take(5)]] {
            let steps: Vec<_> =
                steps.iter().copied().chain([Step::Fail(io::ErrorKind::StorageFull)]).collect();
            let (sink, writer) = sink(&steps);
            sink.write(&event("first")).unwrap();
            assert!(sink.write(&event("second")).is_err());
            sink.write(&event("third")).unwrap();
            sink.write(&event("fourth")).unwrap();
            let text = text(&writer);
            let whole: Vec<_> = text.lines().filter(|line| line.ends_with('}')).collect();
            let links = links(&whole.join("\n"));
            assert_eq!(links.iter().map(|link| link.1).collect::<Vec<_>>(), [1, 1, 2]);
            assert_ne!(links[0].0, links[1].0);
        }
    }

    #[test]
    fn concurrent_records_do_not_mix() {
        let (sink, writer) = sink(&[]);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let sink = &sink;
                scope.spawn(move || {
                    for n in 0..100 {
                        sink.write(&record(thread * 100 + n)).unwrap();
                    }
                });
            }
        });
        let text = text(&writer);
        let mut lines: Vec<_> = text.lines().map(|line| line.to_owned() + "\n").collect();
        lines.sort();
        let mut expected: Vec<_> = (0..800).map(line).collect();
        expected.sort();
        assert_eq!(lines, expected);
    }
}
