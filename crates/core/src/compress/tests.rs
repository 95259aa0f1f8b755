//! Compressing and decompressing in pieces; files that are not valid; how much stack it takes.

use super::{CompressStream, Compressor, DecompressStream};
use crate::error::{Error, Result, Status};

const ALL: [(Compressor, &[i32]); 2] =
    [(Compressor::Gzip, &[0, 1, 6, 9]), (Compressor::Zstd, &[0, -5, 1, 3, 4, 5, 9, 19])];

fn compress_stream(compressor: Compressor, level: i32) -> CompressStream {
    CompressStream::new(compressor, level).unwrap().expect("there is a compressor")
}

/// Some compressible text, some noise.
fn sample(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut data = Vec::with_capacity(length + 100);
    while data.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        data.extend_from_slice(format!(r#"{{"id":{},"name":"n{}"}}"#, data.len(), state >> 50).as_bytes());
        if state >> 60 == 0 {
            data.extend_from_slice(&state.to_le_bytes());
        }
    }
    data.truncate(length);
    data
}

fn compress(compressor: Compressor, level: i32, data: &[u8], piece: usize) -> Vec<u8> {
    let mut stored = Vec::new();
    let mut stream = compress_stream(compressor, level);
    for piece in data.chunks(piece) {
        stream.write(piece, &mut stored).unwrap();
    }
    stream.finish(&mut stored).unwrap();
    stored
}

fn decompress(compressor: Compressor, stored: &[u8], piece: usize, room: usize) -> Result<Vec<u8>> {
    let mut stream = DecompressStream::new(compressor)?;
    let mut data = Vec::new();
    let mut output = vec![0; room];
    for piece in stored.chunks(piece) {
        let mut rest = piece;
        loop {
            let done = stream.decompress(rest, &mut output)?;
            data.extend_from_slice(&output[..done.produced]);
            rest = &rest[done.consumed..];
            if rest.is_empty() && done.produced < output.len() {
                break;
            }
            assert!(done.consumed + done.produced > 0, "no progress");
        }
    }
    stream.finish()?;
    Ok(data)
}

fn refused(compressor: Compressor, stored: &[u8]) -> Error {
    let whole = decompress(compressor, stored, usize::MAX, 1000).unwrap_err();
    let bytewise = decompress(compressor, stored, 1, 7).unwrap_err();
    assert_eq!(whole.status(), bytewise.status());
    whole
}

#[test]
fn what_goes_in_comes_out_however_it_is_cut() {
    for (compressor, levels) in ALL {
        for level in levels {
            for length in [0, 1, 1000, 200_000] {
                let data = sample(length);
                for piece in [1000, 70_001, usize::MAX] {
                    let stored = compress(compressor, *level, &data, piece);
                    for (piece, room) in [(usize::MAX, 1 << 16), (1000, 333), (77, 100_000)] {
                        let back = decompress(compressor, &stored, piece, room).unwrap();
                        assert!(back == data, "{compressor:?} {level}, {length} bytes");
                    }
                }
            }
        }
        let stored = compress(compressor, 0, &sample(300), 1);
        assert_eq!(decompress(compressor, &stored, 1, 1).unwrap(), sample(300), "{compressor:?} bytewise");
    }
}

#[test]
fn without_a_compressor_there_is_nothing_to_be_done() {
    assert!(CompressStream::new(Compressor::None, 0).unwrap().is_none());
    assert_eq!(decompress(Compressor::None, b"as it is", 3, 2).unwrap(), b"as it is");
}

/// How often a zstd frame begins in `stored`, found by stepping over its blocks.
fn frames(stored: &[u8]) -> usize {
    let (mut rest, mut count) = (stored, 0);
    while !rest.is_empty() {
        rest = &rest[zstd::zstd_safe::find_frame_compressed_size(rest).unwrap()..];
        count += 1;
    }
    count
}

#[test]
fn fast_levels_of_zstd_make_a_frame_of_each_piece_and_split_what_is_far_too_long() {
    let frame = compress_stream(Compressor::Zstd, 0).piece();
    let data = sample(3 * frame + 5);
    for level in [0, 1, 3, 4, -1] {
        for (length, most, count) in [
            (0, 1, 1),
            (1, 1, 1),
            (3000, 1000, 3),
            (frame + 1000, frame * 2, 1),
            (3 * frame + 5, usize::MAX, 3),
        ] {
            let stored = compress(Compressor::Zstd, level, &data[..length], most);
            assert_eq!(frames(&stored), count, "{length} bytes by {most}, level {level}");
            let size = zstd::zstd_safe::get_frame_content_size(&stored).unwrap().unwrap();
            assert_eq!(
                size as usize,
                if count == 3 { data[..length].len().min(most).min(frame) } else { length }
            );
            assert!(decompress(Compressor::Zstd, &stored, usize::MAX, 1 << 20).unwrap() == data[..length]);
        }
    }
    // The others are for the smallest file: one frame, which knows all that came before.
    assert_eq!(frames(&compress(Compressor::Zstd, 5, &data[..frame], 100_000)), 1);
}

#[test]
fn what_comes_of_a_piece_is_never_more_than_was_foretold() {
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(5 << 20)
    .collect();
    for (compressor, levels) in ALL {
        for level in levels {
            let stream = compress_stream(compressor, *level);
            let piece = stream.piece();
            let stored = compress(compressor, *level, &noise[..piece], piece);
            assert!(stored.len() <= stream.most(piece), "{compressor:?} {level}: {}", stored.len());
        }
    }
}

#[test]
fn an_empty_stream_becomes_an_empty_member_or_frame() {
    assert_eq!(compress(Compressor::Gzip, 0, b"", 1)[..3], [0x1f, 0x8b, 8]);
    assert_eq!(compress(Compressor::Zstd, 0, b"", 1)[..4], [0x28, 0xb5, 0x2f, 0xfd]);
}

#[test]
fn several_members_or_frames_are_all_read() {
    for compressor in [Compressor::Gzip, Compressor::Zstd] {
        let parts = [&b"first "[..], b"", b"second ", &sample(5000), b""];
        let stored: Vec<u8> = parts.iter().flat_map(|part| compress(compressor, 0, part, 100)).collect();
        for (piece, room) in [(usize::MAX, 1 << 16), (1, 1), (1, 10_000), (100, 6)] {
            assert_eq!(
                decompress(compressor, &stored, piece, room).unwrap(),
                parts.concat(),
                "{compressor:?}"
            );
        }
    }
    let skippable =
        [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &compress(Compressor::Zstd, 0, b"data", 9)];
    assert_eq!(decompress(Compressor::Zstd, &skippable.concat(), 1, 100).unwrap(), b"data");
}

#[test]
fn a_file_cut_short_is_corrupt() {
    for compressor in [Compressor::Gzip, Compressor::Zstd] {
        let stored = compress(compressor, 0, &sample(300), 300);
        for length in 1..stored.len() {
            let error = decompress(compressor, &stored[..length], usize::MAX, 1000).unwrap_err();
            assert_eq!(error.status(), Status::Corrupt, "{compressor:?}, {length} bytes: {error}");
        }
    }
    assert_eq!(refused(Compressor::Gzip, b"").status(), Status::Corrupt);
    assert_eq!(decompress(Compressor::Zstd, b"", 1, 1).unwrap(), b"");
}

#[test]
fn what_is_no_member_or_frame_is_corrupt() {
    for compressor in [Compressor::Gzip, Compressor::Zstd] {
        let stored = compress(compressor, 0, &sample(300), 300);
        for garbage in [&b"\0\0\0\0\0\0\0\0"[..], b"garbage", b"{\"a\":1}\n", b"\x1f"] {
            assert_eq!(refused(compressor, garbage).status(), Status::Corrupt, "{compressor:?} {garbage:?}");
            if compressor == Compressor::Gzip && garbage.iter().all(|byte| *byte == 0) {
                continue; // Padding, after a member.
            }
            let trailing = [&stored, garbage].concat();
            assert_eq!(
                refused(compressor, &trailing).status(),
                Status::Corrupt,
                "{compressor:?} {garbage:?}"
            );
        }
    }
    let mut damaged = compress(Compressor::Gzip, 0, &sample(300), 300);
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert_eq!(refused(Compressor::Gzip, &damaged).status(), Status::Corrupt);
}

/// All that comes out of `stored`, and the failure at the end.
fn until_failure(compressor: Compressor, stored: &[u8], piece: usize, room: usize) -> (Vec<u8>, Error) {
    let mut stream = DecompressStream::new(compressor).unwrap();
    let (mut data, mut output) = (Vec::new(), vec![0; room]);
    for piece in stored.chunks(piece) {
        let mut rest = piece;
        loop {
            let done = match stream.decompress(rest, &mut output) {
                Ok(done) => done,
                Err(error) => {
                    let again = stream.decompress(rest, &mut output).unwrap_err();
                    assert_eq!(
                        (again.status(), again.message()),
                        (error.status(), error.message()),
                        "it stays"
                    );
                    assert_eq!(stream.finish().unwrap_err().message(), error.message());
                    return (data, error);
                }
            };
            data.extend_from_slice(&output[..done.produced]);
            rest = &rest[done.consumed..];
            if rest.is_empty() && done.produced < output.len() {
                break;
            }
        }
    }
    let error = stream.finish().expect_err("it is damaged");
    (data, error)
}

/// A zstd frame with the checksum of its content, as other programs write it.
fn with_checksum(data: &[u8]) -> Vec<u8> {
    let mut context = zstd::zstd_safe::CCtx::create();
    context.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true)).unwrap();
    let mut stored = Vec::with_capacity(zstd::zstd_safe::compress_bound(data.len()));
    context.compress2(&mut stored, data).unwrap();
    stored
}

