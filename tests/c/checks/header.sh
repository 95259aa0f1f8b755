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

# Compilers warn of a status that is ignored, unless the program says that it does not want that.
header_must_check() {
    need "$CXX" g++
    printf '#include <lode.h>\nvoid ignore(lode_store *store) { lode_store_put(store, "key", "", 0, NULL, NULL); }\n' > "$OUT/ignores.c"
    cp "$OUT/ignores.c" "$OUT/ignores.cpp"
    local compile
    for compile in "$CC -std=c99" "$CC -std=c11" "$CXX -std=c++11 $OUT/ignores.cpp" "$CXX -std=c++17 $OUT/ignores.cpp"; do
        case $compile in *.cpp) ;; *) compile="$compile $OUT/ignores.c" ;; esac
        # shellcheck disable=SC2086
        refuses 1 'unused-result' $compile -Werror=unused-result -Iinclude -c -o "$OUT/ignores.o" &&
            $compile -Werror=unused-result -DLODE_MUST_CHECK= -Iinclude -c -o "$OUT/ignores.o" || return 1
    done
}

check header_c99 header_alone "$CC" c99 c
check header_c11 header_alone "$CC" c11 c
check header_cxx17 header_cxx
check header_must_check header_must_check
check header_walk header_walk
