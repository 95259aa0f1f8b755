//! Each kind of block, compared with a check of each byte.

#[cfg(target_arch = "x86_64")]
use super::sse2;
use super::{LEN, portable};

/// What every kind of block has to say of `bytes`, and of a text that they begin with or do not.
macro_rules! assert_told {
    ($module:ident, $bytes:expr) => {{
        let bytes: &[u8; LEN] = $bytes;
        let block = $module::Block::load(bytes);
        let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        assert_eq!(block.first_special(), bytes.iter().position(special), "{bytes:x?}");
        let digits = bytes.iter().rev().fold(0, |bits, byte| bits << 1 | u32::from(byte.is_ascii_digit()));
        assert_eq!(block.digits(), digits, "{bytes:x?}");
        let or = $module::Block::zero().or(block);
        assert_eq!([block, or].map(|block| block.has_non_ascii()), [!bytes.is_ascii(); 2], "{bytes:x?}");
    }};
}

#[test]
fn each_byte_is_told_from_every_other_beside_any_neighbour() {
    for byte in 0..=255_u8 {
        for neighbour in [0, 1, 0x1f, 0x20, b'"', b'#', b'/', b'0', b'9', b':', b'\\', b']', 0x7f, 0x80, 0xff]
        {
            for place in 0..LEN {
                let mut bytes = [neighbour; LEN];
                bytes[place] = byte;
                assert_told!(portable, &bytes);
                #[cfg(target_arch = "x86_64")]
                assert_told!(sse2, &bytes);
            }
        }
    }
}

macro_rules! assert_found {
    ($module:ident) => {
        for len in 0..=2 * LEN {
            let text: [u8; 2 * LEN] = std::array::from_fn(|place| 0x7e + place as u8);
            let found = $module::Text::new(&text, len);
            assert!(found.begins(&text), "{len}");
            for place in 0..2 * LEN {
                for bit in 0..8 {
                    let mut other = text;
                    other[place] ^= 1 << bit;
                    assert_eq!(found.begins(&other), place >= len, "{len}: bit {bit} of byte {place}");
                }
            }
        }
    };
}

#[test]
fn a_text_is_found_whatever_follows_it_and_nothing_else_is() {
    assert_found!(portable);
    #[cfg(target_arch = "x86_64")]
    assert_found!(sse2);
}
