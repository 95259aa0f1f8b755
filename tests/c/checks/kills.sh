# shellcheck shell=bash
# Commits under a tracer: the system calls of appending, processes killed or failed at each call, and many at
# once.

eight_processes() {
    auditor
    compile concurrent || return 1
    "$OUT/concurrent" "$TMPDIR/many" crowd 8 250 "$TMPDIR/acknowledged" &&
        python3 tests/c/audit.py "$TMPDIR/many" crowd --acknowledged "$TMPDIR/acknowledged" --length 2000 --no-leftovers || return 1
    rm -rf "$TMPDIR/many" "$TMPDIR/acknowledged"
}

# Eight processes of four threads stage a thousand parts, half of them are killed, and a coordinator that is
# killed commits what it was told of.
many_parts() {
    auditor
    python3 tests/c/many_parts.py "$BIN/parts" "$BIN/cat" --kills 10
}

broken_off() { # MODE[,SCENE]...: see break_off.py
    auditor
    need strace strace
    compile commit_once && python3 tests/c/break_off.py "$OUT/commit_once" "$@"
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

check eight_processes eight_processes
check append_calls append_calls
check many_parts many_parts
check broken_off_kill broken_off kill
check broken_off_errno broken_off errno
for scene in hive parts stream blob adopt dangling choose once volume collect; do
    check "broken_off_kill_$scene" broken_off "kill,$scene"
    check "broken_off_errno_$scene" broken_off "errno,$scene"
done
