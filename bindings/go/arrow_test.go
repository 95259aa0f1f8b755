package lode

import (
	"context"
	"reflect"
	"testing"
	"time"
	"unsafe"
)

// stream has the size of an ArrowArrayStream, whose fourth word is its release.
type stream [5]uintptr

func (s *stream) at() unsafe.Pointer { return unsafe.Pointer(s) }
func (s *stream) released() bool     { return s[3] == 0 }

func TestArrowStreamsGoInAndOut(t *testing.T) {
	store := memory(t)
	options := &DatasetOptions{
		Codec: CodecParquet, RowGroupBytes: 1 << 20, ParquetCompression: ParquetZstd,
		Schema: &Schema{[]Field{{Name: "n", Type: "int64"}, {Name: "s", Type: "string", Nullable: true}}},
	}
	var in stream
	if !HasFeature("parquet") {
		_, err := OpenDataset(store, "columns", options)
		refusedWith(t, err, ErrUnsupported, "parquet")
		d := events(t, store)
		s := must[*Snapshot](t)(d.StreamWriteRecords(background, of(1), Metadata{}))
		refusedWith(t, d.OpenArrow(background, s, in.at(), nil), ErrUnsupported, "parquet")
		_, err = d.StreamWriteArrow(background, in.at(), Metadata{})
		refusedWith(t, err, ErrUnsupported, "parquet")
		return
	}
	d := must[*Dataset](t)(OpenDataset(store, "columns", options))
	type row struct {
		N int     `json:"n"`
		S *string `json:"s"`
	}
	s := must[*Snapshot](t)(d.StreamWriteRecords(background, of(row{1, new(string)}, row{2, nil}, row{3, nil}), Metadata{}))
	if err := d.OpenArrow(background, s, in.at(), nil); err != nil || in.released() {
		t.Fatal(err)
	}
	copies := must[*Dataset](t)(OpenDataset(store, "copies", &DatasetOptions{Codec: CodecParquet, AnyArrowType: true}))
	c := must[*Snapshot](t)(copies.StreamWriteArrow(background, in.at(), Metadata{}))
	if got := readAll(t, copies, c); !in.released() || c.RowCount() != 3 || !reflect.DeepEqual(got, readAll(t, d, s)) {
		t.Error(in.released(), got)
	}
	_, err := copies.StreamWriteArrow(background, in.at(), Metadata{})
	refusedWith(t, err, ErrNilIterator, "")
	_, err = copies.StreamWriteArrow(background, nil, Metadata{})
	refusedWith(t, err, ErrNilIterator, "")

	// What is refused before the library is reached releases the stream, too.
	open := func() {
		t.Helper()
		if err := d.OpenArrow(background, s, in.at(), &ArrowReadOptions{
			Columns: []string{"n"}, BatchRows: 2, Comparisons: []Comparison{{"n", Greater, 1}, {"n", LessOrEqual, 5}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	open()
	ended, cancel := context.WithCancel(background)
	cancel()
	_, err = copies.StreamWriteArrow(ended, in.at(), Metadata{})
	if refusedWith(t, err, ErrCancelled, ""); !in.released() {
		t.Error("the stream is not released")
	}
	open()
	if c := must[*Snapshot](t)(copies.StreamWriteArrow(background, in.at(), Metadata{})); c.RowCount() != 3 {
		t.Error(c.RowCount())
	}

	// The context of the opening ends what is read later.
	running, cancel := context.WithCancel(background)
	if err := d.OpenArrow(running, s, in.at(), nil); err != nil {
		t.Fatal(err)
	}
	cancel()
	// The token follows the context on a goroutine of its own, so that the stream may still be read to its
	// end.
	if _, err = copies.StreamWriteArrow(background, in.at(), Metadata{}); err != nil {
		refusedWith(t, err, ErrIterator, "CANCELLED")
	}
	if !in.released() {
		t.Error("the stream is not released")
	}
	for _, bad := range []*ArrowReadOptions{
		{Columns: []string{"none"}}, {Columns: []string{"n\x00"}}, {BatchRows: -1}, {Comparisons: []Comparison{{"n", 99, 1}}},
		{Comparisons: []Comparison{{"n", Equal, make(chan int)}}},
	} {
		refusedWith(t, d.OpenArrow(background, s, in.at(), bad), ErrInvalidArgument, "")
	}
	w := must[*Writer](t)(d.NewWriter(nil))
	_, err = w.AppendArrow(nil, nil)
	refusedWith(t, err, ErrInvalidArgument, "")
}

func TestRecordsWithAndWithoutTimesAreGathered(t *testing.T) {
	d := events(t, memory(t))
	w := must[*Writer](t)(d.NewWriter(nil))
	at := time.Unix(1000, 0).UTC()
	taken := must[int](t)(w.AppendBatch([][]byte{[]byte("1"), []byte("2")}))
	if err := w.AppendAt([]byte("3"), at); err != nil || taken != 2 {
		t.Fatal(err, taken)
	}
	must[int](t)(w.AppendBatch([][]byte{[]byte("4"), []byte("5")}))
	if err := w.Append([]byte("6")); err != nil {
		t.Fatal(err)
	}
	s := must[*Snapshot](t)(w.Commit(background, Metadata{}))
	if got := readAll(t, d, s); !reflect.DeepEqual(got, []string{"1", "2", "3", "4", "5", "6"}) {
		t.Error(got)
	}
	if !s.MinTimestamp().Equal(at) || !s.MaxTimestamp().Equal(at) {
		t.Error(s.MinTimestamp(), s.MaxTimestamp())
	}
	// More than one buffer of short and of long records.
	w = must[*Writer](t)(d.NewWriter(nil))
	var many [][]byte
	for i := range 3 * batchRecords {
		many = append(many, []byte("1"))
		if i%1000 == 0 {
			long := make([]byte, batchBytes-1)
			for at := range long {
				long[at] = '1'
			}
			many = append(many, append([]byte(`"`), append(long, '"')...))
		}
	}
	if n := must[int](t)(w.AppendBatch(many)); n != len(many) {
		t.Error(n, len(many))
	}
	s = must[*Snapshot](t)(w.Commit(background, Metadata{}))
	if got := readAll(t, d, s); len(got) != len(many) || got[1] != string(many[1]) || got[len(got)-1] != "1" {
		t.Error(len(got))
	}
}
