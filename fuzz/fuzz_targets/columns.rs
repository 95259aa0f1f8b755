//! Records as the values of columns: what the one pass over flat records finds is what the general way finds,
//! and a refused record leaves no trace.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lode_core::fuzzing::ColumnParser;

fuzz_target!(|data: &[u8]| {
    let mut taught = ColumnParser::new();
    for record in data.split(|byte| *byte == 0xff) {
        // One that has seen the records before, and one that has seen none and so takes the general way.
        let expected = ColumnParser::new().parse(record);
        assert_eq!(taught.parse(record), expected, "{}", String::from_utf8_lossy(record));
        // The second time it is the record before.
        assert_eq!(taught.parse(record), expected, "{}", String::from_utf8_lossy(record));
        if expected.is_ok() {
            assert!(serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(record).is_ok());
        }
    }
});
