#!/usr/bin/env bash
# Runs the program of threads.c under ThreadSanitizer, the library's Rust code instrumented, too.
#
#   thread_sanitizer.sh OUT_DIRECTORY
#
# Rust's own standard library comes without instrumentation. Nearly all of it that matters is compiled into
# ours, and so is instrumented; what is not is the slow way into a lock, where a thread waits: without more,
# two threads that alternate by waiting look like a race. So the linker puts a wrapper around those few
# functions which says, when the real one returns, that the thread has acquired the lock. Their names are
# taken from the library itself.
set -eu
cd "$(dirname "$0")/../.."
OUT=$1
: "${CC:=cc}"
HOST=$(rustc -vV | sed -n 's/^host: //p')
RUNTIME=$(rustc --print sysroot)/lib/rustlib/$HOST/lib/librustc-stable_rt.tsan.a
mkdir -p "$OUT"
if [ ! -e "$RUNTIME" ]; then
    echo "this Rust toolchain comes without ThreadSanitizer's runtime: $RUNTIME"
    exit 77
fi

RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer' \
    cargo rustc --quiet --lib --crate-type staticlib --target "$HOST" --target-dir "$OUT/target"
LIBRARY=$OUT/target/$HOST/debug/liblode.a

waits=$(nm "$LIBRARY" 2> /dev/null |
    sed -nE 's/.* [TtU] (\S*(5futex\S*5Mutex14lock_contended|5futex\S*6RwLock(14read_contended|15write_contended)))$/\1/p' | sort -u)
if [ -z "$waits" ]; then
    echo "found no function in which a thread waits for a lock: the standard library has changed, and this script must, too"
    exit 1
fi
wraps=
{
    echo 'void __tsan_acquire(void *);'
    for name in $waits; do
        echo "void __real_$name(void *);"
        echo "void __wrap_$name(void *lock) { __real_$name(lock); __tsan_acquire(lock); }"
        wraps="$wraps -Wl,--wrap=$name"
    done
} > "$OUT/waits.c"

$CC -c "$OUT/waits.c" -o "$OUT/waits.o"
$CC -std=c11 -g -O1 -fsanitize=thread -Iinclude -c tests/c/threads.c -o "$OUT/threads.o"
# shellcheck disable=SC2086
$CC "$OUT/threads.o" "$OUT/waits.o" "$LIBRARY" $wraps -Wl,--whole-archive "$RUNTIME" -Wl,--no-whole-archive \
    -Wl,--export-dynamic -o "$OUT/threads" -lzstd -lpthread -ldl -lm -lrt -lgcc_s

# Arc's last drop synchronizes by a fence, which ThreadSanitizer does not know; a standard library built for
# it would load instead. A race on what an Arc holds shows in its other uses.
echo 'race:drop_slow' > "$OUT/suppressions"
TSAN_OPTIONS="suppressions=$OUT/suppressions halt_on_error=0 exitcode=66" "$OUT/threads" 10