#[test]
fn all_that_is_whole_comes_before_a_failure_which_says_where_it_is() {
    let data = sample(500_000);
    for compressor in [Compressor::Gzip, Compressor::Zstd] {
        let part = match compressor {
            Compressor::Zstd => with_checksum(&data),
            _ => compress(compressor, 0, &data, usize::MAX),
        };
        let (one, many) =
            if compressor == Compressor::Zstd { ("frame", "frames") } else { ("member", "members") };
        let mut wrong_checksum = part.clone();
        // gzip: the CRC, and the length after it; zstd: the checksum alone.
        let at = part.len() - if compressor == Compressor::Gzip { 8 } else { 4 };
        wrong_checksum[at] ^= 1;
        let three = [&part[..], &part, &part].concat();
        for (stored, whole, place, after) in [
            (wrong_checksum.clone(), 1, 0, format!("in the first {one}")),
            ([&part[..], &wrong_checksum].concat(), 2, part.len(), format!("after 1 whole {one}")),
            ([&part[..], b"garbage, at some length"].concat(), 1, part.len(), format!("after 1 whole {one}")),
            (
                [&three[..], b"garbage, at some length"].concat(),
                3,
                three.len(),
                format!("after 3 whole {many}"),
            ),
            (three[..three.len() - 1].to_vec(), 3, three.len() - 1, format!("after 2 whole {many}")),
        ] {
            for (piece, room) in
                [(usize::MAX, 4 << 20), (usize::MAX, 1 << 18), (1 << 18, 1 << 16), (1000, 777), (1, 9)]
            {
                let (found, error) = until_failure(compressor, &stored, piece, room);
                let what = format!("{compressor:?} {piece} {room}: {error}");
                assert!(
                    found == data.repeat(whole),
                    "{what}: {} of {} bytes",
                    found.len(),
                    whole * data.len()
                );
                assert_eq!(error.status(), Status::Corrupt, "{what}");
                assert!(error.message().contains(&after), "{what}");
                let told = error.message().split("at byte ").nth(1).and_then(|rest| rest.split(',').next());
                let told: usize = told.expect("it says where").parse().expect("a number");
                assert!((place..=stored.len()).contains(&told), "{what}");
            }
        }
    }
}

