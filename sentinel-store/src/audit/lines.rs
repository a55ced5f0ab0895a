//! Records as lines of JSON.

use std::{
    fmt,
    io::{self, Write},
    sync::Mutex,
};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::{AuditError, AuditSink, Record};

/// Writes each record as one line of JSON. A line is one call of the writer if the writer
/// accepts it whole, is never mixed with another record, and is flushed before the write
/// is reported as successful.
///
/// After a write that stopped in the middle of a line, the next record starts a new line.
/// After a panic of the writer, every write is an error.
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
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to a writer.
    pub const fn new(writer: W) -> Self {
        Self(Mutex::new(Out { writer, torn: false }))
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
        let mut line = vec![b'\n'];
        let mut serializer = serde_json::Serializer::with_formatter(&mut line, OneLine);
        record.serialize(&mut serializer).map_err(AuditError::new)?;
        line.push(b'\n');
        let mut out = self.0.lock().map_err(|_| AuditError::new("the writer has panicked"))?;
        let line = if out.torn { line.as_slice() } else { line.get(1..).unwrap_or_default() };
        out.write(line).map_err(AuditError::new)
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
                Some(Step::Take(count)) => count,
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
