//! Decoders on arbitrary bytes: every call ends and makes progress, and how the bytes are cut changes
//! nothing.

use lode_core::Status;
use lode_core::compress::{CompressStream, Compressor, DecompressStream};

/// A few bytes may stand for gigabytes: no more than this is decoded.
const MOST_DECODED: usize = 8 << 20;

/// The outcome of decoding a file: its bytes, and how it ended.
#[derive(Debug, PartialEq)]
struct Decoded {
    bytes: Vec<u8>,
    end: Result<(), Status>,
}

/// Decodes `input`, handed over in pieces of `piece` bytes into room for `room` bytes.
fn decode(compressor: Compressor, input: &[u8], piece: usize, room: usize) -> Decoded {
    let mut stream = DecompressStream::new(compressor).unwrap();
    let mut bytes = Vec::new();
    let mut output = vec![0; room];
    for piece in input.chunks(piece) {
        let mut rest = piece;
        loop {
            let done = match stream.decompress(rest, &mut output) {
                Ok(done) => done,
                Err(error) => return Decoded { bytes, end: Err(error.status()) },
            };
            bytes.extend_from_slice(&output[..done.produced]);
            rest = &rest[done.consumed..];
            if bytes.len() > MOST_DECODED {
                return Decoded { bytes, end: Ok(()) };
            }
            if rest.is_empty() && done.produced < room {
                break;
            }
            assert!(done.consumed > 0 || done.produced > 0, "stuck with {} bytes of input left", rest.len());
        }
    }
    Decoded { bytes, end: stream.finish().map_err(|error| error.status()) }
}

/// The check of one input; its first two bytes say how it is cut.
pub fn check(compressor: Compressor, data: &[u8]) {
    let Some((cuts, input)) = data.split_first_chunk::<2>() else { return };
    let whole = decode(compressor, input, input.len().max(1), 64 << 10);
    let piece = usize::from(cuts[0]) + 1;
    let room = usize::from(cuts[1]) * 16 + 1;
    let cut = decode(compressor, input, piece, room);
    // What a broken file gives before its fault is found depends on the room; where both stop early, on the
    // limit.
    if whole.bytes.len() <= MOST_DECODED && cut.bytes.len() <= MOST_DECODED {
        assert_eq!(whole.end, cut.end, "cut into {piece}, with room for {room}");
        let common = whole.bytes.len().min(cut.bytes.len());
        assert_eq!(whole.bytes[..common], cut.bytes[..common], "cut into {piece}, with room for {room}");
        if whole.end.is_ok() {
            assert_eq!(whole.bytes.len(), cut.bytes.len(), "cut into {piece}, with room for {room}");
        }
    }

    // Compressors are slow to set up: only every fourth input is compressed.
    if cuts[0] & 3 != 3 {
        return;
    }
    let Some(mut stream) = CompressStream::new(compressor, 0).unwrap() else { return };
    let mut stored = Vec::new();
    for piece in input.chunks(piece) {
        stream.write(piece, &mut stored).unwrap();
    }
    stream.finish(&mut stored).unwrap();
    let back = decode(compressor, &stored, piece, room);
    assert_eq!(back, Decoded { bytes: input.to_vec(), end: Ok(()) });
}
