//! Which version and which build this is.

use std::ffi::{CStr, c_char};

use crate::panic::query;

/// The major version of this header.
pub const LODE_VERSION_MAJOR: i32 = 0;
/// The minor version of this header.
pub const LODE_VERSION_MINOR: i32 = 1;
/// The patch version of this header.
pub const LODE_VERSION_PATCH: i32 = 0;
/// The version of this header as one number: 1000000 * major + 1000 * minor + patch.
pub const LODE_VERSION_NUMBER: i32 = 1000;

/// The optional features that this build has. Their names are fixed: "parquet", "object-store".
const FEATURES: &[&CStr] = &[
    #[cfg(feature = "object-store")]
    c"object-store",
    #[cfg(feature = "parquet")]
    c"parquet",
];

/// The version of the library that is running, such as "0.1.0".
///
/// @return a static string, never NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn lode_version() -> *const c_char {
    // No fence: a constant cannot panic.
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that is running, as one number; compare it with LODE_VERSION_NUMBER, the
/// version of the header that the program was compiled with.
///
/// @return 1000000 * major + 1000 * minor + patch.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn lode_version_number() -> i32 {
    LODE_VERSION_NUMBER
}

/// Whether this build has an optional feature: "parquet" (the Parquet codec) or "object-store" (S3 and
/// its like). What a build lacks answers LODE_ERR_UNSUPPORTED, naming the feature.
///
/// @param feature the feature's name, NUL-terminated, borrowed for the call. NULL: no feature.
/// @return 1 if the build has it; 0 if not, if there is no such feature, or if `feature` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_has_feature(feature: *const c_char) -> i32 {
    query(0, || {
        if feature.is_null() {
            return 0;
        }
        // SAFETY: not NULL, so NUL-terminated and readable for the call.
        let feature = unsafe { CStr::from_ptr(feature) };
        i32::from(FEATURES.contains(&feature))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_the_crates_version() {
        let text = format!("{LODE_VERSION_MAJOR}.{LODE_VERSION_MINOR}.{LODE_VERSION_PATCH}");
        assert_eq!(text, env!("CARGO_PKG_VERSION"));
        assert_eq!(
            LODE_VERSION_NUMBER,
            1_000_000 * LODE_VERSION_MAJOR + 1000 * LODE_VERSION_MINOR + LODE_VERSION_PATCH
        );
        // SAFETY: a static NUL-terminated string.
        let running = unsafe { CStr::from_ptr(lode_version()) };
        assert_eq!(running.to_str().unwrap(), text);
        assert_eq!(lode_version_number(), LODE_VERSION_NUMBER);
    }

    #[test]
    fn a_build_has_the_features_it_was_built_with_and_no_other() {
        let built = [
            (c"parquet", cfg!(feature = "parquet")),
            (c"object-store", cfg!(feature = "object-store")),
            (c"", false),
            (c"no-such-feature", false),
            (c"\xff", false),
        ];
        for (name, expected) in built {
            // SAFETY: NUL-terminated.
            assert_eq!(unsafe { lode_has_feature(name.as_ptr()) }, i32::from(expected), "{name:?}");
        }
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { lode_has_feature(std::ptr::null()) }, 0);
    }
}
