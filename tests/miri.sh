#!/usr/bin/env bash
# Runs the unit tests of the C boundary under Miri, which finds undefined behaviour: pointers that dangle or
# lack the right to what they reach, reads of uninitialised memory, data races, leaks. CONTRIBUTING.md lists
# what it leaves out.
#
#   miri.sh [TEST...]       all tests without a name
#
# Needs a nightly toolchain with Miri, which is installed if it is missing.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${CARGO:=cargo}" "${MIRI_TOOLCHAIN:=nightly}"

missing() {
    echo "miri: missing: $1" >&2
    exit 1
}
"$CARGO" "+$MIRI_TOOLCHAIN" --version > /dev/null 2>&1 ||
    missing "a nightly Rust toolchain (rustup toolchain install $MIRI_TOOLCHAIN)"
if ! "$CARGO" "+$MIRI_TOOLCHAIN" miri --version > /dev/null 2>&1; then
    echo "miri: installing the component"
    rustup component add miri rust-src --toolchain "$MIRI_TOOLCHAIN" ||
        missing "Miri, and it could not be installed (rustup component add miri rust-src --toolchain $MIRI_TOOLCHAIN)"
fi

# The tests use the system's clock and random numbers.
export MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-disable-isolation"
exec "$CARGO" "+$MIRI_TOOLCHAIN" miri test --package lode --lib -- "$@"
