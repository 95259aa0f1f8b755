# shellcheck shell=bash
# The example programs, and the program of the README.

# The program of the README, as it is there.
readme_program() {
    local root=$OUT/readme
    mkdir -p "$root"
    awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md > "$root/program.c"
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -Iinclude "$root/program.c" -o "$root/program" -L"$LIB" -Wl,-rpath,"$LIB" -llode || return 1
    (cd "$root" && ./program > id) || return 1
    "$BIN/cat" "$root" events "$(cat "$root/id")" > "$root/out" || return 1
    printf '%s\n' '{"id":1,"user":"alice"}' '{"id":2,"user":"bob"}' | cmp - "$root/out"
}

# The daemon of the tutorial, put together from its steps: killed again and again, each line is there once.
tutorial_program() {
    local root=$OUT/tutorial try
    mkdir -p "$root/store" && awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' docs/tutorial.md > "$root/daemon.c"
    # shellcheck disable=SC2086
    $CC $C_STRICT -D_DEFAULT_SOURCE $CFLAGS -Iinclude "$root/daemon.c" -o "$root/daemon" -L"$LIB" -Wl,-rpath,"$LIB" -llode || return 1
    seq 20000 | sed 's/.*/{"n":&,"pad":"xxxxxxxxxxxxxxxx"}/' | head -c -1 > "$root/lines" # the last line has no end
    for try in 0.02 0.05 0.1; do
        timeout -s KILL $try "$root/daemon" "$root/store" events < "$root/lines"
    done
    "$root/daemon" "$root/store" events < "$root/lines" && "$root/daemon" "$root/store" events < "$root/lines" || return 1
    (cat "$root/lines" && echo) | cmp - <("$BIN/lode" cat "$root/store" events --all) || return 1
    printf '{"n":1}\nbad\n' > "$root/bad"
    refuses 1 "record 1" "$root/daemon" "$root/store" other < "$root/bad"
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
    # What follows the last line end is a blank line if it is white space.
    for text in '{"a":1}' $'{"a":1}\n' $'{"a":1}\n \t ' $'{"a":1}\r' $'{"a":1}\n\r'; do
        printf '%s' "$text" | "$BIN/ingest" "$store" ends > /dev/null || return 1
        [ "$("$BIN/cat" "$store" ends)" = '{"a":1}' ] || { printf 'an input that ends so: %q\n' "$text" && return 1; }
    done
    id=$(printf '  ' | "$BIN/ingest" "$store" ends) && [ -z "$("$BIN/cat" "$store" ends "$id")" ] || return 1
    rm -rf "$TMPDIR/made"
}

tool_failures() {
    local store=$TMPDIR/failures bad=$TMPDIR/bad.jsonl long=$TMPDIR/long.jsonl
    printf '{"a":1}\n\n{"a":2}\n\n{"a":x}\n{"a":3}\n' > "$bad"
    refuses 1 "$bad: line 5 (byte 23 of the input)" "$BIN/ingest" "$store" bad "$bad" || return 1
    refuses 1 LODE_ERR_NO_SNAPSHOTS "$BIN/cat" "$store" bad || return 1
    head -c 11000000 /dev/zero | tr '\0' ' ' | sed 's/^ /"/; s/ $/"/' > "$long"
    refuses 1 LODE_ERR_RECORD_TOO_LARGE "$BIN/ingest" "$store" bad "$long" || return 1
    head -c 20000000 /dev/zero | tr '\0' ' ' | sed 's/^ /"/; s/ $/"/' > "$long"
    refuses 1 "$long: line 1 " "$BIN/ingest" "$store" bad "$long" || return 1
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
    # A reader that closes its end early: no message.
    "$BIN/cat" "$store" good 2> "$OUT/refused" | head -n 1 | cmp - <(head -n 1 tests/data/planes.jsonl) || return 1
    [ ! -s "$OUT/refused" ] || { cat "$OUT/refused" && return 1; }
    # Damage is found by the end at the latest, and shows in the exit status.
    local file
    file=$(echo "$store"/datasets/good/snapshots/*/data/data)
    printf 'X' | dd of="$file" bs=1 seek=300000 conv=notrunc status=none
    "$BIN/cat" "$store" good > /dev/null 2> "$OUT/refused" && { echo "damage went unnoticed" && return 1; }
    grep -q LODE_ERR_CORRUPT "$OUT/refused" || { cat "$OUT/refused" && return 1; }
    rm -rf "$store" "$bad" "$long"
}

pipes() {
    need python3 python3
    timeout 300 python3 tests/c/pipes.py "$BIN/ingest" "$BIN/cat" "$TMPDIR" tests/data/planes.jsonl
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

parts_example() {
    local store=$TMPDIR/parts
    "$BIN/parts" demo "$store" events || return 1
    [ "$("$BIN/cat" "$store" events | wc -l)" = 200 ] || { echo "not 200 records" && return 1; }
    refuses 2 "usage:" "$BIN/parts" || return 1
    refuses 1 "a line is no part" "$BIN/parts" commit "$store" events job < tests/data/planes.jsonl || return 1
    auditor
    python3 tests/c/audit.py "$store" events --length 1 --no-leftovers || return 1
    rm -rf "$store"
}

# A volume is filled from a file, and again once it is complete; what lies behind it is one chain of
# snapshots.
volume() {
    local store=$TMPDIR/volumes file=tests/data/planes.jsonl size
    size=$(stat -c %s $file)
    "$BIN/volume" "$store" disk $file 20000 > "$OUT/filled" || return 1
    cat "$OUT/filled"
    grep -q "^$size bytes are as in the file" "$OUT/filled" || return 1
    [ "$(grep -c 'blocks more' "$OUT/filled")" -gt 3 ] || { echo "one commit was enough" && return 1; }
    [ "$("$BIN/volume" "$store" disk $file 20000 | wc -l)" = 1 ] || { echo "it was filled again" && return 1; }
    refuses 1 "it is another one" "$BIN/volume" "$store" disk tests/data/airports.jsonl || return 1
    refuses 1 "cannot open" "$BIN/volume" "$store" disk "$TMPDIR/none" || return 1
    refuses 1 LODE_ERR_INVALID_ARGUMENT "$BIN/volume" "$store" a/b $file || return 1
    refuses 2 "usage:" "$BIN/volume" "$store" || return 1
    rm -rf "$store"
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

check transcript transcript
check tutorial_program tutorial_program
check readme_program readme_program
check hive_example "$BIN/hive_layout"
check custom_store "$BIN/custom_store"
check round_trip round_trip
check tool_failures tool_failures
check blob_upload blob_upload
check volume volume
check manifest_driven "$BIN/manifest_driven"
check parts_example parts_example
check optimistic_concurrency "$BIN/optimistic_concurrency"
check interrupted interrupted
check pipes pipes
check daemon daemon
