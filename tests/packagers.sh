#!/usr/bin/env bash
# `cargo cinstall` gives the header and libraries that `make install` gives. `make check-packagers` calls it,
# after `make lib`; cargo-c is compiled once, which takes minutes, into the cache. PROFILE=dev spares the
# optimization of the library.
set -euo pipefail
cd "$(dirname "$0")/.."
HERE=$PWD
: "${BUILD:=build}" "${CC:=cc}" "${CARGO:=cargo}" "${PROFILE:=release}"
tools=${XDG_CACHE_HOME:-$HOME/.cache}/lode/tools
version=0.10.18
[ -x "$tools/bin/cargo-cinstall" ] || "$CARGO" install --quiet --locked --debug --root "$tools" "cargo-c@$version"
export PATH=$tools/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
sh packaging/release_build.sh "$CARGO" cinstall --profile "$PROFILE" --locked --prefix "$root" --libdir "$root/lib"

say() { echo "cargo cinstall: $*"; }
fail() { say "$*" && exit 1; }

for header in include/*.h* include/lode/*.hpp; do
    cmp "$header" "$root/$header" || fail "no $header"
done
exported() { nm -D --defined-only "$1" | awk '$2 != "A" { sub("@.*", "", $3); print $3 }' | LC_ALL=C sort; }
exported "$root/lib/liblode.so" | diff abi/symbols - || fail 'other symbols than make install'
soname() { readelf -d "$1" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p'; }
[ "$(soname "$root/lib/liblode.so")" = "$(soname "$HERE/$BUILD/lib/liblode.so")" ] || fail "the soname is $(soname "$root/lib/liblode.so")"
readelf -d "$root/lib/liblode.so" | grep -q NODELETE || fail 'not linked with -z nodelete'
export PKG_CONFIG_PATH=$root/lib/pkgconfig
[ "$(pkg-config --modversion lode)" = "$(make -s show-version)" ] || fail 'another version'

# A program against each of its libraries, and one that was built with the library of `make install`.
eval "$CC -std=c11 examples-c/stream_write_records.c -o $work/shared $(pkg-config --cflags --libs lode)"
# shellcheck disable=SC2046
$CC -std=c11 -Iinclude examples-c/stream_write_records.c -o "$work/static" "$root/lib/liblode.a" $(make -s show-static-libs)
$CC -std=c11 -Iinclude examples-c/stream_write_records.c -o "$work/other" -L"$BUILD/lib" -llode
for program in shared static other; do
    LD_LIBRARY_PATH=$root/lib "$work/$program" > "$work/out" 2>&1 || { cat "$work/out" && fail "the program $program does not run"; }
    grep -q '^Row count: 5$' "$work/out" || { cat "$work/out" && fail "the program $program says something else"; }
done
say 'the same headers, the same symbols and soname; programs run with its libraries'
