#!/bin/sh
# Runs a command of cargo such that what it builds names no path of this machine: those of crates, of the
# standard library and of this tree, which stand in the messages of panics, are shortened. And such that only
# small functions are copied into their callers: that takes a tenth off the library and costs a record no
# instruction to speak of, since what is called for each record says so itself.
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
flags="$flags$separator-Cllvm-args=-inline-threshold=100"
CARGO_ENCODED_RUSTFLAGS=$flags exec "$@"
