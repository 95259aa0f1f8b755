# shellcheck shell=bash
# The C tests, natively and under the tools that watch memory and threads.

run_test() { # NAME
    compile "$1" -pthread && "$OUT/$1"
}

memcheck() { # PROGRAM
    need valgrind valgrind
    export LODE_TEST_CHECKED_MEMORY=1
    valgrind -q --leak-check=full --show-leak-kinds=definite,possible --errors-for-leak-kinds=definite,possible \
        --error-exitcode=99 --child-silent-after-fork=yes "$1"
}

memcheck_test() { # NAME
    [ -x "$OUT/$1" ] || compile "$1" -pthread || return 1
    memcheck "$OUT/$1"
}

thread_sanitizer() {
    need nm binutils
    tests/c/thread_sanitizer.sh "$HERE/$BUILD/thread_sanitizer"
}

# A binding in Python, whose iterator raises.
binding() {
    need python3 python3
    python3 tests/c/binding.py "$LIB/liblode.so"
}

TESTS="api_misuse lengths contract_pull contract_push contract_commit contract_producer contract_read contract_blob
    contract_layouts contract_catalog contract_store contract_parts contract_upkeep contract_volume
    custom_store_broken"
for test in $TESTS descriptors fork memory_bound no_memory guest stack threads; do
    check "$test" run_test "$test"
done
check binding binding
check memcheck_example memcheck "$BIN/stream_write_records"
check memcheck_manifest_driven memcheck "$BIN/manifest_driven"
for test in $TESTS; do
    check "memcheck_$test" memcheck_test "$test"
done
check thread_sanitizer thread_sanitizer
