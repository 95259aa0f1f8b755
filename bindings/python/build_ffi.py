"""Makes the module `lode._ffi` from the library's header, and `lode/_statuses.py`: an exception for each
failure.

The library is the one that pkg-config knows as `lode`, linked dynamically; or, with LODE_INCLUDE_DIR and
LODE_LIB_DIR set, the `liblode.a` there, which then lies inside the extension module. Zstandard goes in with
it if the system has its static library.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cffi

HERE = Path(__file__).parent
CC = shlex.split(os.environ.get("CC", "cc"))

CALLBACKS = """
extern "Python" {
    int32_t pylode_progress(void *ctx, int64_t records, int64_t bytes_in, int64_t bytes_stored);
    int64_t pylode_next_batch(void *ctx, lode_bytes *records, int64_t *unix_nanos, size_t capacity);
    int64_t pylode_source_read(void *ctx, uint8_t *buffer, size_t capacity);
    void pylode_log(void *ctx, int32_t level, const char *message);
    int32_t pylode_put_begin(void *ctx, const char *key, int32_t if_absent, void **upload, lode_callback_error *error);
    int32_t pylode_put_write(void *ctx, void *upload, const uint8_t *data, size_t len, lode_callback_error *error);
    int32_t pylode_put_finish(void *ctx, void *upload, lode_callback_error *error);
    void pylode_put_abort(void *ctx, void *upload);
    int32_t pylode_stat(void *ctx, const char *key, uint64_t *size, lode_callback_error *error);
    int64_t pylode_read(void *ctx, const char *key, uint64_t offset, uint8_t *buffer, size_t capacity,
                        lode_callback_error *error);
    int32_t pylode_list(void *ctx, const char *prefix, lode_key_sink *keys, lode_callback_error *error);
    int32_t pylode_remove(void *ctx, const char *key, lode_callback_error *error);
    int32_t pylode_compare_and_swap(void *ctx, const char *key, const uint8_t *expected, size_t expected_len,
                                    const uint8_t *value, size_t value_len, lode_callback_error *error);
    void pylode_store_release(void *ctx);
    int32_t pylode_finding(void *ctx, int32_t kind, const char *path, const char *snapshot_id, const char *message);
    int32_t pylode_removed(void *ctx, int32_t kind, const char *path, uint64_t size, int64_t age_seconds);
}
struct ArrowArrayStream *pylode_new_stream(void);
void pylode_free_stream(struct ArrowArrayStream *stream);
const char *pylode_stream_name(void);
void *pylode_capsule_destructor(void);
void pylode_fill(lode_bytes *records, const char *data, const size_t *lengths, size_t count);
size_t pylode_joined_len(const lode_bytes *records, size_t count);
void pylode_join(const lode_bytes *records, size_t count, char *joined);
"""

# A batch of records crosses in one piece: a loop over its records in Python would cost more than all the
# rest.
HELPERS = r"""
#include <lode.h>
#include <stdlib.h>
#include <string.h>

static void pylode_fill(lode_bytes *records, const char *data, const size_t *lengths, size_t count)
{
    for (size_t at = 0; at < count; data += lengths[at++]) {
        records[at].data = (const uint8_t *)data;
        records[at].len = lengths[at];
    }
}

static size_t pylode_joined_len(const lode_bytes *records, size_t count)
{
    size_t len = 0;
    for (size_t at = 0; at < count; at++) len += records[at].len + 1;
    return len;
}

static void pylode_join(const lode_bytes *records, size_t count, char *joined)
{
    for (size_t at = 0; at < count; at++) {
        if (records[at].len) memcpy(joined, records[at].data, records[at].len);
        joined += records[at].len;
        *joined++ = '\n';
    }
}

/* The Arrow PyCapsule interface: a capsule of this name owns a stream, and releases what was not moved. */
static const char *pylode_stream_name(void) { return "arrow_array_stream"; }

static struct ArrowArrayStream *pylode_new_stream(void) { return calloc(1, sizeof(struct ArrowArrayStream)); }

static void pylode_free_stream(struct ArrowArrayStream *stream)
{
    if (stream != NULL && stream->release != NULL) stream->release(stream);
    free(stream);
}

