# shellcheck shell=bash
# include/lode.h compiles alone in every language that may include it, and is documented.

header_alone() { # COMPILER STANDARD LANGUAGE
    printf '#include <lode.h>\n#include <lode.h>\nint lode_header_was_read;\n' > "$OUT/alone.$3"
    printf '#include <lode.h>\nint lode_header_was_read_first;\n' > "$OUT/first.$3"
    for file in alone first; do
        $1 "-std=$2" -Wall -Wextra -Wpedantic -pedantic-errors -Werror -Iinclude -c "$OUT/$file.$3" -o "$OUT/$file.o" || return 1
    done
}

header_cxx() {
    need "$CXX" g++
    header_alone "$CXX" c++17 cpp
}

header_walk() {
    need python3 python3
    need nm binutils
    python3 tests/c/header.py include/lode.h "$LIB/liblode.so" examples-c/*.c tests/c/*.c tests/c/*.h
}

check header_c99 header_alone "$CC" c99 c
check header_c11 header_alone "$CC" c11 c
check header_cxx17 header_cxx
check header_walk header_walk
