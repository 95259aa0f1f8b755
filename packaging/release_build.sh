#!/bin/sh
# Runs a command of cargo such that what it builds names no path of this machine: those of crates, of the standard
# library and of this tree, which stand in the messages of panics, are shortened.
#
#   release_build.sh CARGO ARGUMENT...
set -eu
separator=$(printf '\037')
flags=${CARGO_ENCODED_RUSTFLAGS:-$(printf '%s' "${RUSTFLAGS:-}" | tr -s ' ' "$separator")}

shorten() { # PATH NAME
    flags="${flags:+$flags$separator}--remap-path-prefix=$1=$2"
}
shorten "$PWD" .
shorten "${CARGO_HOME:-$HOME/.cargo}/registry/src" crates
if sysroot=$("${RUSTC:-rustc}" --print sysroot 2> /dev/null); then
    shorten "$sysroot/lib/rustlib/src/rust" rust
fi
CARGO_ENCODED_RUSTFLAGS=$flags exec "$@"
