# shellcheck shell=bash
# The library with every feature: Arrow streams that lie, the examples of typed columns, and other engines on
# the same files. `make full` builds it below build/full.

FULL=$HERE/$BUILD/full/lib
ENGINES=${XDG_CACHE_HOME:-$HOME/.cache}/lode/engines
SPARK=${XDG_CACHE_HOME:-$HOME/.cache}/lode/spark

full() { # NAME [FLAG...]: tests/c/NAME.c against the library with every feature
    local name=$1
    shift
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -g -Iinclude "$@" "tests/c/$name.c" -o "$OUT/full_$name" -L"$FULL" -Wl,-rpath,"$FULL" -llode -pthread
}

arrow_contract() {
    full contract_arrow && "$OUT/full_contract_arrow"
}

arrow_contract_of_the_core() {
    compile contract_arrow && "$OUT/contract_arrow"
}

fork_with_arrow() {
    full fork && "$OUT/full_fork"
}

columns_stack() {
    full stack && "$OUT/full_stack"
}

memcheck_arrow() {
    full contract_arrow && memcheck "$OUT/full_contract_arrow"
}

# What the producer of the test owns is watched by the address sanitizer: a read beyond a buffer is its.
arrow_address_sanitizer() {
    full contract_arrow -fsanitize=address,undefined -fno-omit-frame-pointer || return 1
    "$OUT/full_contract_arrow"
}

arrow_types_contract() {
    full contract_arrow_types -fsanitize=address,undefined -fno-omit-frame-pointer || return 1
    "$OUT/full_contract_arrow_types"
}

# The feature costs nothing where it is not built, and about so much where it is.
parquet_size() {
    need strip binutils
    cp "$FULL/liblode.so" "$OUT/full.so" && strip --strip-unneeded "$OUT/full.so" || return 1
    echo "size: $(stat -c %s "$OUT/full.so") bytes, stripped, with every feature"
}

parquet_examples() {
    local store=$TMPDIR/parquet example
    mkdir "$store"
    for example in parquet arrow plan; do
        LD_LIBRARY_PATH=$FULL "$BIN/$example" "$store" > "$OUT/$example.out" || { cat "$OUT/$example.out" && return 1; }
    done
    grep -q '^refused: .*has a fraction' "$OUT/parquet.out" && grep -q ': 3 rows$' "$OUT/parquet.out" || { cat "$OUT/parquet.out" && return 1; }
    grep -q '^3000 rows are in; the stream is released: yes$' "$OUT/arrow.out" && grep -q ' 499 of them above 2500$' "$OUT/arrow.out" || { cat "$OUT/arrow.out" && return 1; }
    grep -q '^1 of 4 files are needed$' "$OUT/plan.out" && grep -q '^250 of 1000 rows were read$' "$OUT/plan.out" || { cat "$OUT/plan.out" && return 1; }
    # In the core build they say what is missing.
    refuses 1 'feature "parquet"' "$BIN/parquet" "$store" || return 1
    rm -rf "$store"
}

parquet_tool() {
    local store=$TMPDIR/tool tool=$HERE/$BUILD/full/bin/lode schema=$TMPDIR/schema.json id
    printf '{"fields":[{"name":"n","type":"int64"},{"name":"at","type":"timestamp","nullable":true}]}' > "$schema"
    printf '{"n":1}\n{"n":2,"at":"2026-01-01T00:00:00Z"}\n' | "$tool" ingest --quiet --codec parquet --schema "$schema" "$store" a > /dev/null || return 1
    [ "$("$tool" cat "$store" a)" = $'{"at":null,"n":1}\n{"at":"2026-01-01T00:00:00Z","n":2}' ] || { "$tool" cat "$store" a && return 1; }
    printf '{"n":1.5}\n' | "$tool" ingest --quiet --codec parquet --schema "$schema" "$store" a > "$OUT/violation" 2>&1 && return 1
    grep -q 'has a fraction' "$OUT/violation" || { cat "$OUT/violation" && return 1; }
    refuses 2 '--schema' "$tool" ingest --codec parquet "$store" a /dev/null || return 1
    rm -rf "$store" "$schema"
}

parquet_memory() {
    need python3 python3
    python3 tests/c/parquet_memory.py "$HERE/$BUILD/full/bin/lode" "$TMPDIR/memory" && rm -rf "$TMPDIR/memory"
}

# DuckDB, pandas, Polars and PyArrow from PyPI, kept from run to run.
engines() {
    need python3 python3
    local python=$ENGINES/bin/python
    [ -x "$python" ] || { mkdir -p "$ENGINES" && python3 -m venv "$ENGINES"; } || exit $SKIP
    "$python" -c 'import duckdb, pandas, polars, pyarrow' 2> /dev/null ||
        "$python" -m pip install --quiet --disable-pip-version-check duckdb pandas polars pyarrow || exit $SKIP
}

parquet_engines() {
    engines
    "$ENGINES/bin/python" tests/c/engines.py "$FULL/liblode.so" "$TMPDIR/engines" && rm -rf "$TMPDIR/engines"
}

columns_broken_off() { # MODE: a producer's commit of columns, as `broken_off` of kills.sh
    auditor
    need strace strace
    full commit_once && python3 tests/c/break_off.py "$OUT/full_commit_once" "$1,columns"
}

# Spark from PyPI, kept from run to run, on Java from Debian.
parquet_spark() {
    local python=$SPARK/bin/python
    need python3 python3
    need java default-jre-headless
    [ -x "$python" ] || { mkdir -p "$SPARK" && python3 -m venv "$SPARK"; } || exit $SKIP
    "$python" -c 'import pyspark' 2> /dev/null ||
        "$python" -m pip install --quiet --disable-pip-version-check pyspark || exit $SKIP
    PYSPARK_PYTHON=$python "$python" tests/c/spark.py "$HERE/$BUILD/full/bin/lode" "$TMPDIR/spark" 2> "$OUT/spark.err" || { tail -n 30 "$OUT/spark.err" && return 1; }
    rm -rf "$TMPDIR/spark"
}

arrow_example() {
    engines
    "$ENGINES/bin/python" examples-hosts/arrow.py "$FULL/liblode.so" "$TMPDIR/arrow_example" && rm -rf "$TMPDIR/arrow_example"
}

check arrow_contract arrow_contract
check arrow_contract_of_the_core arrow_contract_of_the_core
check arrow_address_sanitizer arrow_address_sanitizer
check arrow_types_contract arrow_types_contract
check memcheck_arrow memcheck_arrow
check fork_with_arrow fork_with_arrow
check columns_stack columns_stack
check columns_broken_off_kill columns_broken_off kill
check columns_broken_off_errno columns_broken_off errno
check parquet_examples parquet_examples
check parquet_tool parquet_tool
check parquet_size parquet_size
check parquet_memory parquet_memory
check parquet_engines parquet_engines
check parquet_spark parquet_spark
check arrow_example arrow_example
