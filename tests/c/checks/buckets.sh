# shellcheck shell=bash
# Stores by their URL: without the feature object-store, and with it on a server that runs here.

# Runs a command with S3_ENDPOINT and credentials of a MinIO server that has the bucket `tests`.
with_minio() {
    need python3 python3
    local program port data=$OUT/minio pipe=$OUT/minio.pipe status
    program=$(sh tests/servers/minio.sh) || exit $SKIP
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export ACCESS_KEY_ID=lode-tests SECRET_ACCESS_KEY=a-secret-of-these-tests S3_ENDPOINT=http://127.0.0.1:$port
    mkdir -p "$data" && mkfifo "$pipe"
    MINIO_ROOT_USER=$ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$SECRET_ACCESS_KEY MINIO_BROWSER=off \
        sh tests/servers/supervise.sh "$program" server --quiet --address "127.0.0.1:$port" "$data" < "$pipe" > /dev/null 2>&1 &
    # The server ends when this is closed, however this ends.
    exec 9> "$pipe"
    local tries=0
    until python3 tests/servers/s3.py "$S3_ENDPOINT" make tests 2> "$OUT/minio.log"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "the server does not serve:" && cat "$OUT/minio.log" && return 1; }
        sleep 0.1
    done
    "$@"
    status=$?
    exec 9>&-
    wait
    rm -rf "$data" "$pipe"
    return $status
}

# The library of the build with every feature.
contract_url_full() {
    local LIB=$HERE/$BUILD/full/lib
    [ -e "$LIB/liblode.so" ] || { echo "there is no $LIB: make full builds it" && return "$SKIP"; }
    mkdir -p "$OUT/full"
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -g -Iinclude tests/c/contract_url.c -o "$OUT/full/contract_url" -L"$LIB" -Wl,-rpath,"$LIB" -llode || return 1
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -g -Iinclude examples-c/object_store.c -o "$OUT/full/object_store" -L"$LIB" -Wl,-rpath,"$LIB" -llode || return 1
    with_minio buckets_on_server
}

buckets_on_server() {
    "$OUT/full/contract_url" || return 1
    local settings=$OUT/full/settings.json
    printf '{"endpoint":"%s","allow_http":true,"access_key_id":"%s","secret_access_key":"%s"}\n' \
        "$S3_ENDPOINT" "$ACCESS_KEY_ID" "$SECRET_ACCESS_KEY" > "$settings"
    [ "$("$OUT/full/object_store" s3://tests/example "$settings" | tail -n 1)" = '{"event":"signup","user":"alice"}' ]
}

example_without_feature() {
    refuses 3 'needs the feature object-store' "$BIN/object_store" s3://bucket/prefix || return 1
    [ "$("$BIN/object_store" memory: | tail -n 1)" = '{"event":"signup","user":"alice"}' ]
}

check contract_url run_test contract_url
check contract_url_full contract_url_full
check example_without_feature example_without_feature