static void free_capsule(PyObject *capsule)
{
    pylode_free_stream(PyCapsule_GetPointer(capsule, pylode_stream_name()));
}

static void *pylode_capsule_destructor(void) { return (void *)free_capsule; }
"""


def output(command):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        sys.exit(f"{command[0]} is missing, which the build needs")
    except subprocess.CalledProcessError as failed:
        sys.exit(f"{shlex.join(command)} failed:\n{failed.stderr}")


def pkg_config(option):
    return shlex.split(output(["pkg-config", option, "lode"]))


class Header:
    """The declarations of one `lode.h`."""

    def __init__(self, path):
        self.path = Path(path)
        self.text = self.path.read_text(encoding="utf-8")
        numbers = [self.constant(f"LODE_VERSION_{part}") for part in ("MAJOR", "MINOR", "PATCH")]
        self.version = ".".join(map(str, numbers))

    @staticmethod
    def find():
        directory = os.environ.get("LODE_INCLUDE_DIR") or pkg_config("--variable=includedir")[0]
        return Header(Path(directory) / "lode.h")

    def constants(self):
        """Name, value and comment of each macro that is a number."""
        pattern = r"(?:/\*\*((?:(?!\*/).)*)\*/\n)?#define (LODE_\w+) \(?(-?\d+|INT64_MIN)\)?\n"
        for comment, name, value in re.findall(pattern, self.text, re.DOTALL):
            yield name, value, " ".join(re.sub(r"\n \*", " ", comment).split())

    def constant(self, wanted):
        return next(int(value) for name, value, _ in self.constants() if name == wanted)

    def declarations(self):
        """What cffi is to know: the header behind the preprocessor, without what it includes."""
        text = output([*CC, "-E", "-DLODE_MUST_CHECK=", str(self.path)])
        own, kept = False, []
        for line in text.splitlines():
            marker = re.match(r'# \d+ "(.*?)"', line)
            if marker:
                own = Path(marker[1]) == self.path
            elif own:
                kept.append(line)
        return "\n".join([*kept, *(f"#define {name} ..." for name, _, _ in self.constants())])

    def statuses(self):
        """The text of `_statuses.py`."""
        lines = [
            '"""The failures of the library, an exception each. Made from lode.h when the package is built."""',
            "",
            "from typing import Dict, Type",
            "",
            "from ._error import Error",
        ]
        classes = []
        for name, value, comment in self.constants():
            if name.startswith("LODE_ERR_"):
                classes.append((int(value), "".join(map(str.capitalize, name[9:].split("_"))) + "Error"))
                base = "Error, ValueError" if name == "LODE_ERR_INVALID_ARGUMENT" else "Error"
                lines += ["", "", f"class {classes[-1][1]}({base}):", f"    {(comment or name)!r}"]
        lines += ["", "", "BY_STATUS: Dict[int, Type[Error]] = {"]
        lines += [f"    {value}: {name}," for value, name in classes]
        return "\n".join([*lines, "}", ""])


def link_arguments():
    directory = os.environ.get("LODE_LIB_DIR")
    if not directory:
        return pkg_config("--cflags"), pkg_config("--libs")
    # What a program needs beside liblode.a, from the library's own pkg-config template.
    libraries = shlex.split(os.environ.get("LODE_STATIC_LIBS", "-lzstd -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc"))
    zstd = output([*CC, "-print-file-name=libzstd.a"]).strip()
    if os.path.isabs(zstd):
        libraries = [zstd if library == "-lzstd" else library for library in libraries]
    archive = str(Path(directory) / "liblode.a")
    hidden = [] if sys.platform == "darwin" else ["-Wl,--exclude-libs,ALL"]  # zstd's names stay inside
    return [], [archive, *libraries, *hidden]


def build():
    header = Header.find()
    (HERE / "src" / "lode" / "_statuses.py").write_text(header.statuses(), encoding="utf-8")
    compile_arguments, libraries = link_arguments()
    ffi = cffi.FFI()
    ffi.cdef(header.declarations() + CALLBACKS)
    ffi.set_source(
        "lode._ffi",
        HELPERS,
        extra_compile_args=[*compile_arguments, f"-I{header.path.parent}", "-g0"],
        extra_link_args=libraries,
        py_limited_api=True,
    )
    return ffi


ffi = build()
