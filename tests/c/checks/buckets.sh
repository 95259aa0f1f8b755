# shellcheck shell=bash
# Stores by their URL: without the feature object-store, and with it on a server that runs here.

# served NAME READY PROGRAM [ARGUMENT...] -- COMMAND...: runs a command beside a server, once the command READY succeeds.
served() {
    local pipe=$OUT/$1.pipe log=$OUT/$1.log ready=$2 status tries=0 server=()
    shift 2
    while [ "$1" != -- ]; do server+=("$1") && shift; done
    shift
    mkfifo "$pipe"
    sh tests/servers/supervise.sh "${server[@]}" < "$pipe" > /dev/null 2>&1 &
    # The server ends when this is closed, however this ends.
    exec 9> "$pipe"
    until $ready 2> "$log"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "the server does not serve:" && cat "$log" && return 1; }
        sleep 0.1
    done
    "$@"
    status=$?
    exec 9>&-
    wait
    rm -rf "$pipe"
    return $status
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Runs a command with S3_ENDPOINT, credentials and S3_SETTINGS of a MinIO server that has the bucket `tests`.
with_minio() {
    need python3 python3
    local program port data=$OUT/minio status
    program=$(sh tests/servers/minio.sh) || exit $SKIP
    port=$(free_port)
    export ACCESS_KEY_ID=lode-tests SECRET_ACCESS_KEY=a-secret-of-these-tests S3_ENDPOINT=http://127.0.0.1:$port
    export S3_SETTINGS="{\"endpoint\":\"$S3_ENDPOINT\",\"allow_http\":true,\"access_key_id\":\"$ACCESS_KEY_ID\",\"secret_access_key\":\"$SECRET_ACCESS_KEY\"}"
    export MINIO_ROOT_USER=$ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$SECRET_ACCESS_KEY MINIO_BROWSER=off
    mkdir -p "$data"
    served minio "python3 tests/servers/s3.py $S3_ENDPOINT make tests" \
        "$program" server --quiet --address "127.0.0.1:$port" "$data" -- "$@"
    status=$?
    rm -rf "$data"
    return $status
}

# Runs a command with AZURE_SETTINGS of an Azurite server that has the container `tests`.
with_azurite() {
    need python3 python3
    local program port key data=$OUT/azurite status
    program=$(sh tests/servers/azurite.sh) || exit $SKIP
    port=$(free_port)
    key=$(sed -n 's/^KEY = "\(.*\)"$/\1/p' tests/servers/azure_container.py)
    export AZURE_SETTINGS="{\"endpoint\":\"http://127.0.0.1:$port\",\"allow_http\":true,\"account\":\"devstoreaccount1\",\"access_key\":\"$key\"}"
    mkdir -p "$data"
    served azurite "python3 tests/servers/azure_container.py http://127.0.0.1:$port tests" \
        "$program" --silent --disableTelemetry --skipApiVersionCheck --loose --blobHost 127.0.0.1 --blobPort "$port" \
        --location "$data" -- "$@"
    status=$?
    rm -rf "$data"
    return $status
}

# Runs a command with GCS_SETTINGS of the small server of Google Cloud Storage's requests that the Rust tests have.
with_gcs() {
    need python3 python3
    local port tests=("$CARGO" test --workspace --all-features --test object_stores)
    "${tests[@]}" --no-run || return 1
    port=$(free_port)
    export GCS_SETTINGS="{\"endpoint\":\"http://127.0.0.1:$port\",\"allow_http\":true,\"credentials\":\"anonymous\"}"
    LODE_TEST_GCS_PORT=$port served gcs "listens $port" \
        "${tests[@]}" gcs::a_server_for_programs_in_other_languages -- "$@"
}

listens() { # PORT
    (exec 3<> "/dev/tcp/127.0.0.1/$1")
}

# in_full NAME SOURCE: compiled against the library of the build with every feature, as $OUT/full/NAME.
in_full() {
    local LIB=$HERE/$BUILD/full/lib
    [ -e "$LIB/liblode.so" ] || { echo "there is no $LIB: make full builds it" && return "$SKIP"; }
    mkdir -p "$OUT/full"
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -g -DEVERY_FEATURE -pthread -Iinclude "$2" -o "$OUT/full/$1" -L"$LIB" -Wl,-rpath,"$LIB" -llode
}

contract_url_full() {
    in_full contract_url tests/c/contract_url.c && in_full object_store examples-c/object_store.c || return
    with_minio buckets_on_server
}

buckets_on_server() {
    "$OUT/full/contract_url" || return 1
    local settings=$OUT/full/settings.json
    echo "$S3_SETTINGS" > "$settings"
    [ "$("$OUT/full/object_store" s3://tests/example "$settings" | tail -n 1)" = '{"event":"signup","user":"alice"}' ]
}

# The contract tests with stores in a bucket. What only directories have is left out, and named.
CONTRACTS="api_misuse lengths contract_pull contract_push contract_commit contract_producer contract_read contract_blob
    contract_layouts contract_catalog contract_store contract_parts contract_upkeep contract_volume contract_arrow"

contracts_in_a_bucket() { # WITH SCHEME
    local test
    for test in $CONTRACTS; do
        in_full "$test" "tests/c/$test.c" || return
    done
    "$1" run_contracts "$2"
}

run_contracts() {
    local test failed=0
    export LODE_TEST_STORE_URL=$1://tests/contracts LODE_TEST_STORE_SETTINGS=${AZURE_SETTINGS:-${GCS_SETTINGS:-${S3_SETTINGS:-}}}
    for test in $CONTRACTS; do
        "$OUT/full/$test" || failed=1
    done
    return $failed
}

# The interop tests, both sides in a bucket; `make soak` runs those that are left out here.
interop_in_a_bucket() {
    need go golang
    with_minio run_interop
}

