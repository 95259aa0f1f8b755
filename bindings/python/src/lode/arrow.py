"""Arrow streams, by the capsules of the Arrow PyCapsule interface: no library of Arrow is needed here."""

import ctypes
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, List, Mapping, Optional, Sequence, Tuple

from ._native import call, ffi, lib, text
from .options import ReadOptions, choice, read_options
from .snapshot import Snapshot

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: A column, how it compares, and the value: ("n", ">=", 10).
Comparison = Tuple[str, str, Any]

_OPERATIONS = {
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_or_equal",
    ">": "greater",
    ">=": "greater_or_equal",
}

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _lent(capsule: Any, kind: str, struct: str) -> Any:
    """What is in a capsule, which keeps it."""
    return ffi.cast(struct + " *", _capsule_pointer(capsule, kind.encode()))


def lent_stream(data: Any) -> Tuple[Any, Any]:
    """The stream of what gives itself as one, and the capsule that owns it."""
    export = getattr(data, "__arrow_c_stream__", None)
    if export is None:
        raise TypeError(
            f"a {type(data).__name__} gives no Arrow stream: expected what has __arrow_c_stream__, such as a table of "
            "pyarrow, a DataFrame of polars or pandas, or a relation of duckdb"
        )
    capsule = export()
    return _lent(capsule, "arrow_array_stream", "struct ArrowArrayStream"), capsule


@contextmanager
def lent_array(batch: Any) -> Iterator[Tuple[Any, Any]]:
    """The array and the schema of what gives itself as them, for a `with` statement."""
    export = getattr(batch, "__arrow_c_array__", None)
    if export is None:
        raise TypeError(f"a {type(batch).__name__} gives no Arrow array: expected what has __arrow_c_array__")
    schema, array = export()
    yield _lent(array, "arrow_array", "struct ArrowArray"), _lent(schema, "arrow_schema", "struct ArrowSchema")
    del schema, array


def schema_options(
    options: Any, schema: Any, row_group_bytes: int, schema_types: str, parquet_compression: str
) -> List[Any]:
    """Puts what concerns columns into the options of a dataset; gives what must live as long as they."""
    options.row_group_bytes = row_group_bytes
    options.schema_types = choice("schema", schema_types)
    options.parquet_compression = choice("parquet", parquet_compression)
    if schema is None:
        return []
    export = getattr(schema, "__arrow_c_schema__", None)
    if export is not None:
        capsule = export()
        options.arrow_schema = _lent(capsule, "arrow_schema", "struct ArrowSchema")
        return [capsule]
    if not isinstance(schema, Mapping):
        raise TypeError(f"schema must be a mapping or have __arrow_c_schema__, not {type(schema).__name__}")
    encoded = ffi.new("char[]", text(json.dumps(dict(schema)), "schema"))
    options.schema_json = encoded
    return [encoded]


class ArrowStream:
    """A snapshot as an Arrow stream, for what takes one: `polars.DataFrame(stream)`, `pyarrow.table(stream)`,
    `pandas.DataFrame.from_arrow(stream)`, or its name in a query of duckdb.

    Each of them opens a stream of its own, so that it can be taken more than once. An interrupt does not end
    a step of the stream; `deadline` and `cancel` do.
    """

    def __init__(
        self,
        dataset: Any,
        snapshot: Snapshot,
        columns: Optional[Sequence[str]],
        where: Sequence[Comparison],
        batch_rows: int,
        **limits: "Unpack[ReadOptions]",
    ) -> None:
        if isinstance(columns, str):
            raise TypeError("columns is a sequence of names, not one str")
        self._dataset = dataset
        #: The snapshot that it reads.
        self.snapshot = snapshot
        self._options, self._alive = read_options(**limits)
        names = [ffi.new("char[]", text(column, "a column")) for column in columns or ()]
        array = ffi.new("char *[]", names)
        if columns is not None:
            self._options.columns = array
            self._options.column_count = len(names)
        comparisons = ffi.new("lode_comparison[]", len(where))
        for place, (column, operation, value) in zip(comparisons, where):
            if operation not in _OPERATIONS:
                raise ValueError(f"a comparison is one of {', '.join(_OPERATIONS)}, not {operation!r}")
            place_texts = ffi.new("char[]", text(column, "a column")), ffi.new("char[]", json.dumps(value).encode())
            self._alive += place_texts
            place.column, place.value_json = place_texts
            place.operation = choice("compare", _OPERATIONS[operation])
        if len(where):
            self._options.comparisons = comparisons
            self._options.comparison_count = len(where)
        self._options.batch_rows = batch_rows
        self._alive += [names, array, comparisons]

    def check(self) -> None:
        """Raises what opening the stream will raise, such as `UnsupportedError` or a column that is not
        there."""
        self._open()

    def _open(self) -> Any:
        stream = ffi.gc(lib.pylode_new_stream(), lib.pylode_free_stream)
        if stream == ffi.NULL:
            raise MemoryError("no memory for a stream")
        call(lib.lode_dataset_read_arrow, self._dataset._pointer, self.snapshot._pointer, self._options, stream)
        return stream

    def __repr__(self) -> str:
        return f"<lode.ArrowStream of {self.snapshot!r}>"

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """A capsule with an `ArrowArrayStream`, opened now. Columns come as they are stored: no request
        changes them."""
        stream = self._open()
        capsule = _new_capsule(
            _address(stream), _address(lib.pylode_stream_name()), _address(lib.pylode_capsule_destructor())
        )
        ffi.gc(stream, None)  # the capsule's from here on
        return capsule
