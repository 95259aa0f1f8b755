"""A binding whose iterator raises: the stream that ends early must not be committed.

    binding.py LIBLODE.SO

ctypes prints an exception of a callback and answers 0, which says "no more records". So the callback catches
it, and `err`, which is asked whenever `next` has answered 0, tells of it; the call fails, and the binding
raises it again.
"""

import ctypes
import sys
import tempfile

Bytes = type("lode_bytes", (ctypes.Structure,), {"_fields_": [("data", ctypes.c_void_p), ("len", ctypes.c_size_t)]})
Next = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)
Record = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(Bytes))
Err = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)


class RecordIterator(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("ctx", ctypes.c_void_p),
        ("next", Next),
        ("record", Record),
        ("err", Err),
        ("timestamp", ctypes.c_void_p),
        ("next_batch", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
    ]


class Stream:
    """The records of a Python iterable, for the library."""

    def __init__(self, records):
        self.records = iter(records)
        self.raised = None
        self.text = None
        self.current = None
        # The struct borrows the callbacks, so they must live as long as it.
        self.struct = RecordIterator(ctypes.sizeof(RecordIterator), None, Next(self.next), Record(self.record), Err(self.err))

    def next(self, _ctx):
        try:
            self.current = next(self.records)
            return 1
        except StopIteration:
            return 0
        except BaseException as raised:  # KeyboardInterrupt, too: nothing may pass a C frame
            self.raised = raised
            return 0

    def record(self, _ctx, record):
        record.contents.data = ctypes.cast(self.current, ctypes.c_void_p)
        record.contents.len = len(self.current)

    def err(self, _ctx):
        if self.raised is None:
            return None
        self.text = ctypes.create_string_buffer(repr(self.raised).encode())
        return ctypes.addressof(self.text)


def main():
    lode = ctypes.CDLL(sys.argv[1])
    for name in ("lode_error_message", "lode_status_name"):
        getattr(lode, name).restype = ctypes.c_char_p
    store, dataset, snapshot, error = (ctypes.c_void_p() for _ in range(4))

    def check(status):
        assert status >= 0, lode.lode_error_message(error)

    # LODE_CODEC_JSONL behind the size; what is zero is a default.
    size = 256
    options = ctypes.create_string_buffer(size)
    ctypes.cast(options, ctypes.POINTER(ctypes.c_size_t))[0] = size
    ctypes.cast(options, ctypes.POINTER(ctypes.c_int32))[2] = 1

    def write(stream):
        return lode.lode_dataset_stream_write_records(
            dataset, ctypes.byref(stream.struct), b"{}", None, ctypes.byref(snapshot), ctypes.byref(error)
        )

    def latest():
        status = lode.lode_dataset_find_latest(dataset, None, ctypes.byref(snapshot), ctypes.byref(error))
        return lode.lode_status_name(status)

    def broken():
        yield b'{"n":1}'
        yield b'{"n":2}'
        raise ValueError("the source has gone")

    with tempfile.TemporaryDirectory() as root:
        check(lode.lode_store_open_filesystem(root.encode(), None, ctypes.byref(store), ctypes.byref(error)))
        check(lode.lode_dataset_open(store, b"events", options, ctypes.byref(dataset), ctypes.byref(error)))

        stream = Stream(broken())
        status = write(stream)
        assert lode.lode_status_name(status) == b"LODE_ERR_ITERATOR", status
        assert b"the source has gone" in lode.lode_error_message(error), lode.lode_error_message(error)
        assert isinstance(stream.raised, ValueError)
        lode.lode_error_free(error)
        assert latest() == b"LODE_ERR_NO_SNAPSHOTS", "the records before the exception are not committed"
        lode.lode_error_free(error)

        check(write(Stream([b'{"n":1}', b'{"n":2}'])))
        assert latest() == b"LODE_OK"
        lode.lode_snapshot_free(snapshot)
        lode.lode_dataset_free(dataset)
        lode.lode_store_free(store)


if __name__ == "__main__":
    main()
