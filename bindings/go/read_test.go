package lode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestARecordMayBeKept(t *testing.T) {
	d := events(t, memory(t))
	var records []any
	for i := range 2000 {
		records = append(records, []byte(fmt.Sprint(i)))
	}
	s := must[*Snapshot](t)(d.StreamWriteRecords(background, of(records...), Metadata{}))
	var kept [][]byte
	for record, err := range d.Read(background, s) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, append(record, '!')) // its neighbours do not change
	}
	for i, record := range kept {
		if string(record) != fmt.Sprint(i, "!") && string(record) != fmt.Sprintf("%d!", i) {
			t.Fatalf("record %d is %q", i, record)
		}
	}
	for range d.Read(background, s) {
		break // a loop that is left closes its reader
	}
}

func TestAReaderGoesOnAtItsPosition(t *testing.T) {
	d := events(t, memory(t))
	must[*Snapshot](t)(d.StreamWriteRecords(background, of(1, 2, 3), Metadata{}))
	r := must[*Reader](t)(d.OpenReaderSince(background, "", nil))
	if got := must[[]byte](t)(r.Next()); string(got) != "1" {
		t.Fatal(string(got))
	}
	position := must[string](t)(r.Position())
	must[*Snapshot](t)(d.StreamWriteRecords(background, of(4), Metadata{}))
	r = must[*Reader](t)(d.OpenReaderSince(background, position, nil))
	var got []string
	for {
		record, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if record == nil {
			break
		}
		got = append(got, string(record))
	}
	if !reflect.DeepEqual(got, []string{"2", "3", "4"}) {
		t.Error(got)
	}
	if batch, err := r.NextBatch(5); len(batch) != 0 || err != nil {
		t.Error(batch, err)
	}
	_, err := r.NextBatch(0)
	refusedWith(t, err, ErrInvalidArgument, "at least 1")
	_, err = d.OpenReaderSince(background, "no position", nil)
	refusedWith(t, err, ErrSnapshotNotFound, "no position")
	over, cancel := context.WithCancel(background)
	r = must[*Reader](t)(d.OpenReaderSince(over, "", nil))
	cancel()
	_, err = r.Next()
	if refusedWith(t, err, ErrCancelled, ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDamageEndsTheLoop(t *testing.T) {
	d := events(t, must[*Store](t)(OpenFilesystem(t.TempDir(), nil)))
	s := must[*Snapshot](t)(d.StreamWriteRecords(background, of(1, 2), Metadata{}))
	file := s.Files()[0]
	if err := os.WriteFile(file.Location, []byte("1\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range d.Read(background, s) {
		last = err
	}
	if e := refusedWith(t, last, ErrCorrupt, "checksum"); !strings.Contains(e.Path, file.Path) {
		t.Error(e.Path)
	}
	if found := must[[]Finding](t)(d.Verify(background, VerifyLevelSizes)); len(found) != 0 {
		t.Error(found)
	}
	found := must[[]Finding](t)(d.Verify(background, VerifyLevelRecords))
	if len(found) != 1 || found[0].Path != file.Path || found[0].SnapshotID != s.ID() || found[0].Message == "" {
		t.Error(found)
	}
	r := must[*Reader](t)(d.OpenReader(background, s, &ReadOptions{Verify: VerifySizes}))
	if batch := must[[][]byte](t)(r.NextBatch(9)); len(batch) != 2 {
		t.Error(len(batch))
	}
}

func TestSnapshotsAreListedInOrder(t *testing.T) {
	d := events(t, memory(t))
	var ids []string
	for i := range 3 {
		ids = append(ids, must[*Snapshot](t)(d.StreamWriteRecords(background, of(i), Metadata{})).ID())
	}
	list := func(all func(func(*Snapshot, error) bool)) (got []string) {
		for s, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s.ID())
		}
		return got
	}
	if got := list(d.Snapshots(background)); !reflect.DeepEqual(got, ids) {
		t.Error(got)
	}
	if got := list(d.Changes(background, ids[0])); !reflect.DeepEqual(got, ids[1:]) {
		t.Error(got)
	}
	if got := list(d.Changes(background, "")); !reflect.DeepEqual(got, ids) {
		t.Error(got)
	}
	s := must[*Snapshot](t)(d.Snapshot(background, ids[1]))
	if s.DatasetID() != "events" || s.Codec() != "jsonl" || s.Compressor() != "noop" || time.Since(s.CreatedAt()) > time.Hour {
		t.Error(string(s.Manifest()))
	}
	if s := must[*Snapshot](t)(d.Adopt(background, ids[2])); s.ID() != ids[2] {
		t.Error(s.ID())
	}
	_, err := d.Snapshot(background, "1700000000000000000-0123456789abcdef")
	refusedWith(t, err, ErrSnapshotNotFound, "")
}

func TestACatalogShowsWhatIsStored(t *testing.T) {
	store := memory(t)
	d := must[*Dataset](t)(OpenDataset(store, "logs", &DatasetOptions{
		Codec: CodecJSONL, Layout: LayoutHive, PartitionKeys: []string{"day"}, Checksum: ChecksumSHA256,
		Compressor: CompressorGzip, CompressionLevel: 9, FileStatistics: true, Durability: DurabilityProcess,
		RetryAttempts: 3, RetryBase: time.Millisecond, RetryCap: time.Second, MaxRecordBytes: 100,
	}))
	at := time.Unix(1000, 0)
	s := must[*Snapshot](t)(d.WriteRecords(background,
		[]any{Timed{map[string]any{"day": "a"}, at}, map[string]any{"day": "b"}}, Metadata{}))
	k := must[*Catalog](t)(OpenCatalog(store, LayoutHive))
	texts := func(all func(func(string, error) bool)) (got []string) {
		for text, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, text)
		}
		return got
	}
	if got := texts(k.Datasets(background)); !reflect.DeepEqual(got, []string{"logs"}) {
		t.Error(got)
	}
	if got := texts(k.Partitions(background, "logs")); !reflect.DeepEqual(got, []string{"day=a", "day=b"}) {
		t.Error(got)
	}
	count := func(within Range) (n int) {
		for _, err := range k.Snapshots(background, "logs", within) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	for _, c := range []struct {
		within Range
		want   int
	}{
		{Range{}, 1}, {Range{Partition: "day=a"}, 1}, {Range{Partition: "day=c"}, 0}, {Range{From: at}, 1},
		{Range{From: at.Add(1)}, 0}, {Range{To: at}, 1}, {Range{To: at.Add(-1)}, 0}, {Range{From: at, To: at}, 1},
	} {
		if got := count(c.within); got != c.want {
			t.Errorf("%+v: %d, expected %d", c.within, got, c.want)
		}
	}
	manifest := ""
	for key, err := range store.List(background, "") {
		if err == nil && strings.HasSuffix(key, "manifest.json") {
			manifest = key
		}
	}
	if found := must[*Snapshot](t)(k.Manifest(background, manifest)); found.ID() != s.ID() {
		t.Error(found.ID())
	}
	r := must[*BlobReader](t)(k.OpenObject(background, s.Files()[0].Path))
	if n, err := r.Read(make([]byte, 4)); n != 4 || err != nil {
		t.Error(n, err)
	}
	flat := must[*Catalog](t)(OpenCatalog(store, LayoutFlat))
	for _, err := range flat.Datasets(background) {
		refusedWith(t, err, ErrDatasetsNotModeled, "")
	}
	_, err := OpenCatalog(store, Layout(99))
	refusedWith(t, err, ErrInvalidArgument, "99")
	_, err = OpenDataset(store, "x", &DatasetOptions{Layout: LayoutHive, Codec: CodecJSONL})
	refusedWith(t, err, ErrInvalidArgument, "partition")
	_, err = OpenDataset(store, "x", &DatasetOptions{RetryAttempts: -1})
	refusedWith(t, err, ErrInvalidArgument, "RetryAttempts")
	_, err = OpenDataset(store, "x", &DatasetOptions{CompressionLevel: 1 << 40})
	refusedWith(t, err, ErrInvalidArgument, "CompressionLevel")
}

