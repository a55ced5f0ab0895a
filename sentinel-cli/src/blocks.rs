//! The lines of an input, in blocks of whole lines.

use std::io::{self, Read};
use std::mem;

use memchr::{memchr, memchr_iter, memrchr};

/// Maximum length of a line that is evaluated, in bytes. The rest of a longer one is skipped.
pub(crate) const MAX_LINE: usize = 1024 * 1024;
/// What is read at a time, in bytes.
const READ: usize = 256 * 1024;

/// Whole lines.
#[derive(Debug)]
pub(crate) struct Block {
    /// The number of the first line. The first line of the input is line 1.
    pub(crate) first: u64,
    /// The lines, with their ends. The last line of the input may have none. Of a line that is
    /// longer than [`MAX_LINE`], one byte more than that is kept.
    pub(crate) lines: Vec<u8>,
}

impl Block {
    /// The lines, without their ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.lines.as_slice();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            Some(line)
        })
    }
}

/// The blocks of an input.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    input: R,
    /// The beginning of the next line.
    begun: Vec<u8>,
    /// The number of the next line.
    number: u64,
}

impl<R: Read> Blocks<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, begun: Vec::new(), number: 1 }
    }

    /// The next block. `None` at the end of the input.
    pub(crate) fn next(&mut self) -> io::Result<Option<Block>> {
        let mut lines = mem::take(&mut self.begun);
        // What was read last, in which there can be ends of lines.
        let mut last = 0;
        loop {
            if let Some(end) = memrchr(b'\n', lines.get(last..).unwrap_or_default()) {
                self.begun = lines.split_off(last + end + 1);
                break;
            }
            if lines.len() > MAX_LINE {
                lines.truncate(MAX_LINE + 1);
                self.skip_line()?;
                break;
            }
            last = lines.len();
            if self.read(&mut lines)? == 0 {
                break;
            }
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let first = self.number;
        let ends = memchr_iter(b'\n', &lines).count() + usize::from(!lines.ends_with(b"\n"));
        self.number += u64::try_from(ends).unwrap_or(u64::MAX);
        Ok(Some(Block { first, lines }))
    }

    /// Appends what can be read at a time, and returns its length: 0 at the end of the input.
    fn read(&mut self, lines: &mut Vec<u8>) -> io::Result<usize> {
        let before = lines.len();
        lines.resize(before + READ, 0);
        let read = loop {
            match self.input.read(lines.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        lines.truncate(before + read.as_ref().map_or(0, |length| *length));
        read
    }

    /// Skips the rest of the current line. What follows it is the beginning of the next one.
    fn skip_line(&mut self) -> io::Result<()> {
        let mut read = Vec::new();
        while self.read(&mut read)? > 0 {
            if let Some(end) = memchr(b'\n', &read) {
                self.begun = read.split_off(end + 1);
                break;
            }
            read.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An input that is read in pieces of these lengths.
    struct Pieces<'a>(&'a [u8], Vec<usize>);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(length) = self.1.pop() else { return self.0.read(buffer) };
            let length = length.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn read(text: &[u8], pieces: Vec<usize>) -> Vec<(u64, Vec<u8>)> {
        let mut blocks = Blocks::new(Pieces(text, pieces));
        let mut all = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            all.extend((block.first..).zip(block.lines().map(<[u8]>::to_vec)));
        }
        all
    }

    /// Every line of the text, of which at most one byte too many is kept.
    fn expected(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        lines.pop_if(|last| last.is_empty());
        let kept = |line: &[u8]| line[..line.len().min(MAX_LINE + 1)].to_vec();
        (1..).zip(lines.into_iter().map(kept)).collect()
    }

    proptest! {
        #[test]
        fn every_line_is_read_once_with_its_number(
            text in "[a\n]{0,40}",
            pieces in prop::collection::vec(1..9_usize, 0..40),
        ) {
            prop_assert_eq!(read(text.as_bytes(), pieces), expected(text.as_bytes()));
        }
    }

    #[test]
    fn a_line_after_one_that_is_too_long_is_read_whole() {
        let (long, whole) = ("x".repeat(MAX_LINE + 2), "y".repeat(MAX_LINE));
        let text = format!("{long}\nz\n{whole}\n{long}\n{whole}");
        for piece in [700, 1_400, 65_536, usize::MAX] {
            let pieces = vec![piece; text.len() / piece + 1];
            let lines = read(text.as_bytes(), pieces).into_iter().map(|(number, mut line)| {
                line.truncate(MAX_LINE + 1);
                (number, line)
            });
            assert!(lines.eq(expected(text.as_bytes())), "pieces of {piece} bytes");
        }
    }

    #[test]
    fn of_a_line_that_is_too_long_the_beginning_is_kept() {
        for length in [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, MAX_LINE + 2, 3 * MAX_LINE] {
            let long = "x".repeat(length);
            for text in [format!("a\n{long}\nb\n"), format!("{long}\n\nb"), long] {
                // A line that is kept whole may be longer than the maximum if it ends in the same block.
                let lines = read(text.as_bytes(), Vec::new());
                let cut = lines.into_iter().map(|(number, mut line)| {
                    line.truncate(MAX_LINE + 1);
                    (number, line)
                });
                assert_eq!(cut.collect::<Vec<_>>(), expected(text.as_bytes()), "{length}");
            }
        }
    }
}
