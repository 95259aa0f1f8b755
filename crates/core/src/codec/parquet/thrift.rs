//! Just enough of Thrift's compact protocol to look at a Parquet file's structure before its decoder
//! allocates what the structure claims.

/// Deeper structures are not read.
const DEPTH_MAX: usize = 32;

/// Bytes in Thrift's compact protocol.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Why bytes are not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// They end too early.
    Short,
    /// They are not in the protocol.
    Invalid,
}

/// The type of a field's or element's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    pub const LIST: Kind = Kind(9);
    pub const STRUCT: Kind = Kind(12);

    fn is_whole(self) -> bool {
        matches!(self.0, 4..=6)
    }
}

type Result<T> = std::result::Result<T, Stop>;

impl<'a> Thrift<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Thrift { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Stop::Invalid)
    }

    fn advance(&mut self, count: u64) -> Result<()> {
        let left = (self.bytes.len() - self.at) as u64;
        if count > left {
            return Err(Stop::Short);
        }
        self.at += count as usize;
        Ok(())
    }

    /// The next field of a struct, after field `last`; `None` at its end.
    pub fn field(&mut self, last: i16) -> Result<Option<(i16, Kind)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        let (delta, kind) = (i16::from(byte >> 4), Kind(byte & 15));
        let id = if delta == 0 {
            i16::try_from(zigzag(self.varint()?)).map_err(|_| Stop::Invalid)?
        } else {
            last.checked_add(delta).ok_or(Stop::Invalid)?
        };
        Ok(Some((id, kind)))
    }

    /// A whole number of this kind.
    pub fn whole(&mut self, kind: Kind) -> Result<i64> {
        if kind.is_whole() { Ok(zigzag(self.varint()?)) } else { Err(Stop::Invalid) }
    }

    /// The kind of a list's elements, and how many they are.
    pub fn list(&mut self, kind: Kind) -> Result<(Kind, usize)> {
        if kind != Kind::LIST {
            return Err(Stop::Invalid);
        }
        let byte = self.byte()?;
        let short = u64::from(byte >> 4);
        let size = if short == 15 { self.varint()? } else { short };
        Ok((Kind(byte & 15), usize::try_from(size).map_err(|_| Stop::Invalid)?))
    }

    /// Steps over a value.
    pub fn skip(&mut self, kind: Kind) -> Result<()> {
        self.skip_at(kind, 0)
    }

    fn skip_at(&mut self, kind: Kind, depth: usize) -> Result<()> {
        if depth == DEPTH_MAX {
            return Err(Stop::Invalid);
        }
        match kind.0 {
            // True and false are their field's kind.
            1 | 2 => Ok(()),
            3 => self.advance(1),
            4..=6 => self.varint().map(drop),
            7 => self.advance(8),
            8 => {
                let len = self.varint()?;
                self.advance(len)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let size = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
                for _ in 0..size {
                    self.skip_element(Kind(byte & 15), depth)?;
                }
                Ok(())
            }
            11 => {
                let size = self.varint()?;
                if size == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                for _ in 0..size {
                    self.skip_element(Kind(kinds >> 4), depth)?;
                    self.skip_element(Kind(kinds & 15), depth)?;
                }
                Ok(())
            }
            12 => {
                let mut last = 0;
                while let Some((id, kind)) = self.field(last)? {
                    self.skip_at(kind, depth + 1)?;
                    last = id;
                }
                Ok(())
            }
            _ => Err(Stop::Invalid),
        }
    }

    /// Booleans in containers have a byte of their own.
    fn skip_element(&mut self, kind: Kind, depth: usize) -> Result<()> {
        match kind.0 {
            1 | 2 => self.advance(1),
            _ => self.skip_at(kind, depth + 1),
        }
    }
}

fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_everything_else_is_stepped_over() {
        // 1: i32 7; 2: binary "ab"; 3: list of two bools; 4: struct { 1: double }; 5: map of i8 to i16; 25:
        // i64 -1.
        let mut bytes = vec![0x15, 14, 0x18, 2, b'a', b'b', 0x19, 0x21, 1, 2];
        bytes.extend([0x1c, 0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1b, 1, 0x34, 9, 8, 0x06, 50, 1, 0]);
        let mut thrift = Thrift::new(&bytes);
        let mut found = Vec::new();
        let mut last = 0;
        while let Some((id, kind)) = thrift.field(last).unwrap() {
            last = id;
            match id {
                1 | 25 => found.push((id, thrift.whole(kind).unwrap())),
                _ => thrift.skip(kind).unwrap(),
            }
        }
        assert_eq!(found, [(1, 7), (25, -1)]);
        assert_eq!(thrift.position(), bytes.len());
        for end in 0..bytes.len() {
            let mut cut = Thrift::new(&bytes[..end]);
            assert_eq!(cut.skip(Kind::STRUCT), Err(Stop::Short), "{end}");
        }
    }

    #[test]
    fn nesting_sizes_and_kinds_that_cannot_be_end_the_reading() {
        assert_eq!(Thrift::new(&[0x1c; 100]).skip(Kind::STRUCT), Err(Stop::Invalid), "nested too deep");
        assert_eq!(Thrift::new(&[0x1f, 0]).skip(Kind::STRUCT), Err(Stop::Invalid), "an unknown kind");
        assert_eq!(
            Thrift::new(&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
                .skip(Kind::STRUCT),
            Err(Stop::Invalid)
        );
        assert_eq!(
            Thrift::new(&[0x18, 0xff, 0xff, 0xff, 0x7f, 1]).skip(Kind::STRUCT),
            Err(Stop::Short),
            "a huge text"
        );
    }
}
