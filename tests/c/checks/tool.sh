# shellcheck shell=bash
# The tool on a bucket, beside a directory.

tool_on_server() {
    local lode=$HERE/$BUILD/full/bin/lode directory=$TMPDIR/tool bucket=s3://tests/tool
    mkdir "$directory" || return 1
    printf '{"endpoint":"%s","allow_http":true,"access_key_id":"%s","secret_access_key":"%s"}\n' \
        "$S3_ENDPOINT" "$ACCESS_KEY_ID" "$SECRET_ACCESS_KEY" > "$directory/settings.json"
    export LODE_STORE_SETTINGS=$directory/settings.json
    "$lode" ingest --compress zstd --roll-records 100 "$bucket" planes tests/data/planes.jsonl > "$directory/ids" || return 1
    "$lode" cat "$bucket" planes --all | cmp - tests/data/planes.jsonl || return 1
    "$lode" ls "$bucket" | grep -q '^planes *default ' && [ "$("$lode" log "$bucket" planes --json | wc -l)" = "$(wc -l < "$directory/ids")" ] || return 1
    [ "$("$lode" files "$bucket" planes | sed 's|datasets/.*||')" = "$bucket/" ] || { "$lode" files "$bucket" planes && return 1; }
    "$lode" verify "$bucket" planes || return 1
    # From the bucket to a directory, more there, and back into another place of the bucket.
    "$lode" cp "$bucket" planes "$directory/copy" && "$lode" verify "$directory/copy" planes || return 1
    "$lode" ingest "$directory/copy" planes tests/data/planes.jsonl > /dev/null || return 1
    "$lode" cp "$directory/copy" planes s3://tests/other && "$lode" verify s3://tests/other planes || return 1
    "$lode" cat s3://tests/other planes --all | cmp - <(cat tests/data/planes.jsonl tests/data/planes.jsonl) || return 1
    # Credentials of no one are refused, and said to be.
    printf '{"endpoint":"%s","allow_http":true,"access_key_id":"none","secret_access_key":"none"}\n' "$S3_ENDPOINT" > "$directory/wrong.json"
    refuses 1 ACCESS_DENIED "$lode" --store-settings "$directory/wrong.json" ls "$bucket" planes || return 1
    rm -rf "$directory"
}

tool_on_bucket() {
    [ -x "$HERE/$BUILD/full/bin/lode" ] || { echo "there is no $BUILD/full/bin/lode: make full builds it" && return "$SKIP"; }
    with_minio tool_on_server
}

check tool_on_bucket tool_on_bucket
