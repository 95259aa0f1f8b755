# shellcheck shell=bash
# lode.hpp: its tests, its examples, its completeness and its documentation.

CXX_STRICT="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Werror"
CXX_SANITIZED="-g1 -fsanitize=address,undefined -fno-sanitize-recover=all"

# The compilers that lode.hpp is for: a new one reads C++23 as 2b as well.
cxx_compilers() {
    need g++ g++
    need clang++ clang
}

# compile_cxx COMPILER STANDARD SOURCE PROGRAM OPTION...
compile_cxx() {
    local compiler=$1 standard=$2 source=$3 program=$4
    shift 4
    # shellcheck disable=SC2086
    "$compiler" "-std=$standard" $CXX_STRICT "$@" -Iinclude "$source" -o "$program" -L"$LIB" -Wl,-rpath,"$LIB" -llode -pthread
}

# The tests under AddressSanitizer and UndefinedBehaviorSanitizer, with the core library and with every
# feature.
cpp_tests() { # COMPILER STANDARD
    cxx_compilers
    # shellcheck disable=SC2086
    compile_cxx "$1" "$2" tests/cpp/main.cpp "$OUT/cpp-$1-$2" $CXX_SANITIZED && "$OUT/cpp-$1-$2" &&
        LD_LIBRARY_PATH=$FULL "$OUT/cpp-$1-$2"
}

# Every header of lode.hpp alone; the tests in every standard by both compilers, but for what cpp_tests runs;
# the examples by each compiler, and between them in the standards that the other checks do not compile them
# in.
cpp_standards() {
    cxx_compilers
    local header compiler standard sources
    {
        for header in include/lode/*.hpp include/lode.hpp; do
            mkdir -p "$(dirname "$OUT/alone/$header")" && echo "#include <${header#include/}>" > "$OUT/alone/$header.cpp"
            echo "clang++ c++17 $OUT/alone/$header.cpp"
        done
        for compiler in g++ clang++; do
            for standard in c++17 c++20 c++2b; do
                sources=
                case $compiler-$standard in g++-c++17 | clang++-c++2b) ;; *) sources=tests/cpp/main.cpp ;; esac
                case $compiler-$standard in g++-c++2b | clang++-c++20) sources="$sources $(echo examples-cpp/*.cpp)" ;; esac
                [ -z "$sources" ] || echo "$compiler $standard $sources"
            done
        done
    } > "$OUT/standards"
    # shellcheck disable=SC2016
    CXX_STRICT=$CXX_STRICT xargs -P 2 -L 1 sh -c '"$0" "-std=$1" $CXX_STRICT -Iinclude -fsyntax-only $(shift; echo "$@")' < "$OUT/standards"
}

# A program without exceptions and run-time types uses the calls whose names begin with try_.
cpp_no_exceptions() {
    cxx_compilers
    local compiler
    for compiler in g++ clang++; do
        compile_cxx "$compiler" c++17 tests/cpp/no_exceptions.cpp "$OUT/no_exceptions" -fno-exceptions -fno-rtti &&
            "$OUT/no_exceptions" || return 1
    done
}

# Every function of lode.h is wrapped, or listed with the reason; every status has its enumerator.
cpp_complete() {
    local missing
    grep -ohE '\blode_[a-z0-9_]+' include/lode/*.hpp | sort -u > "$OUT/used"
    grep -v '^#' tests/cpp/not_wrapped | sed 's/ .*//' | sort > "$OUT/excused"
    missing=$(comm -23 <(sort abi/symbols) <(sort -u "$OUT/used" "$OUT/excused"))
    [ -z "$missing" ] || { echo "include/lode wraps not, and tests/cpp/not_wrapped does not list:" && echo "$missing" && return 1; }
    missing=$(comm -12 "$OUT/used" "$OUT/excused"; comm -13 <(sort abi/symbols) "$OUT/excused")
    [ -z "$missing" ] || { echo "tests/cpp/not_wrapped lists without need:" && echo "$missing" && return 1; }
    missing=$(comm -23 <(sed -n 's/^ \*   \(LODE_[A-Z_]*\) *-*[0-9]* *[A-Z_]* .*/\1/p' include/lode.h | sort) \
        <(grep -oE '= LODE_[A-Z_]+' include/lode/error.hpp | sed 's/= //' | sort))
    [ -z "$missing" ] || { echo "lode::status lacks:" && echo "$missing" && return 1; }
}

cpp_example() {
    need g++ g++
    compile_cxx g++ c++17 examples-cpp/stream_write_records.cpp "$OUT/cpp_example" -O1 || return 1
    local root=$TMPDIR/cpp-example
    mkdir "$root"
    "$OUT/cpp_example" "$root" > "$OUT/cpp_example.out" || return 1
    sed -E 's/[0-9]{19}-[0-9a-f]{16}/<id>/g; s/^(LODE_ERR_INVALID_RECORD, record 1): .*/\1/' "$OUT/cpp_example.out" | diff - <(
        printf '%s\n' 'committed <id>, 3 records' '  {"sensor":0,"celsius":20}' '  {"sensor":1,"celsius":21}' \
            '  {"sensor":2,"celsius":22}' 'nothing was committed: sensor 2 does not answer' \
            'LODE_ERR_INVALID_RECORD, record 1' 'the newest snapshot is still <id>'
    ) || return 1
    "$OUT/cpp_example" > /dev/null || return 1
    refuses 1 "no-such-directory" "$OUT/cpp_example" "$root/no-such-directory" || return 1
    rm -rf "$root"
}

# The daemon, killed again and again, commits each line once.
cpp_daemon() {
    need g++ g++
    need python3 python3
    compile_cxx g++ c++17 examples-cpp/daemon.cpp "$OUT/cpp_daemon" -O1 || return 1
    refuses 2 "usage: daemon" "$OUT/cpp_daemon" || return 1
    refuses 1 "no-such-directory" "$OUT/cpp_daemon" "$TMPDIR/no-such-directory" events test || return 1
    python3 tests/cpp/daemon.py "$OUT/cpp_daemon" "$BIN/cat" "$TMPDIR"
}

# The programs of a page, in order; each runs in an empty directory. sh blocks are not run.
cpp_page() {
    need g++ g++
    local page=docs/cpp.md root=$OUT/cpp-page program
    rm -rf "$root" && mkdir -p "$root/run"
    awk -v root="$root" '/^```cpp$/ { n++; inside = 1; next } /^```$/ { inside = 0 } inside { print > (root "/" n ".cpp") }' $page
    [ "$(find "$root" -name '*.cpp' | wc -l)" -ge 5 ] || { echo "$page has lost its programs" && return 1; }
    for program in "$root"/*.cpp; do
        compile_cxx g++ c++17 "$program" "$program.out" && (cd "$root/run" && "$program.out") ||
            { echo "$page: program $(basename "$program" .cpp) fails" && return 1; }
    done
}

check cpp_gcc17 cpp_tests g++ c++17
check cpp_clang23 cpp_tests clang++ c++2b
check cpp_standards cpp_standards
check cpp_no_exceptions cpp_no_exceptions
check cpp_complete cpp_complete
check cpp_example cpp_example
check cpp_daemon cpp_daemon
check cpp_page cpp_page