#[test]
fn zero_bytes_may_follow_the_last_gzip_member_and_nothing_may_follow_them() {
    let data = sample(3000);
    let part = compress(Compressor::Gzip, 0, &data, usize::MAX);
    for padding in [1, 10, 1000] {
        let stored = [&part[..], &part, &vec![0; padding]].concat();
        for (piece, room) in [(usize::MAX, 1 << 16), (1000, 77), (1, 1)] {
            assert!(
                decompress(Compressor::Gzip, &stored, piece, room).unwrap() == data.repeat(2),
                "{padding}"
            );
            for more in [&b"x"[..], &part] {
                let damaged = [&stored[..], more].concat();
                let (found, error) = until_failure(Compressor::Gzip, &damaged, piece, room);
                assert!(found == data.repeat(2));
                assert_eq!(error.status(), Status::Corrupt);
                let place = format!("at byte {}, after 2 whole members", stored.len());
                assert!(error.message().contains(&place), "{error}");
            }
        }
    }
    assert_eq!(refused(Compressor::Gzip, &[0; 100]).status(), Status::Corrupt, "there must be a member");
    let zstd = [compress(Compressor::Zstd, 0, &data, usize::MAX), vec![0; 100]].concat();
    assert_eq!(refused(Compressor::Zstd, &zstd).status(), Status::Corrupt, "zstd has no padding");
}

