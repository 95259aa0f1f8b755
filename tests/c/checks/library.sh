# shellcheck shell=bash
# The two libraries as files: what they export, what they need, their size; and the static one linked beside
# other libraries that define the same names.

shared_library() {
    need readelf binutils
    need nm binutils
    local dynamic size
    # Each with the minor version that brought it, as the version script says, and nothing else.
    sh packaging/version_script.sh "$(make -s show-version)" |
        awk '/^LODE_/ { node = $1 } /^        lode_/ { sub(";", ""); print $1 "@@" node }' | LC_ALL=C sort > "$OUT/versioned"
    cut -d @ -f 1 "$OUT/versioned" | diff abi/symbols - || { echo "the version script leaves some out" && return 1; }
    nm -D --defined-only "$LIB/liblode.so" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort | diff "$OUT/versioned" - ||
        { echo "the library exports something else than abi/symbols lists" && return 1; }
    dynamic=$(readelf -d "$LIB/liblode.so") || return 1
    grep -q 'Flags:.*NODELETE' <<< "$dynamic" || { echo "not linked with -z nodelete" && return 1; }
    # What it needs at run time: the C library's own parts and zstd, nothing else.
    if grep NEEDED <<< "$dynamic" | grep -v 'lib\(c\|m\|zstd\|gcc_s\|pthread\|dl\|rt\).so\|ld-linux'; then
        echo "needs another library" && return 1
    fi
    cp "$LIB/liblode.so" "$OUT/stripped.so" && strip --strip-unneeded "$OUT/stripped.so" || return 1
    size=$(stat -c %s "$OUT/stripped.so")
    echo "size: $size bytes, stripped"
    [ "$size" -lt 2000000 ] || { echo "2,000,000 bytes or more" && return 1; }
    # Object stores take at most 4,000,000 bytes more, and Parquet 8,000,000.
    cp "$HERE/$BUILD/full/lib/liblode.so" "$OUT/stripped.so" && strip --strip-unneeded "$OUT/stripped.so" || return 1
    size=$(stat -c %s "$OUT/stripped.so")
    echo "with every feature: $size bytes, stripped"
    [ "$size" -lt 14000000 ] || { echo "14,000,000 bytes or more" && return 1; }
}

# The static library defines what abi/symbols lists and nothing else, hidden, without debug data or
# bitcode.
static_library() {
    need readelf binutils
    local size
    readelf -sW "$LIB/liblode.a" | awk '($5 == "GLOBAL" || $5 == "WEAK") && $7 != "UND" { print $5, $6, $8 }' | sort > "$OUT/static.symbols"
    sed 's/^/GLOBAL HIDDEN /' abi/symbols | sort | diff - "$OUT/static.symbols" || return 1
    if readelf -SW "$LIB/liblode.a" | grep -E '\.(debug_|llvmbc|llvmcmd|gnu\.lto_)'; then
        echo "sections that no program links" && return 1
    fi
    # Unwinding through the library needs its tables: one entry a function at least.
    [ "$(readelf --debug-dump=frames "$LIB/liblode.a" 2> /dev/null | grep -c FDE)" -gt "$(wc -l < "$OUT/static.symbols")" ] ||
        { echo "too few unwinding tables" && return 1; }
    size=$(stat -c %s "$LIB/liblode.a")
    echo "size: $size bytes, liblode.a"
    [ "$size" -lt 5000000 ] || { echo "5,000,000 bytes or more" && return 1; }
}

# Nothing that is installed names a path of the machine that built it.
no_build_paths() {
    local file
    for file in "$LIB/liblode.so" "$LIB/liblode.a" "$BIN/lode"; do
        [ -e "$file" ] || continue # the tool is built by `make tool`
        LC_ALL=C grep -aq 'zlib-rs-[0-9]' "$file" || { echo "$file names no crate at all: is this check of any use?" && return 1; }
        if LC_ALL=C grep -aoE "(${CARGO_HOME:-$HOME/.cargo}|$HERE|/registry|/rustlib)/[[:print:]]{0,80}" "$file" | head -n 3 | grep .; then
            echo "$file names paths of this machine" && return 1
        fi
    done
}

static_link() {
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -Iinclude examples-c/stream_write_records.c -o "$OUT/static_example" "$LIB/liblode.a" $STATIC_LIBS || return 1
    if ldd "$OUT/static_example" | grep liblode; then
        echo "linked with the shared library" && return 1
    fi
    "$OUT/static_example"
}

