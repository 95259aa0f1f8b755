#!/usr/bin/env bash
# Runs the fuzz targets, each for FUZZ_SECONDS (60), from the seeds in fuzz/seeds and what earlier runs have
# kept in fuzz/corpus. Ends with a line for each; exit status 1 if one found something, whose input is then in
# fuzz/artifacts.
#
#   run.sh [TARGET...]      all targets without one
#
# Needs a nightly toolchain and cargo-fuzz, which is installed if it is missing.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${CARGO:=cargo}" "${FUZZ_SECONDS:=60}" "${FUZZ_TOOLCHAIN:=nightly}"
ALL="json jsonl manifest metadata producers slot gzip zstd dataset columns parquet arrow"

missing() {
    echo "fuzz: missing: $1" >&2
    exit 1
}
"$CARGO" "+$FUZZ_TOOLCHAIN" --version > /dev/null 2>&1 ||
    missing "a nightly Rust toolchain, which sanitizers need (rustup toolchain install $FUZZ_TOOLCHAIN)"
if ! "$CARGO" fuzz --version > /dev/null 2>&1; then
    echo "fuzz: installing cargo-fuzz"
    "$CARGO" install --quiet --locked cargo-fuzz ||
        missing "cargo-fuzz, and it could not be installed (cargo install cargo-fuzz)"
fi

# What a target is given beside the time.
options() {
    case $1 in
    json | jsonl | columns) echo -dict=fuzz/json.dict -max_len=4096 ;;
    metadata) echo -dict=fuzz/json.dict -max_len=4096 ;;
    manifest | producers | slot | dataset) echo -dict=fuzz/lode.dict -max_len=8192 ;;
    gzip | zstd | parquet | arrow) echo -max_len=4096 ;;
    esac
}

"$CARGO" "+$FUZZ_TOOLCHAIN" fuzz build || exit 1
failed=0 summary=
for target in ${*:-$ALL}; do
    log=fuzz/artifacts/$target.log
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    # shellcheck disable=SC2046
    "$CARGO" "+$FUZZ_TOOLCHAIN" fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 $(options "$target") \
        > "$log" 2>&1
    status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    line="fuzz: $target: ${runs:-no} executions, $(ls "fuzz/corpus/$target" | wc -l) inputs kept"
    if [ $status != 0 ]; then
        failed=1
        line="$line: FAILED, see $log"
        grep -B 2 -A 6 'panicked at\|ERROR: \|SUMMARY: ' "$log" | head -n 40
    fi
    echo "$line"
    summary="$summary$line
"
done
echo
printf '%s' "$summary"
exit $failed
