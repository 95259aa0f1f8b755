// Package arrowgo moves rows between arrow-go and the Go package, by the structs of the Arrow C interfaces.
// It is a module of its own, so that the package depends on no library of Arrow.
package arrowgo

import (
	"context"
	"errors"
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"
	"github.com/apache/arrow-go/v18/arrow/memory"

	lode "liblode"
)

var background = context.Background()

// numbers makes a batch of the numbers from first on.
func numbers(schema *arrow.Schema, first, count int64) arrow.RecordBatch {
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	for n := first; n < first+count; n++ {
		builder.Field(0).(*array.Int64Builder).Append(n)
		if n%2 == 0 {
			builder.Field(1).(*array.StringBuilder).AppendNull()
		} else {
			builder.Field(1).(*array.StringBuilder).Append("odd")
		}
	}
	return builder.NewRecordBatch()
}

func TestRowsGoInAndOut(t *testing.T) {
	if !lode.HasFeature("parquet") {
		t.Fatal("the library lacks the feature parquet")
	}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	store, err := lode.OpenFilesystem(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var columns cdata.CArrowSchema
	cdata.ExportArrowSchema(schema, &columns)
	defer cdata.ReleaseCArrowSchema(&columns)
	d, err := lode.OpenDataset(store, "numbers", &lode.DatasetOptions{
		Codec: lode.CodecParquet, ArrowSchema: unsafe.Pointer(&columns), Durability: lode.DurabilityProcess,
	})
	if err != nil {
		t.Fatal(err)
	}

	// A reader of arrow-go is committed.
	batches := []arrow.RecordBatch{numbers(schema, 0, 1000), numbers(schema, 1000, 1000)}
	reader, err := array.NewRecordReader(schema, batches)
	if err != nil {
		t.Fatal(err)
	}
	var stream cdata.CArrowArrayStream
	cdata.ExportRecordReader(reader, &stream)
	snapshot, err := d.StreamWriteArrow(background, unsafe.Pointer(&stream), lode.Metadata{})
	if err != nil || snapshot.RowCount() != 2000 {
		t.Fatal(err)
	}

	// What is read is a reader of arrow-go again.
	if err := d.OpenArrow(background, snapshot, unsafe.Pointer(&stream), &lode.ArrowReadOptions{BatchRows: 300}); err != nil {
		t.Fatal(err)
	}
	back, err := cdata.ImportCRecordReader(&stream, nil)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	for {
		batch, err := back.Read()
		if err != nil {
			break
		}
		ns, ss := batch.Column(0).(*array.Int64), batch.Column(1).(*array.String)
		for row := range int(batch.NumRows()) {
			if ns.Value(row) != next || ss.IsNull(row) != (next%2 == 0) {
				t.Fatalf("row %d is %d", next, ns.Value(row))
			}
			next++
		}
	}
	if next != 2000 {
		t.Fatalf("%d rows came back", next)
	}

	// A batch is pushed.
	writer, err := d.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	var rows cdata.CArrowArray
	cdata.ExportArrowRecordBatch(batches[0], &rows, nil)
	if taken, err := writer.AppendArrow(unsafe.Pointer(&rows), unsafe.Pointer(&columns)); taken != 1000 || err != nil {
		t.Fatal(taken, err)
	}
	if snapshot, err = writer.Commit(background, lode.Metadata{}); err != nil || snapshot.RowCount() != 1000 {
		t.Fatal(err)
	}
}

func TestAColumnOfAnotherTypeIsRefused(t *testing.T) {
	store, err := lode.OpenMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := lode.OpenDataset(store, "numbers", &lode.DatasetOptions{
		Codec: lode.CodecParquet, Schema: &lode.Schema{Fields: []lode.Field{{Name: "s", Type: "int64"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	reader, err := array.NewRecordReader(schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	var stream cdata.CArrowArrayStream
	cdata.ExportRecordReader(reader, &stream)
	if _, err = d.StreamWriteArrow(background, unsafe.Pointer(&stream), lode.Metadata{}); !errors.Is(err, lode.ErrArrowType) {
		t.Fatal(err)
	}
}
