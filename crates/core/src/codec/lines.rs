//! Lines of text: where they begin and end. Writers take records by lines, and JSON lines are read by them.

use std::ops::Range;

/// The first line of `data` that is complete (ended by `\n`) and not blank, and how many bytes it and the
/// blank lines before it take up. One `\r` before the `\n` is no part of the line; a line of nothing else
/// is blank. Without such a line the bytes of complete blank lines are still counted, so that they can be
/// dropped.
#[inline(always)]
pub fn next_line(data: &[u8]) -> (Option<Range<usize>>, usize) {
    let mut start = 0;
    while let Some(length) = memchr::memchr(b'\n', &data[start..]) {
        let line = start..start + length;
        start = line.end + 1;
        let line = without_carriage_return(data, line);
        if !line.is_empty() {
            return (Some(line), start);
        }
    }
    (None, start)
}

/// The line that `data`, the rest of a file without `\n`, holds; none if that is blank.
pub fn last_line(data: &[u8]) -> Option<Range<usize>> {
    let line = without_carriage_return(data, 0..data.len());
    (!line.is_empty()).then_some(line)
}

#[inline(always)]
fn without_carriage_return(data: &[u8], line: Range<usize>) -> Range<usize> {
    if data[line.clone()].last() == Some(&b'\r') { line.start..line.end - 1 } else { line }
}