#[test]
fn a_frame_that_wants_too_much_memory_is_refused() {
    // A frame header whose window descriptor asks for 2 GiB.
    let error = refused(Compressor::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0]);
    assert_eq!(error.status(), Status::Unsupported, "{error}");
    assert!(error.message().contains("128 MiB"), "{error}");
}

#[test]
fn a_stream_that_is_finished_takes_nothing_more() {
    for (compressor, levels) in ALL {
        for level in levels {
            let (mut stream, mut stored) = (compress_stream(compressor, *level), Vec::new());
            stream.write(b"data", &mut stored).unwrap();
            stream.finish(&mut stored).unwrap();
            let before = stored.clone();
            stream.finish(&mut stored).unwrap();
            let error = stream.write(b"x", &mut stored).unwrap_err();
            assert_eq!((error.status(), stored), (Status::State, before));
            assert!(error.message().contains("begin another one"), "{error}");
        }
    }
}

#[test]
fn levels_are_checked_and_the_range_named() {
    for (compressor, levels) in ALL {
        for level in levels {
            compressor.check_level(*level).unwrap();
        }
    }
    for (compressor, level, range) in [
        (Compressor::None, 1, "leave it 0"),
        (Compressor::Gzip, 10, "1 to 9"),
        (Compressor::Gzip, -1, "1 to 9"),
        (Compressor::Zstd, 23, "to 22"),
        (Compressor::Zstd, i32::MIN, "to 22"),
    ] {
        for error in [
            compressor.check_level(level).unwrap_err(),
            CompressStream::new(compressor, level).err().unwrap(),
        ] {
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(
                error.message().contains(range) && error.message().contains(&level.to_string()),
                "{error}"
            );
        }
    }
}

#[test]
fn names_are_those_of_the_manifest() {
    for (compressor, name, extension) in [
        (Compressor::None, "noop", ""),
        (Compressor::Gzip, "gzip", ".gz"),
        (Compressor::Zstd, "zstd", ".zst"),
    ] {
        assert_eq!(compressor.manifest_name(), name);
        assert_eq!(Compressor::from_manifest_name(name), Some(compressor));
        assert_eq!(compressor.extension(), extension);
    }
    assert_eq!(Compressor::from_manifest_name("snappy"), None);
}

/// A thread's stack holds its thread-local data and the frames of its start as well.
#[test]
fn every_level_runs_on_a_small_stack() {
    let data = sample(600_000);
    for (compressor, levels) in ALL {
        for level in levels {
            std::thread::scope(|scope| {
                let there_and_back = || {
                    let stored = compress(compressor, *level, &data, 100_000);
                    decompress(compressor, &stored, 100_000, 65_536).unwrap() == data
                };
                let thread = std::thread::Builder::new().stack_size(24 * 1024);
                let thread = thread.spawn_scoped(scope, there_and_back).unwrap();
                assert!(thread.join().unwrap(), "{compressor:?} {level}");
            });
        }
    }
}
