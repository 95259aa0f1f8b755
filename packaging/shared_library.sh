#!/bin/sh
# Makes the shared library that is installed from what cargo makes.
#
#   shared_library.sh CARGO_ARCHIVE CARGO_SHARED OUT SONAME VERSION
#
# It is linked from the same objects as cargo's own, but with versions on its symbols, which cargo cannot
# give. With a linker that knows no version scripts, and on systems without them, OUT is cargo's library as it
# is, and a message says what that means; with LODE_STRICT=1 that is a failure. OUT is replaced only by a
# different file.
set -u
archive=$1 shared=$2 out=$3 soname=$4 version=$5
here=$(cd "$(dirname "$0")" && pwd)
: "${CC:=cc}" "${LODE_STRICT:=0}" "${STATIC_LIBS:?what a program needs beside liblode.a}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

link_versioned() {
    sh "$here/version_script.sh" "$version" > "$work/map" && sed 's/.*/-Wl,--undefined=&/' "$here/../abi/symbols" > "$work/roots" || return 1
    # shellcheck disable=SC2086
    $CC -shared ${LDFLAGS:-} -o "$work/lode.so" -Wl,-soname,"$soname" -Wl,--version-script="$work/map" "@$work/roots" \
        -Wl,-z,nodelete -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-O1 -Wl,--gc-sections -Wl,--strip-debug -Wl,--as-needed \
        "$archive" $STATIC_LIBS
}

if [ "$(uname -s)" = Darwin ]; then
    cp "$shared" "$work/lode.so" || exit 1
elif ! link_versioned > "$work/log" 2>&1; then
    echo "$out: its symbols have no versions, because this linker cannot give them:" >&2
    sed 's/^/    /' "$work/log" >&2
    if [ "$LODE_STRICT" = 1 ]; then
        echo "LODE_STRICT=1: that is a failure" >&2
        exit 1
    fi
    echo "$out: programs that are built with it run with any version, and are not told of one that is too old" >&2
    cp "$shared" "$work/lode.so" || exit 1
fi
cmp -s "$work/lode.so" "$out" || { cp "$work/lode.so" "$out.new" && mv "$out.new" "$out"; }
