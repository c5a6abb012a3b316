//! Reads the small files of `/proc` and `/sys/fs/cgroup` into one buffer that is used again and again.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Room for nearly every file of the kernel, so that one call reads it.
const ROOM: usize = 8 * 1024;
/// No file of the kernel that we read is larger, not even the mounts of a host with a thousand containers.
const LARGEST: usize = 4 * 1024 * 1024;

/// The whole of a file. The buffer grows when it must and is never shrunk.
pub(super) fn read<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
    whole(&mut File::open(path)?, buffer)
}

/// The rest of an open file. `read_to_end` would ask for the size first, which the kernel gives as 0.
pub(super) fn whole<'b>(file: &mut impl Read, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
    if buffer.len() < ROOM {
        buffer.resize(ROOM, 0);
    }
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            if filled >= LARGEST {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            buffer.resize(filled.saturating_mul(2), 0);
        }
        match file.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => return Ok(buffer.get(..filled).unwrap_or_default()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file that holds one number.
pub(super) fn read_number(path: &Path, buffer: &mut Vec<u8>) -> Option<u64> {
    number(read(path, buffer).ok()?)
}

/// A decimal number with nothing but white space around it.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// The lines of a file.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// What stands between the spaces of a line.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The number behind a key at the start of a line: `inactive_file 4096`.
pub(super) fn field(text: &[u8], key: &[u8]) -> Option<u64> {
    lines(text).find_map(|line| number_after(line, key))
}

/// The number of a line that starts with exactly this key and a space.
pub(super) fn number_after(line: &[u8], key: &[u8]) -> Option<u64> {
    number(line.strip_prefix(key)?.strip_prefix(b" ")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_in_pieces_and_outgrows_the_buffer_is_read_whole() {
        let text: Vec<u8> = (0..ROOM * 3).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
        let (first, rest) = text.split_at(10);
        let mut buffer = Vec::new();
        assert_eq!(whole(&mut first.chain(rest), &mut buffer).unwrap(), text);
        assert_eq!(
            whole(&mut &b"42\n"[..], &mut buffer).unwrap(),
            b"42\n",
            "and nothing of the last one is left"
        );
    }

    #[test]
    fn a_file_without_end_is_given_up() {
        let error = whole(&mut io::repeat(b'x'), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_key_is_matched_whole() {
        let text = b"total_inactive_file 7\ninactive_file_x 8\ninactive_file 9\n";
        assert_eq!(field(text, b"inactive_file"), Some(9));
        assert_eq!(field(text, b"active_file"), None);
        assert_eq!(number(b"12 13"), None);
        assert_eq!(number(b""), None);
    }
}
