# shellcheck shell=bash
# The Zig package, built by the Zig of PyPI against an installed tree.

ZIG_WHEEL=ziglang==0.17.1

# The compiler, kept outside of the tree: it has 100 MB.
zig_compiler() {
    need python3 python3
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/lode/${ZIG_WHEEL/==/-}
    if [ ! -e "$cache/ziglang/zig" ]; then
        rm -rf "$cache.new" && mkdir -p "$cache.new" &&
            python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$cache.new" "$ZIG_WHEEL" ||
            { echo "pip cannot install $ZIG_WHEEL" && exit "$SKIP"; }
        rm -rf "$cache" && mv "$cache.new" "$cache" || return 1
    fi
    ZIG=$cache/ziglang/zig
    # `zig build` and `zig translate-c` are programs that Zig compiles when they are first used: optimized
    # that takes minutes, and they run for seconds.
    export ZIG_DEBUG_CMD=1 ZIG_GLOBAL_CACHE_DIR=$cache/cache
}

zig_build() { # STEP OPTION...
    "$ZIG" build "$@" --build-file "$OUT/zig/package/build.zig" --cache-dir "$OUT/zig/cache" --prefix "$OUT/zig/out"
}

zig_package() {
    need pkg-config pkg-config
    zig_compiler
    local prefix=$OUT/zig/prefix linked
    plain_make install PREFIX="$prefix" && cp -R bindings/zig "$OUT/zig/package" || return 1
    zig_build test example -Dlode-prefix="$prefix" && (cd "$TMPDIR" && "$OUT/zig/out/bin/events") 2> "$OUT/zig/events" || return 1
    printf '{"n":1}\n{"n":2}\n{"n":3}\n' | diff - "$OUT/zig/events" || return 1
    [ "$("$BIN/lode" cat "$TMPDIR" zig | wc -l)" = 3 ] || return 1
    zig_build example -Dlode-prefix="$prefix" -Dlode-static=true || return 1
    linked=$(ldd "$OUT/zig/out/bin/events") || return 1
    if grep liblode <<< "$linked"; then
        echo "linked with the shared library" && return 1
    fi
    (cd "$TMPDIR" && "$OUT/zig/out/bin/events" 2> "$OUT/zig/events") && rm -rf "$TMPDIR/datasets" || return 1
    # Where pkg-config finds it: the program of the page, which depends on the package.
    zig_page "$OUT/zig/page" && mkdir "$OUT/zig/lode" && cp -R "$OUT/zig/package/." "$OUT/zig/lode" || return 1
    (cd "$OUT/zig/page" && PKG_CONFIG_PATH=$prefix/lib/pkgconfig "$ZIG" build --cache-dir "$OUT/zig/cache") || return 1
    (cd "$TMPDIR" && LD_LIBRARY_PATH=$prefix/lib "$OUT/zig/page/zig-out/bin/program") 2> "$OUT/zig/events" && rm -rf "$TMPDIR/datasets" || return 1
    printf '{"n":1}\n{"n":2}\n{"n":3}\n' | diff - "$OUT/zig/events"
}

# The files of the page, in the order in which they stand there.
zig_page() { # DIRECTORY
    mkdir "$1" && awk -v root="$1" 'BEGIN { split("build.zig.zon build.zig main.zig", name, " ") }
        /^```zig$/ { n++; inside = 1; next } /^```$/ { inside = 0 } inside { print > (root "/" name[n]) }' docs/zig.md &&
        [ -e "$1/main.zig" ] || { echo "docs/zig.md has lost its program" && return 1; }
}

check zig_package zig_package
