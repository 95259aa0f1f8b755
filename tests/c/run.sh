#!/usr/bin/env bash
# Compiles and runs every check of the C side: header, libraries, examples, C tests, and those tests under tools.
#
#   run.sh [PATTERN]      only the checks whose name matches the shell pattern
#
# `make check` calls it; build/lib and build/bin must be there (`make examples`). A check whose tool is missing and cannot
# be installed is skipped and says so; with LODE_STRICT=1 it fails. Ends with a line "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/../.." || exit 1
HERE=$PWD
: "${CC:=cc}" "${CXX:=c++}" "${CFLAGS:=-O2}" "${BUILD:=build}" "${LODE_STRICT:=0}"
: "${STATIC_LIBS:=-lzstd -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc}"
PATTERN=${1:-*}
OUT=$HERE/$BUILD/tests
LIB=$HERE/$BUILD/lib
BIN=$HERE/$BUILD/bin
C_STRICT="-std=c11 -Wall -Wextra -Wpedantic -Werror"
SKIP=77
passed=0 failed=0 skipped=0
rm -rf "$OUT" && mkdir -p "$OUT"
# Temporary stores go below one directory, so that a test which leaves something is found out.
TMPDIR=$(mktemp -d) && export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# check NAME COMMAND...: runs the command; its output is shown when it fails, its "skipped" lines always.
check() {
    local name=$1 log=$OUT/$1.log status begun=$SECONDS
    shift
    # shellcheck disable=SC2254
    case $name in $PATTERN) ;; *) return ;; esac
    ("$@") > "$log" 2>&1 # a shell of its own, which `need` may leave
    status=$?
    if [ $status = $SKIP ] && [ "$LODE_STRICT" = 1 ]; then
        echo "LODE_STRICT=1: a skipped check is a failure" >> "$log"
        status=1
    fi
    if [ $status = 0 ] && [ "$LODE_STRICT" = 1 ] && grep -q 'skipped:\|skipped [0-9]' "$log"; then
        echo "LODE_STRICT=1: a part that was skipped is a failure" >> "$log"
        status=1
    fi
    case $status in
    0) passed=$((passed + 1)) && echo "ok       $name ($((SECONDS - begun)) s)" && grep 'skipped:\|skipped [0-9]\|^stack:\|^stripped:\| problems$' "$log" ;;
    "$SKIP") skipped=$((skipped + 1)) && echo "skipped  $name: $(tail -n 1 "$log")" ;;
    *) failed=$((failed + 1)) && echo "FAILED   $name" && sed 's/^/         /' "$log" | tail -n 60 ;;
    esac
}

# need COMMAND PACKAGE...: the tool is there, or is installed; else the check is skipped.
need() {
    local tool=$1
    shift
    sh packaging/need.sh "$tool" "$@" -- "apt-get install $*" && return 0
    exit $SKIP
}

# ---- Header and libraries ----

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
    echo "stripped: $size bytes"
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

installed() { # TOOL-SPECIFIC BUILD...: installs into a fresh prefix, then runs the rest with PREFIX set
    PREFIX=$OUT/prefix-$1
    rm -rf "$PREFIX"
    make -s install PREFIX="$PREFIX" || return 1
    for file in lib/liblode.so lib/liblode.so.0 lib/liblode.a include/lode.h lib/pkgconfig/lode.pc; do
        [ -e "$PREFIX/$file" ] || { echo "$file was not installed" && return 1; }
    done
    "$@" || return 1
    make -s uninstall PREFIX="$PREFIX" || return 1
    if find "$PREFIX" ! -type d | grep .; then
        echo "left by make uninstall" && return 1
    fi
}

