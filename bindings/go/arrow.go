package lode

// #include <stdlib.h>
// #include "callbacks.h"
import "C"

import (
	"context"
	"encoding/json"
	"unsafe"
)

// Field is one column.
type Field struct {
	Name string `json:"name"`
	// Type is int32, int64, float32, float64, string, bool, bytes or timestamp.
	Type string `json:"type"`
	// Nullable lets the column have nulls.
	Nullable bool `json:"nullable,omitempty"`
	// JSON says how bytes are written in records: "text" or "base64".
	JSON string `json:"json,omitempty"`
}

// Schema has the columns of a dataset.
type Schema struct {
	Fields []Field `json:"fields"`
}

// ParquetCompression is how the pages of a Parquet file are compressed.
type ParquetCompression int32

// The compressions of pages.
const (
	// ParquetSnappy is what the Go library of this format writes.
	ParquetSnappy       = ParquetCompression(C.LODE_PARQUET_SNAPPY)
	ParquetUncompressed = ParquetCompression(C.LODE_PARQUET_UNCOMPRESSED)
	ParquetZstd         = ParquetCompression(C.LODE_PARQUET_ZSTD)
)

// columns gives what the options say of columns to the call.
func (c *call) columns(o *DatasetOptions, options *C.lode_dataset_options) error {
	if o.Schema != nil {
		encoded, err := json.Marshal(o.Schema)
		if err != nil {
			return refused(ErrSchemaInvalid, "the schema cannot be JSON: %v", err)
		}
		text, err := c.text("schema", string(encoded))
		if err != nil {
			return err
		}
		options.schema_json = text
	}
	if o.ArrowSchema != nil {
		c.pinned.Pin(o.ArrowSchema)
		options.arrow_schema = (*C.struct_ArrowSchema)(o.ArrowSchema)
	}
	options.row_group_bytes = C.int64_t(o.RowGroupBytes)
	if o.AnyArrowType {
		options.schema_types = C.LODE_SCHEMA_ARROW
	}
	options.parquet_compression = C.int32_t(o.ParquetCompression)
	return nil
}

// Operation is how a column compares with a value.
type Operation int32

// The operations.
const (
	Equal          = Operation(C.LODE_COMPARE_EQUAL)
	NotEqual       = Operation(C.LODE_COMPARE_NOT_EQUAL)
	Less           = Operation(C.LODE_COMPARE_LESS)
	LessOrEqual    = Operation(C.LODE_COMPARE_LESS_OR_EQUAL)
	Greater        = Operation(C.LODE_COMPARE_GREATER)
	GreaterOrEqual = Operation(C.LODE_COMPARE_GREATER_OR_EQUAL)
)

// Comparison compares a column with a value. A null satisfies none.
type Comparison struct {
	Column    string
	Operation Operation
	// Value is a number, a string, a bool or a time.Time.
	Value any
}

// ArrowReadOptions is how to read a snapshot as an Arrow stream. The zero value is the default.
type ArrowReadOptions struct {
	// Verify is what to check.
	Verify Verify
	// Columns to read, in this order; none: all.
	Columns []string
	// Comparisons: row groups in which no row can satisfy all of them are left out. Rows are not filtered.
	Comparisons []Comparison
	// BatchRows is the most rows of a batch; 0: 65,536.
	BatchRows int
}

