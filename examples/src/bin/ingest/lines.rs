//! Lines of bounded length.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: u64,
    /// The line, or its beginning if it is longer than the bound.
    pub(crate) bytes: Vec<u8>,
    /// How long the line is.
    pub(crate) length: u64,
}

impl Line {
    pub(crate) fn is_whole(&self) -> bool {
        self.length == self.bytes.len() as u64
    }
}

/// Reads lines and keeps no more than `bound` bytes of one, however long it is.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    bound: usize,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(reader: R, bound: usize) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, reader), bound, number: 0 }
    }

    /// Whether a whole line has been taken from the source and not been given out yet.
    pub(crate) fn has_line(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }

    /// The next line; `None` at the end of the input.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { number: self.number + 1, bytes: Vec::new(), length: 0 };
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() && line.length == 0 {
                return Ok(None);
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = self.bound - line.bytes.len();
            line.bytes.extend_from_slice(&part[..part.len().min(room)]);
            line.length += part.len() as u64;
            let (ended, taken) =
                (end.is_some() || buffer.is_empty(), part.len() + usize::from(end.is_some()));
            self.reader.consume(taken);
            if ended {
                self.number += 1;
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `step` bytes at a time, and an interruption before each.
    struct Trickle<'a>(&'a [u8], usize, bool);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(ErrorKind::Interrupted.into());
            }
            let part = &self.0[..self.0.len().min(self.1).min(into.len())];
            into[..part.len()].copy_from_slice(part);
            self.0 = &self.0[part.len()..];
            Ok(part.len())
        }
    }

    fn read(text: &str, step: usize, bound: usize) -> Vec<(u64, String, u64)> {
        let mut lines = Lines::new(Trickle(text.as_bytes(), step, false), bound);
        std::iter::from_fn(|| lines.next().unwrap())
            .map(|line| (line.number, String::from_utf8(line.bytes).unwrap(), line.length))
            .collect()
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        for step in 1..12 {
            let lines = read("abc\n\ndefgh\nij", step, 4);
            let expected = [
                (1, "abc".to_owned(), 3),
                (2, String::new(), 0),
                (3, "defg".to_owned(), 5),
                (4, "ij".to_owned(), 2),
            ];
            assert_eq!(lines, expected, "{step} at a time");
        }
        assert_eq!(read("", 1, 4), []);
        assert_eq!(read("\n", 1, 4), [(1, String::new(), 0)]);
    }

    #[test]
    fn an_endless_line_takes_no_more_than_its_bound() {
        let mut lines = Lines::new(io::repeat(b'x').take(50_000_000), 100);
        let line = lines.next().unwrap().unwrap();
        assert_eq!((line.bytes.len(), line.length, line.is_whole()), (100, 50_000_000, false));
        assert!(line.bytes.capacity() < 1000);
    }
}