func TestAStoreKeepsObjects(t *testing.T) {
	root := t.TempDir()
	s := must[*Store](t)(OpenFilesystem(root, &StoreOptions{Log: func(LogLevel, string) {}}))
	if err := errors.Join(s.Put(background, "a/1", []byte("first")), s.Put(background, "a/0", nil)); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, s.Put(background, "a/1", []byte("x")), ErrPathExists, "a/1")
	if got := must[[]byte](t)(s.Get(background, "a/1")); string(got) != "first" {
		t.Error(string(got))
	}
	if got := must[[]byte](t)(s.Get(background, "a/0")); len(got) != 0 {
		t.Error(string(got))
	}
	// A slice that lies beside pointers.
	beside := struct {
		pointer *int
		bytes   [4]byte
	}{pointer: new(int)}
	if n, err := s.ReadAt(background, "a/1", beside.bytes[:], 3); n != 2 || err != nil || string(beside.bytes[:2]) != "st" {
		t.Error(n, err)
	}
	if err := s.CompareAndSwap(background, "c", nil, beside.bytes[:1]); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, s.CompareAndSwap(background, "c", []byte("0"), []byte("2")), ErrConflict, "")
	if !must[bool](t)(s.Exists(background, "c")) || must[bool](t)(s.Exists(background, "d")) {
		t.Error("exists")
	}
	if err := errors.Join(s.Delete(background, "c"), s.Delete(background, "c")); err != nil {
		t.Error(err)
	}
	_, err := s.Get(background, "c")
	refusedWith(t, err, ErrNotFound, "c")
	_, err = s.Get(background, "../x")
	refusedWith(t, err, ErrInvalidPath, "")
	_, err = s.Get(background, "a\x00b")
	refusedWith(t, err, ErrInvalidArgument, "NUL")
	_, err = OpenFilesystem(root+"/none", nil)
	refusedWith(t, err, ErrNotFound, "none")
	byURL := must[*Store](t)(OpenURL(background, "file://"+root, nil, nil))
	if got := must[[]byte](t)(byURL.Get(background, "a/1")); string(got) != "first" {
		t.Error(string(got))
	}
	must[*Store](t)(OpenURL(background, "memory:", map[string]any{}, &StoreOptions{Log: func(LogLevel, string) {}}))
	_, err = OpenURL(background, "nowhere:", nil, nil)
	refusedWith(t, err, ErrInvalidArgument, "nowhere")
	_, err = OpenURL(background, "memory:", map[string]any{"x": make(chan int)}, nil)
	refusedWith(t, err, ErrInvalidArgument, "JSON")
	if err := s.CheckConformance(background, "try"); err != nil {
		t.Error(err)
	}
}