func (c *call) readingArrow(o *ArrowReadOptions) (*C.lode_read_options, error) {
	if o == nil {
		return c.reading(nil), nil
	}
	options := c.reading(&ReadOptions{Verify: o.Verify})
	if o.BatchRows < 0 || o.BatchRows > 1<<31-1 {
		return nil, refused(ErrInvalidArgument, "BatchRows is %d: expected 0 to 2147483647", o.BatchRows)
	}
	options.batch_rows = C.int32_t(o.BatchRows)
	if len(o.Columns) > 0 {
		columns, err := c.array("column", o.Columns)
		if err != nil {
			return nil, err
		}
		options.columns, options.column_count = columns, C.size_t(len(o.Columns))
	}
	if len(o.Comparisons) == 0 {
		return options, nil
	}
	array := C.malloc(C.size_t(len(o.Comparisons)) * C.sizeof_lode_comparison)
	c.texts = append(c.texts, array)
	comparisons := unsafe.Slice((*C.lode_comparison)(array), len(o.Comparisons))
	for i, one := range o.Comparisons {
		value, err := json.Marshal(one.Value)
		if err != nil {
			return nil, refused(ErrInvalidArgument, "the value of the comparison with %q cannot be JSON: %v", one.Column, err)
		}
		column, err := c.text("column", one.Column)
		if err != nil {
			return nil, err
		}
		text, err := c.text("value", string(value))
		if err != nil {
			return nil, err
		}
		comparisons[i] = C.lode_comparison{column: column, value_json: text, operation: C.int32_t(one.Operation)}
	}
	options.comparisons, options.comparison_count = (*C.lode_comparison)(array), C.size_t(len(o.Comparisons))
	return options, nil
}

// StreamWriteArrow pulls all rows of an Arrow stream and commits them as one snapshot: all of them, durably,
// or none. Feature "parquet".
//
// stream is the address of an ArrowArrayStream of C, such as the *cdata.CArrowArrayStream that arrow-go's
// cdata.ExportRecordReader has filled. It is moved out: it is released with any outcome. nil metadata is
// refused.
func (d *Dataset) StreamWriteArrow(ctx context.Context, stream unsafe.Pointer, metadata Metadata,
	options ...CommitOption) (*Snapshot, error) {
	c := (*C.struct_ArrowArrayStream)(stream)
	defer C.lode_go_release_stream(c)
	return d.committing(ctx, metadata, options,
		func(dataset *C.lode_dataset, metadata *C.char, options *C.lode_commit_options, snapshot **C.lode_snapshot,
			raw **C.lode_error) C.lode_status {
			return C.lode_dataset_stream_write_arrow(dataset, c, metadata, options, snapshot, raw)
		})
}

// OpenArrow begins to read a snapshot as an Arrow stream. Feature "parquet". nil options are the defaults.
//
// stream is the address of an ArrowArrayStream of C that this fills, such as a *cdata.CArrowArrayStream,
// which arrow-go's cdata.ImportCRecordReader then takes over. Who has the stream releases it. The context's
// end ends every call on it.
func (d *Dataset) OpenArrow(ctx context.Context, snapshot *Snapshot, stream unsafe.Pointer,
	options *ArrowReadOptions) error {
	c, err := begin(ctx, nil)
	if err != nil {
		return err
	}
	err = d.openArrow(c, snapshot, stream, options)
	if err == nil && c.token.stop != nil {
		c.token.detach()
		c.token = &token{}
	}
	c.close()
	return err
}

func (d *Dataset) openArrow(c *call, snapshot *Snapshot, stream unsafe.Pointer, options *ArrowReadOptions) error {
	given, err := c.readingArrow(options)
	if err != nil {
		return err
	}
	dataset, err := d.h.use()
	if err != nil {
		return err
	}
	defer d.h.done()
	from, err := snapshot.use()
	if err != nil {
		return err
	}
	defer snapshot.h.done()
	var raw *C.lode_error
	status := C.lode_dataset_read_arrow((*C.lode_dataset)(dataset), from, given, (*C.struct_ArrowArrayStream)(stream), &raw)
	return c.check(status, raw)
}

// AppendArrow adds the rows of an Arrow array of structs, each field a column of the dataset's schema, and
// gives how many are taken. Feature "parquet".
//
// array and schema are the addresses of an ArrowArray and an ArrowSchema of C. The array is moved out: it is
// released with any outcome. The schema is borrowed for the call.
func (w *Writer) AppendArrow(array, schema unsafe.Pointer) (taken int, err error) {
	c := (*C.struct_ArrowArray)(array)
	defer C.lode_go_release_array(c)
	writer, err := w.enterFlushed()
	if err != nil {
		return 0, err
	}
	defer w.leave()
	var n C.size_t
	var raw *C.lode_error
	err = check(C.lode_record_writer_append_arrow(writer, c, (*C.struct_ArrowSchema)(schema), &n, &raw), raw)
	return int(n), err
}
