# shellcheck shell=bash
# The Python package: its wheel in a clean virtual environment, its tests, its types, its pages.

python_wheel() {
    need python3 python3
    local venv=$OUT/python/venv installed
    python3 -c 'import ensurepip' 2> /dev/null || sh packaging/need.sh no-such-tool python3-venv -- '' > /dev/null 2>&1 || true
    sh packaging/wheel.sh "$OUT/python" || { echo "the wheel cannot be built" && exit "$SKIP"; }
    python3 -m venv "$venv" &&
        "$venv/bin/pip" install --quiet --disable-pip-version-check "$OUT"/python/*.whl mypy ||
        { echo "pip cannot install cffi and mypy" && exit "$SKIP"; }
    # Nothing of the source tree is within reach.
    cp -R bindings/python/tests "$OUT/python/" && cd "$OUT/python" || return 1
    installed=$("$venv/bin/python" -c 'import lode; print(lode.__path__[0])') || return 1
    case $installed in "$venv"/*) ;; *) echo "lode is imported from $installed" && return 1 ;; esac
    if ldd "$installed"/_ffi*.so | grep liblode; then
        echo "the library is not inside the wheel" && return 1
    fi
    if grep -rlF "$HERE" "$installed" --exclude-dir=__pycache__; then
        echo "an installed file names the directory in which it was built" && return 1
    fi
    PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -X dev -W error -m unittest || return 1
    mkdir types && cp -R "$installed" types/ &&
        (cd types && "$venv/bin/mypy" --config-file "$HERE/bindings/python/pyproject.toml" lode) || return 1
    cd "$HERE" && python3 tests/pages/python_blocks.py "$venv/bin/python" docs/python.md bindings/python/README.md
}

# A wheel with every feature: Arrow streams to and from the libraries that take them.
python_arrow() {
    engines
    local python=$ENGINES/bin/python packages=$OUT/python-full/packages
    BUILD=$BUILD/full sh packaging/wheel.sh "$OUT/python-full" || { echo "the wheel cannot be built" && exit "$SKIP"; }
    "$python" -m pip install --quiet --disable-pip-version-check --target "$packages" "$OUT"/python-full/*.whl ||
        { echo "pip cannot install cffi" && exit "$SKIP"; }
    cp -R bindings/python/tests "$OUT/python-full/" && cd "$OUT/python-full" || return 1
    export PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1
    "$python" -c 'import lode; assert lode.has_feature("parquet"), "the wheel lacks the feature"' || return 1
    "$python" -X dev -m unittest tests.test_arrow
}

check python_wheel python_wheel
check python_arrow python_arrow
