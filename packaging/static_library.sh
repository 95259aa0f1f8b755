#!/bin/sh
# Makes the static library that is installed from the one that cargo makes.
#
#   static_library.sh CARGO_ARCHIVE SHARED_LIBRARY OUT
#
# Cargo's archive defines thousands of global symbols (Rust's runtime, allocator hooks, every dependency),
# carries debug data, and may hold LLVM bitcode. In OUT all of it that the exports of SHARED_LIBRARY reach is
# linked into one object, in which only those exports are global. So it links beside another Rust static
# library and beside any C library, no matter what they define. The exports are of hidden visibility: a
# plug-in that contains the library exports its own symbols only, and two such plug-ins in one process do not
# bind to each other's copy.
#
# It takes GNU's ld and objcopy, or what understands their options. With other tools OUT is cargo's archive as
# it is, and a message says what that means; with LODE_STRICT=1 that is a failure.
set -u
archive=$1
shared=$2
out=$3
: "${CC:=cc}" "${NM:=nm}" "${OBJCOPY:=objcopy}" "${AR:=ar}" "${LODE_STRICT:=0}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The symbols, by their kind only: an export is text or data that the library defines.
"$NM" -D --defined-only "$shared" 2> "$work/log" | awk 'NF == 3 && $2 ~ /^[TDBR]$/ { sub(/@.*/, "", $3); print $3 }' > "$work/exports"

pre_link() {
    [ -s "$work/exports" ] || { echo "$shared exports nothing" && return 1; }
    # An object that mentions each export as hidden, in a section that the link discards. The linker gives a
    # symbol the most restricted visibility of all its mentions.
    {
        sed 's/.*/.hidden &/' "$work/exports"
        echo '.section .discard.exports, "e"'
        sed 's/.*/.long & - ./' "$work/exports"
        echo '.section .note.GNU-stack, "", %progbits'
    } > "$work/hidden.s"
    $CC -c "$work/hidden.s" -o "$work/hidden.o" || return 1
    # Groups of sections are dissolved: once its symbol is local, a group must not be dropped for another
    # object's.
    sed 's/.*/-Wl,--undefined=&/' "$work/exports" > "$work/roots"
    $CC -nostdlib -r -Wl,--gc-sections -Wl,--force-group-allocation "@$work/roots" "$work/hidden.o" "$archive" \
        -o "$work/linked.o" || return 1
    "$OBJCOPY" --keep-global-symbols="$work/exports" --strip-unneeded --remove-section=.llvmbc \
        --remove-section=.llvmcmd "$work/linked.o" "$work/lode.o" || return 1
    rm -f "$out.new"
    "$AR" rcsD "$out.new" "$work/lode.o"
}

if ! pre_link >> "$work/log" 2>&1; then
    echo "$out: not linked into one object, because these tools cannot (GNU ld and objcopy can):" >&2
    sed 's/^/    /' "$work/log" >&2
    rm -f "$out.new"
    if [ "$LODE_STRICT" = 1 ]; then
        echo "LODE_STRICT=1: that is a failure" >&2
        exit 1
    fi
    echo "$out: it is cargo's archive as it is: it works, is larger, and defines Rust's own symbols beside lode's" >&2
    cp "$archive" "$out.new" || exit 1
fi
mv "$out.new" "$out"
