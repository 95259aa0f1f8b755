# shellcheck shell=bash
# Dask jobs on two workers: parts of tasks, one commit; what is new, partition by partition. Its packages are
# installed once, outside the tree.

dask_job() {
    need python3 python3
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/lode/dask-2024.8-zstd root=$TMPDIR/dask
    if [ ! -e "$cache/.ready" ]; then
        rm -rf "$cache"
        { python3 -m venv "$cache" &&
            "$cache/bin/pip" install --quiet --disable-pip-version-check cffi zstandard 'dask[distributed]==2024.8.*' &&
            touch "$cache/.ready"; } || { echo "pip cannot install dask[distributed]" && exit "$SKIP"; }
    fi
    sh packaging/wheel.sh "$OUT/dask" || { echo "the wheel cannot be built" && exit "$SKIP"; }
    rm -rf "$OUT/dask/lib"
    "$cache/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$OUT/dask/lib" "$OUT"/dask/*.whl || return 1
    # Its workers' files go where the check's own are.
    DASK_TEMPORARY_DIRECTORY=$OUT/dask/scratch PYTHONPATH=$OUT/dask/lib PYTHONDONTWRITEBYTECODE=1 "$cache/bin/python" tests/c/dask_job.py "$root" || return 1
    rm -rf "$root"
}

check dask_job dask_job
