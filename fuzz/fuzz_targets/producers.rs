//! Any text as a map of producers: refused, or kept with the same meaning; and a commit on top of it counts.
//! The input's first line is that commit's sequence and producer, the rest the map.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lode_core::Status;
use lode_core::fuzzing::{Producers, Stamp, Verdict};

fuzz_target!(|input: &str| {
    let (stamp, text) = input.split_once('\n').unwrap_or(("1 p", input));
    let (sequence, producer) = stamp.split_once(' ').unwrap_or(("1", stamp));
    let sequence = sequence.parse().unwrap_or(1);
    let map = match Producers::parse(text) {
        Ok(map) => map,
        Err(error) => {
            assert_eq!(error.status(), Status::Corrupt);
            return;
        }
    };
    let written = map.json();
    let again = Producers::parse(&written).unwrap();
    assert_eq!(again, map);
    assert_eq!(again.json(), written);

    let Ok(stamp) = Stamp::new(producer, sequence, "here") else { return };
    let before = map.verdict(&stamp);
    let next = map.with(&stamp, "9999999999999999999-ffffffffffffffff");
    let highest = map.get(producer).map_or(0, |entry| entry.sequence).max(sequence);
    assert_eq!(next.get(producer).unwrap().sequence, highest);
    match before {
        Verdict::TooOld => assert_eq!(next.verdict(&stamp), Verdict::TooOld),
        Verdict::New | Verdict::Committed => assert_eq!(next.verdict(&stamp), Verdict::Committed),
    }
    // What was committed stays so, or falls below the window.
    if let Some(entry) = map.get(producer) {
        for below in 0..64.min(entry.sequence) {
            let old = Stamp::new(producer, entry.sequence - below, "").unwrap();
            if map.verdict(&old) == Verdict::Committed {
                assert_ne!(next.verdict(&old), Verdict::New);
            }
        }
    }
    assert_eq!(Producers::parse(&next.json()).unwrap(), next);
});