# With another Rust static library, a program that has zlib's names and a zstd of its own, in both orders of
# linking.
static_neighbours() {
    need rustc rustc
    local order
    [ -e "$($CC -print-file-name=libzstd.a)" ] || { echo "libzstd.a is missing" && exit "$SKIP"; }
    rustc --edition 2024 -O --crate-type staticlib -o "$OUT/librust_neighbour.a" tests/c/rust_neighbour.rs || return 1
    for order in "$LIB/liblode.a $OUT/librust_neighbour.a" "$OUT/librust_neighbour.a $LIB/liblode.a"; do
        # shellcheck disable=SC2086
        $CC $C_STRICT $CFLAGS -Iinclude tests/c/static_neighbours.c -o "$OUT/static_neighbours" -Wl,--gc-sections $order \
            -l:libzstd.a $STATIC_LIBS || return 1
        nm "$OUT/static_neighbours" | grep -q ' T ZSTD_compressStream2' || { echo "no zstd of its own" && return 1; }
        "$OUT/static_neighbours" || return 1
    done
}

static_plugin() {
    local copy exported
    for copy in 1 2; do
        # shellcheck disable=SC2086
        $CC $C_STRICT $CFLAGS -Iinclude -fPIC -shared -Wl,-z,defs tests/c/plugin.c -o "$OUT/plugin$copy.so" "$LIB/liblode.a" $STATIC_LIBS || return 1
    done
    exported=$(nm -D --defined-only "$OUT/plugin1.so" | awk '{ print $3 }')
    [ "$exported" = plugin_commit ] || { echo "exports $exported" && return 1; }
    compile plugin_host -ldl && "$OUT/plugin_host" "$OUT/plugin1.so" "$OUT/plugin2.so"
}

# Two copies of the shared library in one process, under two names; the program itself links none.
two_names() {
    mkdir -p "$OUT/two" && cp -L "$LIB/liblode.so" "$OUT/two/libone.so" && cp -L "$LIB/liblode.so" "$OUT/two/libother.so" || return 1
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -g -Iinclude tests/c/two_names.c -o "$OUT/two/two_names" -ldl || return 1
    "$OUT/two/two_names" "$OUT/two/libone.so" "$OUT/two/libother.so"
}

STATIC_TESTS="contract_push fork"

# A program without any shared library.
static_glibc() {
    local test zstd
    zstd=$($CC -print-file-name=libzstd.a)
    [ -e "$zstd" ] || { echo "libzstd.a is missing" && exit "$SKIP"; }
    for test in $STATIC_TESTS; do
        # shellcheck disable=SC2086
        $CC $C_STRICT $CFLAGS -Iinclude "tests/c/$test.c" -static -o "$OUT/glibc_$test" "$LIB/liblode.a" "$zstd" -lgcc_eh -lpthread -lm -ldl || return 1
        "$OUT/glibc_$test" || return 1
    done
}

# The library that was built for glibc, in a program that has musl instead, and what is missing without the
# function that docs/how-to/link-a-program.md, section "A static program with musl", gives.
static_musl() {
    need musl-gcc musl-tools
    local test libraries
    libraries=$LIB/liblode.a
    for test in libzstd.a libgcc_eh.a libgcc.a; do libraries="$libraries $($CC -print-file-name=$test)"; done
    sed -n '/^int _dl_find_object/p' docs/how-to/link-a-program.md > "$OUT/musl.c"
    for test in $STATIC_TESTS; do
        # shellcheck disable=SC2086
        musl-gcc -std=c11 -O2 -Iinclude "tests/c/$test.c" "$OUT/musl.c" -static -o "$OUT/musl_$test" $libraries || return 1
        "$OUT/musl_$test" || return 1
    done
    # shellcheck disable=SC2086
    if musl-gcc -std=c11 -O2 -Iinclude tests/c/fork.c -static -o "$OUT/musl_fork" $libraries 2> "$OUT/musl.missing"; then
        echo "it links without the function: the page says that it does not" && return 1
    fi
    [ "$(grep -o 'undefined reference to .*' "$OUT/musl.missing" | sort -u)" = "undefined reference to \`_dl_find_object'" ] ||
        { cat "$OUT/musl.missing" && return 1; }
}

# With tools that cannot link it into one object, the library is cargo's archive, and a message says so.
static_fallback() {
    local archive=$OUT/fallback.a
    LODE_STRICT=0 OBJCOPY=no-such-objcopy sh packaging/static_library.sh "$LIB/liblode.a" "$LIB/liblode.so" "$archive" 2> "$OUT/refused" || return 1
    cmp "$LIB/liblode.a" "$archive" && grep -q 'GNU ld and objcopy' "$OUT/refused" && grep -q 'no-such-objcopy' "$OUT/refused" ||
        { cat "$OUT/refused" && return 1; }
    rm "$archive"
    refuses 1 "no-such-objcopy" env LODE_STRICT=1 OBJCOPY=no-such-objcopy \
        sh packaging/static_library.sh "$LIB/liblode.a" "$LIB/liblode.so" "$archive" || return 1
    [ ! -e "$archive" ]
}

check shared_library shared_library
check static_library static_library
check no_build_paths no_build_paths
check static_link static_link
check static_neighbours static_neighbours
check static_plugin static_plugin
check two_names two_names
check static_glibc static_glibc
check static_musl static_musl
check static_fallback static_fallback