func TestAClosedHandleIsRefused(t *testing.T) {
	store := memory(t)
	d := events(t, store)
	s := must[*Snapshot](t)(d.StreamWriteRecords(background, of(1), Metadata{}))
	r := must[*Reader](t)(d.OpenReader(background, s, nil))
	w := must[*Writer](t)(d.NewWriter(nil))
	k := must[*Catalog](t)(OpenCatalog(store, LayoutDefault))
	id := s.ID()
	for _, close := range []func() error{s.Close, s.Close, r.Close, w.Close, k.Close, k.Close} {
		if err := close(); err != nil {
			t.Fatal(err)
		}
	}
	if s.ID() != id || s.RowCount() != 0 || s.ParentID() != "" || s.Files() != nil || s.Manifest() != nil {
		t.Error("a closed snapshot tells more than its id")
	}
	_, err := d.OpenReader(background, s, nil)
	refusedWith(t, err, ErrState, "the snapshot is closed")
	_, err = d.OpenReader(background, nil, nil)
	refusedWith(t, err, ErrInvalidArgument, "nil")
	_, err = r.Next()
	refusedWith(t, err, ErrState, "the reader is closed")
	_, err = r.Position()
	refusedWith(t, err, ErrState, "closed")
	refusedWith(t, w.Append([]byte("1")), ErrState, "the writer is closed")
	_, err = w.Commit(background, Metadata{})
	refusedWith(t, err, ErrState, "closed")
	for _, err := range k.Datasets(background) {
		refusedWith(t, err, ErrState, "the catalog is closed")
	}
	_ = d.Close()
	_, err = d.Latest(background)
	refusedWith(t, err, ErrState, "the dataset is closed")
	_, err = d.StreamWriteRecords(background, of(1), Metadata{})
	refusedWith(t, err, ErrState, "closed")
	_ = store.Close()
	refusedWith(t, store.Put(background, "x", nil), ErrState, "the store is closed")
	_, err = OpenDataset(store, "x", nil)
	refusedWith(t, err, ErrState, "closed")
	// What no call has made.
	refusedWith(t, (&Store{}).Put(background, "x", nil), ErrState, "made by no call")
	_, err = (&Dataset{}).Latest(background)
	refusedWith(t, err, ErrState, "made by no call")
	refusedWith(t, (&Writer{}).Append([]byte("1")), ErrState, "made by no call")
	_, err = (&Reader{}).Next()
	refusedWith(t, err, ErrState, "made by no call")
}

func TestClosingWhileOthersCallIsNoCrash(t *testing.T) {
	store := memory(t)
	for range 50 {
		d := events(t, store)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				s, err := d.StreamWriteRecords(background, of(1), Metadata{})
				if err != nil && !errors.Is(err, ErrState) && !errors.Is(err, ErrBusy) {
					t.Error(err)
				}
				if s != nil {
					_ = s.RowCount()
				}
			})
			all.Go(func() { _ = d.Close() })
		}
		all.Wait()
	}
}

func TestWhatIsForgottenIsFreed(t *testing.T) {
	freed := make(chan struct{})
	func() {
		own := &mapBackend{}
		runtime.AddCleanup(own, func(c chan struct{}) { close(c) }, freed)
		s := must[*Store](t)(OpenBackend(own, nil))
		d := events(t, s)
		must[*Writer](t)(d.NewWriter(nil))
		must[*Snapshot](t)(d.StreamWriteRecords(background, of(1), Metadata{}))
	}()
	for {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func TestManyGoroutinesShareADataset(t *testing.T) {
	d := events(t, memory(t))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 5 {
				s, err := d.StreamWriteRecords(background, of(i), Metadata{})
				if err != nil {
					t.Error(err)
					return
				}
				for record, err := range d.Read(background, s) {
					if err != nil || string(record) != fmt.Sprint(i) {
						t.Error(string(record), err)
					}
				}
			}
		})
	}
	all.Wait()
	n := 0
	for range d.Snapshots(background) {
		n++
	}
	if n != 20 {
		t.Error(n)
	}
}