consume_pkg_config() {
    export PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig
    local consumer=$OUT/pkg-config-consumer
    # shellcheck disable=SC2046
    $CC -std=c11 examples-c/stream_write_records.c -o "$consumer" $(pkg-config --cflags --libs lode) || return 1
    LD_LIBRARY_PATH=$PREFIX/lib "$consumer" || return 1
    [ "$(pkg-config --modversion lode)" = "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ]
}

consume_cmake() {
    local project=$OUT/cmake-consumer
    mkdir -p "$project"
    cat > "$project/CMakeLists.txt" <<- EOF
		cmake_minimum_required(VERSION 3.16)
		project(consumer C)
		set(CMAKE_C_STANDARD 11)
		find_package(lode 0.1 CONFIG REQUIRED)
		add_executable(shared $HERE/examples-c/stream_write_records.c)
		target_link_libraries(shared PRIVATE lode::lode)
		add_executable(static $HERE/examples-c/stream_write_records.c)
		target_link_libraries(static PRIVATE lode::lode_static)
	EOF
    cmake -S "$project" -B "$project/build" -DCMAKE_PREFIX_PATH="$PREFIX" && cmake --build "$project/build" &&
        "$project/build/shared" && "$project/build/static"
}

pkg_config_consumer() { need pkg-config pkg-config && installed consume_pkg_config; }
cmake_consumer() { need cmake cmake && installed consume_cmake; }

# ---- Examples ----

# The program of the README, as it is there.
readme_program() {
    local root=$OUT/readme
    mkdir -p "$root"
    awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md > "$root/program.c"
    $CC $C_STRICT $CFLAGS -Iinclude "$root/program.c" -o "$root/program" -L"$LIB" -Wl,-rpath,"$LIB" -llode || return 1
    (cd "$root" && ./program > id) || return 1
    "$BIN/cat" "$root" events "$(cat "$root/id")" > "$root/out" || return 1
    printf '%s\n' '{"id":1,"user":"alice"}' '{"id":2,"user":"bob"}' | cmp - "$root/out"
}

transcript() {
    "$BIN/stream_write_records" > "$OUT/transcript" || return 1
    local root
    root=$(sed -n 's/^Storage root: //p' "$OUT/transcript")
    case $root in "$TMPDIR"/lode-stream-records-*) ;; *) echo "the storage root is $root" && return 1 ;; esac
    [ ! -e "$root" ] || { echo "$root was left" && return 1; }
    sed -E -e 's|^Storage root: .*|Storage root: <root>|' -e 's/[0-9]{19}-[0-9a-f]{16}/<id>/g' \
        -e '/^=== POINTS/,/^=== SUCCESS/s/^  .*/  <message>/' "$OUT/transcript" | diff tests/c/stream_write_records.expected -
}

round_trip() {
    local store=$TMPDIR/made/by/ingest id
    for table in airports planes; do
        for compress in none gzip zstd; do
            for checksum in xxh3 md5 sha256 none; do
                local dataset=$table-$compress-$checksum
                id=$("$BIN/ingest" --compress $compress --checksum $checksum "$store" $dataset tests/data/$table.jsonl) || return 1
                "$BIN/cat" "$store" $dataset | cmp - tests/data/$table.jsonl || return 1
                "$BIN/cat" "$store" $dataset "$id" | cmp - tests/data/$table.jsonl || return 1
            done
        done
    done
    # Standard input, blank lines, a last line without an end; the snapshot before stays readable.
    printf '{"a":1}\n\n\r\n{"a":2}' | "$BIN/ingest" "$store" airports-none-xxh3 > /dev/null || return 1
    [ "$("$BIN/cat" "$store" airports-none-xxh3)" = $'{"a":1}\n{"a":2}' ] || { echo "standard input" && return 1; }
    id=$(printf '' | "$BIN/ingest" "$store" empty -) && [ -z "$("$BIN/cat" "$store" empty "$id")" ] || return 1
    rm -rf "$TMPDIR/made"
}

# refuses STATUS FRAGMENT COMMAND...: the command ends with STATUS, says FRAGMENT on stderr and nothing on stdout.
refuses() {
    local want=$1 fragment=$2 out status
    shift 2
    out=$("$@" 2> "$OUT/refused")
    status=$?
    if [ $status != "$want" ] || [ -n "$out" ] || ! grep -qF -- "$fragment" "$OUT/refused"; then
        echo "$*: status $status (expected $want), stdout '$out', stderr (expected $fragment):" && cat "$OUT/refused"
        return 1
    fi
}