run_interop() {
    export LODE_TEST_STORE_URL=s3://tests/interop LODE_TEST_STORE_SETTINGS=$S3_SETTINGS
    local tests="we_continue_what_go_wrote alternating_in_the_other_layouts blobs:: catalog:: parts:: volumes::"
    [ "${LODE_SOAK:-0}" = 0 ] || tests="alternation:: blobs:: catalog:: datasets:: layouts:: matrix:: parquet:: parts:: volumes::"
    # shellcheck disable=SC2086
    "$CARGO" test --workspace --all-features --test interop -- $tests
}

# A release of DuckDB of which PyPI has the extension httpfs as well.
HTTPFS=${XDG_CACHE_HOME:-$HOME/.cache}/lode/duckdb-httpfs-1.5.5

httpfs() {
    need python3 python3
    local python=$HTTPFS/bin/python
    [ -x "$python" ] || { mkdir -p "$HTTPFS" && python3 -m venv "$HTTPFS"; } || exit "$SKIP"
    "$python" -c 'import duckdb, duckdb_extension_httpfs' 2> /dev/null ||
        "$python" -m pip install --quiet --disable-pip-version-check duckdb==1.5.5 duckdb-extension-httpfs==1.5.5 ||
        exit "$SKIP"
}

# The tool on a bucket; and PyArrow, Polars and DuckDB, each with a client of its own, on what the tool wrote.
tool_in_a_bucket() {
    local tool=$HERE/$BUILD/full/bin/lode
    [ -x "$tool" ] || { echo "there is no $tool: make full builds it" && return "$SKIP"; }
    mkdir -p "$OUT/full"
    engines
    httpfs
    with_minio run_tool "$tool"
}

run_tool() {
    local tool=$1 store=s3://tests/tool settings=$OUT/full/settings.json airports=tests/data/airports.jsonl id
    local copy=$TMPDIR/copy
    echo "$S3_SETTINGS" > "$settings"
    export LODE_STORE_SETTINGS=$settings
    "$tool" ingest --quiet "$store" airports tests/data/planes.jsonl > /dev/null || return 1
    id=$("$tool" ingest --quiet --compress zstd "$store" airports "$airports") || return 1
    "$tool" cat "$store" airports | cmp - "$airports" || return 1
    "$tool" cat "$store" airports "$id" | cmp - "$airports" || return 1
    "$tool" ls "$store" | grep -q airports || { echo 'lode ls does not show the dataset' && return 1; }
    [ "$("$tool" log "$store" airports | grep -c "$id")" -ge 1 ] || { echo 'lode log does not show the commit' && return 1; }
    "$tool" show "$store" airports | grep -q "$id" || { echo 'lode show does not show the snapshot' && return 1; }
    [ "$("$tool" files "$store" airports | sed 's|/datasets/.*||')" = "$store" ] || { "$tool" files "$store" airports && return 1; }
    printf '{"endpoint":"%s","allow_http":true,"access_key_id":"none","secret_access_key":"none"}\n' "$S3_ENDPOINT" > "$OUT/full/wrong.json"
    refuses 1 ACCESS_DENIED "$tool" --store-settings "$OUT/full/wrong.json" ls "$store" airports || return 1
    "$tool" verify --quiet "$store" airports || return 1
    "$tool" gc --quiet "$store" airports | grep -q '^0 objects with 0 B were removed' || { "$tool" gc "$store" airports && return 1; }
    # From a bucket to a directory and back to another place in the bucket.
    "$tool" cp --quiet "$store" airports "$copy" > /dev/null && "$tool" cp --quiet "$copy" airports s3://tests/tool2 > /dev/null || return 1
    "$tool" cat s3://tests/tool2 airports | cmp - "$airports" || return 1
    rm -rf "$copy"
    # Without settings the environment is asked; it may have no connection without TLS unless it says so.
    unset LODE_STORE_SETTINGS
    export AWS_ACCESS_KEY_ID=$ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$SECRET_ACCESS_KEY AWS_ENDPOINT_URL=$S3_ENDPOINT
    AWS_ALLOW_HTTP=true "$tool" cat "$store" airports | cmp - "$airports" || return 1
    refuses 1 'not sent: 127.0.0.1' "$tool" cat "$store" airports || return 1
    export LODE_STORE_SETTINGS=$settings
    engines_read airports "$airports" || return 1
    printf '{"fields":[{"name":"n","type":"int64"},{"name":"name","type":"string","nullable":true}]}' > "$OUT/full/schema.json"
    printf '{"n":1,"name":"one"}\n{"n":2}\n' > "$OUT/full/rows.jsonl"
    "$tool" ingest --quiet --codec parquet --schema "$OUT/full/schema.json" "$store" columns "$OUT/full/rows.jsonl" > /dev/null || return 1
    engines_read columns "$OUT/full/rows.jsonl"
}

engines_read() { # DATASET EXPECTED
    "$ENGINES/bin/python" tests/c/bucket_engines.py tests/tool "$@" && "$HTTPFS/bin/python" tests/c/bucket_duckdb.py tests/tool "$@"
}

example_without_feature() {
    refuses 3 'needs the feature object-store' "$BIN/object_store" s3://bucket/prefix || return 1
    [ "$("$BIN/object_store" memory: | tail -n 1)" = '{"event":"signup","user":"alice"}' ]
}

check contract_url run_test contract_url
check contract_url_full contract_url_full
check contracts_in_a_bucket contracts_in_a_bucket with_minio s3
check contracts_in_a_container contracts_in_a_bucket with_azurite az
check contracts_with_generations contracts_in_a_bucket with_gcs gs
check interop_in_a_bucket interop_in_a_bucket
check tool_in_a_bucket tool_in_a_bucket
check example_without_feature example_without_feature
