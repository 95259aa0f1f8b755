# shellcheck shell=bash
# The ABI only grows: today's header and library against those of each frozen version, below abi/.

# The types of a header's functions, as a library with debug data; its structs as far as the frozen header
# knows them.
described() { # HEADER FROZEN_HEADER OUT
    python3 tests/c/abi.py stubs "$1" "$2" > "$3.c" && $CC -std=c11 -g -O0 -fPIC -shared -Wno-unused-parameter "$3.c" -o "$3.so"
}

# compatible FROZEN_HEADER TODAY_HEADER: prints what a program that was built with the first could not bear.
compatible() {
    python3 tests/c/abi.py constants "$1" "$2" && described "$1" "$1" "$OUT/frozen" && described "$2" "$1" "$OUT/today" &&
        abidiff --no-added-syms "$OUT/frozen.so" "$OUT/today.so"
}

abi_grows() {
    need python3 python3
    need abidiff abigail-tools
    local frozen version
    for frozen in abi/*/; do
        version=$(basename "$frozen")
        compatible "$HERE/abi/$version/lode.h" "$HERE/include/lode.h" || { echo "the ABI of $version is not kept" && return 1; }
        if comm -23 "$frozen/symbols" abi/symbols | grep .; then
            echo "symbols of $version that are gone" && return 1
        fi
        # shellcheck disable=SC2086
        $CC $C_STRICT $CFLAGS -I"abi/$version" "$frozen/program.c" -o "$OUT/frozen-$version" -L"$LIB" -Wl,-rpath,"$LIB" -llode &&
            "$OUT/frozen-$version" > "$OUT/frozen-$version.out" && grep -q '^Row count: 5$' "$OUT/frozen-$version.out" ||
            { echo "the program of $version does not run" && cat "$OUT/frozen-$version.out" && return 1; }
    done
}

# What breaks a program is found, and what does not is not.
abi_break_is_found() {
    need python3 python3
    need abidiff abigail-tools
    local today=$OUT/changed.h change
    for change in \
        's/^#define LODE_ERR_CONFLICT (-80)/#define LODE_ERR_CONFLICT (-79)/' \
        '/^#define LODE_LAYOUT_FLAT 2/d' \
        's/^void lode_error_free(lode_error \*error);//' \
        's/^int64_t lode_error_record(/int32_t lode_error_record(/' \
        's/^    int32_t codec;/    int64_t codec;/' \
        's/^    int32_t codec;/    int32_t new_field;\n    int32_t codec;/' \
        's/^    int32_t durability;/    uint32_t durability;/' \
        's/^    size_t len;/    size_t len;\n    size_t capacity;/'; do
        sed "$change" include/lode.h > "$today"
        ! cmp -s include/lode.h "$today" || { echo "$change changes nothing" && return 1; }
        if compatible "$HERE/include/lode.h" "$today" > "$OUT/abidiff"; then
            echo "not found: $change" && return 1
        fi
    done
    for change in \
        's/^#define LODE_ERR_CONFLICT (-80)/&\n#define LODE_ERR_NEW (-4711)/' \
        's/^void lode_error_free(lode_error \*error);/&\nvoid lode_error_new(lode_error *error);/' \
        's/^} lode_dataset_options;/    int32_t new_field;\n&/'; do
        sed "$change" include/lode.h > "$today"
        ! cmp -s include/lode.h "$today" || { echo "$change changes nothing" && return 1; }
        compatible "$HERE/include/lode.h" "$today" || { echo "found, and is allowed: $change" && return 1; }
    done
}

# A library without a function, or of an older version, is refused when a program is loaded, not when it
# calls.
abi_versions_are_checked_at_load() {
    need readelf binutils
    readelf -V "$BIN/stream_write_records" | grep -q 'Name: LODE_0\.1 ' || { echo "no version is needed" && return 1; }
    printf 'LODE_0.0 { global: *; };\n' > "$OUT/older.map"
    mkdir -p "$OUT/older"
    described "$HERE/include/lode.h" "$HERE/include/lode.h" "$OUT/older/liblode" || return 1
    $CC -shared -fPIC "$OUT/older/liblode.c" -o "$OUT/older/liblode.so.0" -Wl,-soname,liblode.so.0 -Wl,--version-script="$OUT/older.map" || return 1
    refuses 1 "version \`LODE_0.1' not found" env LD_LIBRARY_PATH="$OUT/older" "$OUT/needs_version"
}

abi_load() {
    need python3 python3
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -Iinclude examples-c/stream_write_records.c -o "$OUT/needs_version" -L"$LIB" -llode &&
        abi_versions_are_checked_at_load
}

check abi_grows abi_grows
check abi_break_is_found abi_break_is_found
check abi_versions_are_checked_at_load abi_load