tool_failures() {
    local store=$TMPDIR/failures bad=$TMPDIR/bad.jsonl long=$TMPDIR/long.jsonl
    printf '{"a":1}\n\n{"a":2}\n\n{"a":x}\n{"a":3}\n' > "$bad"
    refuses 1 "$bad:5 (byte 23 of the input)" "$BIN/ingest" "$store" bad "$bad" || return 1
    refuses 1 LODE_ERR_NO_SNAPSHOTS "$BIN/cat" "$store" bad || return 1
    head -c 11000000 /dev/zero | tr '\0' ' ' | sed 's/^ /"/; s/ $/"/' > "$long"
    refuses 1 LODE_ERR_RECORD_TOO_LARGE "$BIN/ingest" "$store" bad "$long" || return 1
    head -c 20000000 /dev/zero | tr '\0' ' ' | sed 's/^ /"/; s/ $/"/' > "$long"
    refuses 1 "$long:1" "$BIN/ingest" "$store" bad "$long" || return 1
    refuses 1 "no-such-file" "$BIN/ingest" "$store" bad no-such-file || return 1
    refuses 1 "cannot make the directory" "$BIN/ingest" "$bad/below" bad "$bad" || return 1
    refuses 1 LODE_ERR_INVALID_ARGUMENT "$BIN/ingest" "$store" a/b "$bad" || return 1
    refuses 1 LODE_ERR_SNAPSHOT_NOT_FOUND "$BIN/cat" "$store" bad 1700000000000000000-0123456789abcdef || return 1
    refuses 2 "--compress" "$BIN/ingest" --compress lzma "$store" bad "$bad" || return 1
    refuses 2 "usage:" "$BIN/ingest" "$store" || return 1
    refuses 2 "usage:" "$BIN/cat" "$store" || return 1
    if find "$store" -name '.lode-*' | grep .; then
        echo "temporary files of refused ingests" && return 1
    fi

    "$BIN/ingest" "$store" good tests/data/planes.jsonl > /dev/null || return 1
    "$BIN/cat" "$store" good > /dev/full 2> "$OUT/refused" && { echo "a full disk went unnoticed" && return 1; }
    grep -q 'No space left' "$OUT/refused" || { cat "$OUT/refused" && return 1; }
    # A reader that has seen enough: no message.
    "$BIN/cat" "$store" good 2> "$OUT/refused" | head -n 1 | cmp - <(head -n 1 tests/data/planes.jsonl) || return 1
    [ ! -s "$OUT/refused" ] || { cat "$OUT/refused" && return 1; }
    # Damage is found at the end at the latest, and told from the exit status.
    local file
    file=$(echo "$store"/datasets/good/snapshots/*/data/data)
    printf 'X' | dd of="$file" bs=1 seek=300000 conv=notrunc status=none
    "$BIN/cat" "$store" good > /dev/null 2> "$OUT/refused" && { echo "damage went unnoticed" && return 1; }
    grep -q LODE_ERR_CORRUPT "$OUT/refused" || { cat "$OUT/refused" && return 1; }
    rm -rf "$store" "$bad" "$long"
}

blob_upload() {
    local store=$TMPDIR/uploads file=tests/data/planes.jsonl object
    for option in "" --zstd; do
        # shellcheck disable=SC2086
        "$BIN/blob_upload" $option "$store" files $file > "$OUT/uploaded" || return 1
        cat "$OUT/uploaded"
        grep -q "read     $(stat -c %s $file) bytes, equal" "$OUT/uploaded" || return 1
        [ "$(sed -n 's/^range .*: //p' "$OUT/uploaded")" = "$(tail -c 16 $file | od -An -tx1 | sed 's/^ //')" ] || return 1
        object=$store/$(sed -n 's/^object *//p' "$OUT/uploaded")
        [ -n "$option" ] || cmp "$object" $file || return 1
    done
    : > "$TMPDIR/nothing"
    "$BIN/blob_upload" "$store" files "$TMPDIR/nothing" || return 1
    refuses 1 "Is a directory; nothing was committed" "$BIN/blob_upload" "$store" files "$TMPDIR" || return 1
    refuses 1 "cannot open" "$BIN/blob_upload" "$store" files "$TMPDIR/none" || return 1
    refuses 1 LODE_ERR_INVALID_ARGUMENT "$BIN/blob_upload" "$store" a/b $file || return 1
    refuses 1 "cannot make the directory" "$BIN/blob_upload" "$file/below" files $file || return 1
    refuses 2 "usage:" "$BIN/blob_upload" "$store" || return 1
    if find "$store" -name '.lode-*' | grep .; then
        echo "temporary files of refused uploads" && return 1
    fi
    auditor
    python3 tests/c/audit.py "$store" files --length 3 --no-leftovers || return 1
    rm -rf "$store" "$TMPDIR/nothing"
}

daemon() {
    auditor
    need strace strace
    python3 tests/c/daemon.py "$BIN/daemon" "$BIN/cat"
}

interrupted() {
    local store=$TMPDIR/interrupted status
    mkfifo "$TMPDIR/pipe"
    "$BIN/ingest" "$store" stopped "$TMPDIR/pipe" 2> "$OUT/refused" &
    local pid=$!
    # Opening the pipe waits for the reader; the open end keeps it waiting for more.
    exec 9> "$TMPDIR/pipe"
    head -n 3000 tests/data/planes.jsonl >&9
    # Its temporary file shows that it has begun to read, and so that it catches signals.
    until find "$store" -name '.lode-*' 2> /dev/null | grep -q .; do
        kill -0 $pid 2> /dev/null || break
        sleep 0.02
    done
    kill -TERM $pid
    wait $pid
    status=$?
    exec 9>&-
    rm "$TMPDIR/pipe"
    [ $status = 130 ] || { echo "exit status $status" && cat "$OUT/refused" && return 1; }
    if find "$store" -name '.lode-*' | grep .; then
        echo "left by an interrupted ingest" && return 1
    fi
    rm -rf "$store"
}

# ---- C tests ----

compile() { # NAME LIBRARIES...
    local name=$1
    shift
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -g -Iinclude "tests/c/$name.c" -o "$OUT/$name" -L"$LIB" -Wl,-rpath,"$LIB" -llode "$@"
}

run_test() { # NAME
    compile "$1" -pthread && "$OUT/$1"
}

memcheck() { # PROGRAM
    need valgrind valgrind
    export LODE_TEST_CHECKED_MEMORY=1
    valgrind -q --leak-check=full --show-leak-kinds=definite,possible --errors-for-leak-kinds=definite,possible \
        --error-exitcode=99 --child-silent-after-fork=yes "$1"
}

thread_sanitizer() {
    need nm binutils
    tests/c/thread_sanitizer.sh "$HERE/$BUILD/thread_sanitizer"
}

# The auditor verifies xxh3 checksums with a module that Python comes without.
auditor() {
    need python3 python3
    export PYTHONPATH=$HERE/$BUILD/python
    python3 -c 'import xxhash' 2> /dev/null ||
        python3 -m pip install --quiet --disable-pip-version-check --target "$PYTHONPATH" xxhash || true
}

eight_processes() {
    auditor
    compile concurrent || return 1
    "$OUT/concurrent" "$TMPDIR/many" crowd 8 250 "$TMPDIR/acknowledged" &&
        python3 tests/c/audit.py "$TMPDIR/many" crowd --acknowledged "$TMPDIR/acknowledged" --length 2000 --no-leftovers || return 1
    rm -rf "$TMPDIR/many" "$TMPDIR/acknowledged"
}

broken_off() { # kill|errno [records|blob|hive|adopt|dangling|choose|once]
    auditor
    need strace strace
    compile commit_once && python3 tests/c/break_off.py "$1" "$OUT/commit_once" "${2:-records}"
}

# Between its two marks a program that appends asks nothing of the system but write.
append_calls() {
    need strace strace
    compile append_calls || return 1
    local form compressor root=$TMPDIR/appended found
    for form in append append-batch append-lines; do
        for compressor in none gzip zstd; do
            mkdir "$root" || return 1
            strace -f -o "$OUT/trace" "$OUT/append_calls" "$root" $form $compressor 100000 || return 1
            found=$(sed -n '/getppid/,/getppid/p' "$OUT/trace" | sed -E 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/' | sort | uniq -c | xargs)
            echo "$form, $compressor: $found"
            grep -qE '^2 getppid [0-9]+ write$' <<< "$found" || return 1
            rm -rf "$root"
        done
    done
}

nothing_left() {
    local left
    left=$(ls -A "$TMPDIR")
    [ -z "$left" ] || { echo "left in the directory for temporary files: $left" && return 1; }
}

check header_c99 header_alone "$CC" c99 c
check header_c11 header_alone "$CC" c11 c
check header_cxx17 header_cxx
check header_walk header_walk
check shared_library shared_library
check static_link static_link
check pkg_config_consumer pkg_config_consumer
check cmake_consumer cmake_consumer
check transcript transcript
check readme_program readme_program
check hive_example "$BIN/hive_layout"
check custom_store "$BIN/custom_store"
check round_trip round_trip
check tool_failures tool_failures
check blob_upload blob_upload
check manifest_driven "$BIN/manifest_driven"
check optimistic_concurrency "$BIN/optimistic_concurrency"
check interrupted interrupted
check daemon daemon
for test in api_misuse conditions_pull conditions_push conditions_commit conditions_producer conditions_read conditions_blob conditions_layouts conditions_catalog conditions_store custom_store_broken guest stack threads; do
    check $test run_test $test
done
check memcheck_example memcheck "$BIN/stream_write_records"
check memcheck_manifest_driven memcheck "$BIN/manifest_driven"
for test in api_misuse conditions_pull conditions_push conditions_commit conditions_producer conditions_read conditions_blob conditions_layouts conditions_catalog conditions_store custom_store_broken; do
    check memcheck_$test memcheck "$OUT/$test"
done
check thread_sanitizer thread_sanitizer
check eight_processes eight_processes
check append_calls append_calls
check broken_off_kill broken_off kill
check broken_off_errno broken_off errno
check broken_off_hive_kill broken_off kill hive
check broken_off_hive_errno broken_off errno hive
check broken_off_kill_blob broken_off kill blob
check broken_off_errno_blob broken_off errno blob
check broken_off_kill_adopt broken_off kill adopt
check broken_off_errno_adopt broken_off errno adopt
check broken_off_kill_dangling broken_off kill dangling
check broken_off_errno_dangling broken_off errno dangling
check broken_off_kill_choose broken_off kill choose
check broken_off_errno_choose broken_off errno choose
check broken_off_kill_once broken_off kill once
check broken_off_errno_once broken_off errno once
check nothing_left nothing_left

if [ $skipped = 0 ]; then
    echo "$passed passed, $failed failed"
else
    echo "$passed passed, $failed failed, $skipped skipped"
fi
[ $failed = 0 ]
