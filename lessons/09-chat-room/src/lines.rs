use std::fmt;

/// Cuts the bytes of a stream into lines, however they come.
#[derive(Debug)]
pub struct Lines {
    /// What was pushed and not taken yet begins at `start`.
    bytes: Vec<u8>,
    start: usize,
    /// Up to here there is no `\n`.
    searched: usize,
    longest: usize,
}

/// A line is longer than it may be.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong(
    /// How long it may be, in bytes, with its `\n`.
    pub usize,
);

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a line is longer than {} bytes", self.0)
    }
}

impl Lines {
    /// For lines of at most so many bytes, the `\n` counted. It takes no memory until bytes come.
    pub fn new(longest: usize) -> Lines {
        let (bytes, start, searched) = (Vec::new(), 0, 0);
        Lines {
            bytes,
            start,
            searched,
            longest,
        }
    }

    /// Adds what a read has brought.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line, without its `\n`; `None` until it is there.
    ///
    /// # Errors
    /// The line is too long. Its end may never come, so nothing behind it can be read.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let found = self.bytes[self.searched..].iter().position(|&b| b == b'\n');
        let end = found.map_or(self.bytes.len(), |i| self.searched + i);
        // A line that has not ended needs room for its end.
        if end - self.start >= self.longest {
            return Err(TooLong(self.longest));
        }
        if found.is_none() {
            self.tidy_up();
            return Ok(None);
        }
        let line = self.start..end;
        self.start = end + 1;
        self.searched = self.start;
        Ok(Some(&self.bytes[line]))
    }

    /// What came behind the last `\n`, when nothing more will come. It is a line, too.
    pub fn rest(&mut self) -> Option<&[u8]> {
        let rest = self.start..self.bytes.len();
        self.start = rest.end;
        (!rest.is_empty()).then(|| &self.bytes[rest])
    }

    /// Forgets the lines that were taken. Who says nothing holds no memory.
    fn tidy_up(&mut self) {
        if self.start == self.bytes.len() {
            self.bytes = Vec::new();
        } else {
            self.bytes.drain(..self.start);
        }
        self.start = 0;
        self.searched = self.bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    fn cut(pieces: &[&[u8]], longest: usize) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut lines = Lines::new(longest);
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(piece);
            while let Some(line) = lines.next_line()? {
                found.push(line.to_vec());
            }
        }
        found.extend(lines.rest().map(<[u8]>::to_vec));
        Ok(found)
    }

    #[test]
    fn takes_the_longest_line_and_no_longer_one() {
        assert_eq!(
            cut(&[b"1234567\n12"], 8),
            Ok(vec![b"1234567".to_vec(), b"12".to_vec()])
        );
        assert_eq!(cut(&[b"12345678"], 8), Err(TooLong(8)));
        assert_eq!(cut(&[b"ok\n1234567", b"8\n"], 8), Err(TooLong(8)));
    }

    #[test]
    fn holds_no_memory_between_lines() {
        let mut lines = Lines::new(100);
        lines.push(b"one\ntwo\n");
        while lines.next_line().expect("they are short").is_some() {}
        assert_eq!(lines.bytes.capacity(), 0);
    }

    #[test]
    fn finds_the_lines_however_they_are_cut() {
        arbtest(|u| {
            let mut whole: Vec<Vec<u8>> = Vec::new();
            for _ in 0..u.choose_index(10)? {
                let mut line: Vec<u8> = u.arbitrary()?;
                line.retain(|&byte| byte != b'\n');
                line.truncate(20);
                whole.push(line);
            }
            let lines = whole.iter().flat_map(|line| [&line[..], b"\n"].concat());
            let bytes: Vec<u8> = lines.collect();
            let pieces: Vec<&[u8]> = bytes.chunks(u.int_in_range(1..=29)?).collect();
            assert_eq!(cut(&pieces, 100), Ok(whole));
            Ok(())
        });
    }
}
