"""Builds the extension module with cffi; the version is that of the header."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).parent))

from build_ffi import Header  # noqa: E402

setup(
    version=Header.find().version,
    cffi_modules=["build_ffi.py:ffi"],
    # The extension keeps to the stable ABI of Python, so one wheel serves all later versions.
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
