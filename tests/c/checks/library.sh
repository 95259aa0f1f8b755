# shellcheck shell=bash
# The two libraries as files: what they export, what they need, their size.

shared_library() {
    need readelf binutils
    local dynamic size
    dynamic=$(readelf -d "$LIB/liblode.so") || return 1
    grep -q 'soname: \[liblode.so.0\]' <<< "$dynamic" || { echo "the soname is not liblode.so.0" && return 1; }
    grep -q 'Flags:.*NODELETE' <<< "$dynamic" || { echo "not linked with -z nodelete" && return 1; }
    # What it needs at run time: the C library's own parts and zstd, nothing else.
    if grep NEEDED <<< "$dynamic" | grep -v 'lib\(c\|m\|zstd\|gcc_s\|pthread\|dl\|rt\).so\|ld-linux'; then
        echo "needs another library" && return 1
    fi
    cp "$LIB/liblode.so" "$OUT/stripped.so" && strip --strip-unneeded "$OUT/stripped.so" || return 1
    size=$(stat -c %s "$OUT/stripped.so")
    echo "size: $size bytes"
    [ "$size" -lt 2000000 ] || { echo "2,000,000 bytes or more" && return 1; }
}

static_link() {
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -Iinclude examples-c/stream_write_records.c -o "$OUT/static_example" "$LIB/liblode.a" $STATIC_LIBS || return 1
    if ldd "$OUT/static_example" | grep liblode; then
        echo "linked with the shared library" && return 1
    fi
    "$OUT/static_example"
}

check shared_library shared_library
check static_link static_link
