//! The output streams of a server, whose readers may stop reading. A thread for
//! each stream writes, and a caller waits for it for a limited time only.
//!
//! A pipe that no process drains accepts about 64 KiB, and then blocks its writer
//! indefinitely. Records must be written before responses are sent, so these
//! responses then become errors. The server itself must not hang.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Maximum time that a write may take. A response that waits for it is still sent
/// within the deadline of its request.
const WITHIN: Duration = Duration::from_secs(2);

/// An output stream. Clones share it, and their writes are serialized.
#[derive(Clone, Debug)]
pub(crate) struct BoundedWriter(Arc<Mutex<Line>>);

/// The channel to the thread that writes.
#[derive(Debug)]
struct Line {
    /// Contains one text at most: the next text is accepted only after the previous
    /// one was written.
    texts: SyncSender<Vec<u8>>,
    written: Receiver<io::Result<()>>,
    within: Duration,
    /// Whether a caller has stopped waiting for the text that was sent to the
    /// thread.
    stuck: bool,
}

impl BoundedWriter {
    /// Standard output.
    pub(crate) fn stdout() -> io::Result<Self> {
        Self::of(io::stdout())
    }

    /// Standard error.
    pub(crate) fn stderr() -> io::Result<Self> {
        Self::of(io::stderr())
    }

    /// Starts the thread. It has a separate descriptor, so that neither the buffer
    /// of the standard library nor its lock delays the end of the process.
    fn of(stream: impl AsFd) -> io::Result<Self> {
        Self::over(File::from(stream.as_fd().try_clone_to_owned()?), WITHIN)
    }

    fn over(mut writer: impl Write + Send + 'static, within: Duration) -> io::Result<Self> {
        let (texts, to_write) = sync_channel::<Vec<u8>>(1);
        let (results, written) = sync_channel(1);
        thread::Builder::new().name("sentinel-writer".to_owned()).spawn(move || {
            for text in to_write {
                let result = writer.write_all(&text).and_then(|()| writer.flush());
                if results.send(result).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self(Arc::new(Mutex::new(Line { texts, written, within, stuck: false }))))
    }
}

impl Line {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.stuck {
            match self.written.try_recv() {
                // The text that the caller stopped waiting for was written after
                // all, or has failed. In both cases its response was an error.
                Ok(_) => self.stuck = false,
                Err(TryRecvError::Empty) => return Err(not_read()),
                Err(TryRecvError::Disconnected) => return Err(ended()),
            }
        }
        self.texts.send(text.to_vec()).map_err(|_| ended())?;
        match self.written.recv_timeout(self.within) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                self.stuck = true;
                Err(not_read())
            }
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }
}

fn not_read() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the output is not read")
}

fn ended() -> io::Error {
    io::Error::other("the thread that writes the output has ended")
}

impl Write for BoundedWriter {
    /// Writes the complete text or fails. After a timeout, the text may still be
    /// written completely.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| ended())?.write(text)?;
        Ok(text.len())
    }

    /// Everything written so far is already on the stream.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, pipe};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_stopped_reader_costs_one_wait_and_a_resumed_reader_loses_nothing() {
        let (reader, writer) = pipe().unwrap();
        let mut out = BoundedWriter::over(writer, Duration::from_millis(200)).unwrap();
        let text = |n: usize| format!("{n:0>8191}\n").into_bytes();
        let mut acknowledged = 0;
        while out.write_all(&text(acknowledged)).is_ok() {
            acknowledged += 1;
            assert!(acknowledged < 1000, "the writer never blocks");
        }
        let started = Instant::now();
        for _ in 0..100 {
            let error = out.write_all(b"x\n").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        assert!(started.elapsed() < Duration::from_millis(150), "{:?}", started.elapsed());

        let mut lines = BufReader::new(reader).lines();
        // The text whose wait timed out was already being written.
        for n in 0..=acknowledged {
            assert_eq!(lines.next().unwrap().unwrap().parse::<usize>().unwrap(), n);
        }
        let end = Instant::now() + Duration::from_secs(10);
        while out.write_all(b"resumed\n").is_err() {
            assert!(Instant::now() < end, "the writer stays blocked");
        }
        assert_eq!(lines.next().unwrap().unwrap(), "resumed");
    }

    #[test]
    fn a_closed_reader_is_an_error_on_each_write() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut out = BoundedWriter::over(writer, Duration::from_secs(10)).unwrap();
        for _ in 0..2 {
            assert_eq!(out.write_all(b"x\n").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }
}
