//! Rows of a CSV file, each with the line that an editor shows for it.

use std::ops::Range;

use super::{Fault, fault, to_u64};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The rows below a header.
pub(super) struct Rows<'a> {
    reader: csv::Reader<&'a [u8]>,
    /// Without its mark.
    text: &'a [u8],
    /// Bytes of the mark.
    skipped: usize,
    /// Where the header ends.
    header: usize,
    /// The last row's line, and where it begins.
    line: u64,
    begins: usize,
}

impl<'a> Rows<'a> {
    /// The rows of a file, and its header.
    pub(super) fn of(bytes: &'a [u8]) -> Result<(Self, csv::ByteRecord), Fault> {
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text);
        let mut rows = Self {
            reader,
            text,
            skipped: bytes.len() - text.len(),
            header: 0,
            line: 1,
            begins: 0,
        };
        let header = rows.reader.byte_headers();
        let header = header.map_err(|error| unreadable(&error, 1))?.clone();
        rows.header = rows.place();
        Ok((rows, header))
    }

    /// The bytes of the header.
    pub(super) fn header(&self) -> Range<usize> {
        self.skipped..self.header
    }

    /// Reads the next row: its line and its bytes. None after the last one.
    pub(super) fn next(
        &mut self,
        record: &mut csv::ByteRecord,
    ) -> Option<Result<(u64, Range<usize>), Fault>> {
        let begin = self.place();
        let read = self.reader.read_byte_record(record);
        let at = begin..self.place();
        let line = self.line_of(begin - self.skipped);
        match read {
            Ok(true) => Some(Ok((line, at))),
            Ok(false) => None,
            Err(error) => Some(Err(Fault {
                at,
                ..unreadable(&error, line)
            })),
        }
    }

    fn place(&self) -> usize {
        let byte = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        byte.min(self.text.len()) + self.skipped
    }

    /// The line of the row that begins at a byte, or behind empty lines there. A line ends with `\n`,
    /// `\r\n` or `\r` alone, as the reader takes it; its own count knows `\n` only.
    fn line_of(&mut self, from: usize) -> u64 {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let empty = self.text.get(from..).unwrap_or_default().iter();
        let begins = from + empty.take_while(|byte| is_end(byte)).count();
        let ends = (self.begins..begins).filter(|at| {
            let pair = self.text.get(*at..).unwrap_or_default();
            pair.first().is_some_and(is_end) && !pair.starts_with(b"\r\n")
        });
        self.line += to_u64(ends.count());
        self.begins = begins;
        self.line
    }
}

/// Whether a row has a value for each column.
pub(super) fn width(record: &csv::ByteRecord, width: usize, line: u64) -> Result<(), Fault> {
    if record.len() == width {
        return Ok(());
    }
    let why = format!("{} values where the header has {width}", record.len());
    let help = "quote values that hold a comma: \"a,b\"";
    Err(fault(line, "", why, help))
}

fn unreadable(error: &csv::Error, line: u64) -> Fault {
    let help = "check the file's quotes and commas";
    fault(line, "", error.to_string(), help)
}
