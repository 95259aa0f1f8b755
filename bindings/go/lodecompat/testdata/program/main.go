// A program of the Go library. The test compares what it prints with what it prints over lodecompat: the
// import below is the line that is changed.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/pithecene-io/lode/lode"
)

var ctx = context.Background()

// Ids, times and checksums differ from run to run: each id has a name by the order in which it is met.
var names = map[lode.DatasetSnapshotID]string{"": "-"}

func name(id lode.DatasetSnapshotID) string {
	if names[id] == "" {
		names[id] = fmt.Sprintf("s%d", len(names))
	}
	return names[id]
}

func unnamed(text string) string {
	for id, n := range names {
		if id != "" {
			text = strings.ReplaceAll(text, string(id), n)
		}
	}
	return text
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	return value
}

// which says which of the library's error values an error is.
func which(err error) string {
	values := map[string]error{
		"ErrNotFound": lode.ErrNotFound, "ErrNoSnapshots": lode.ErrNoSnapshots, "ErrPathExists": lode.ErrPathExists,
		"ErrNoManifests": lode.ErrNoManifests, "ErrCodecConfigured": lode.ErrCodecConfigured,
		"ErrNilIterator": lode.ErrNilIterator, "ErrPartitioningNotSupported": lode.ErrPartitioningNotSupported,
		"ErrSnapshotConflict": lode.ErrSnapshotConflict, "ErrDatasetsNotModeled": lode.ErrDatasetsNotModeled,
		"ErrInvalidPath": lode.ErrInvalidPath, "ErrManifestInvalid": lode.ErrManifestInvalid,
		"ErrOptionNotValidForDatasetReader": lode.ErrOptionNotValidForDatasetReader,
		"ErrCodecNotStreamable":             lode.ErrCodecNotStreamable, "ErrRangeReadNotSupported": lode.ErrRangeReadNotSupported,
		"ErrOptionNotValidForDataset": lode.ErrOptionNotValidForDataset, "errBroken": errBroken,
		"ErrRangeMissing": lode.ErrRangeMissing, "ErrOverlappingBlocks": lode.ErrOverlappingBlocks,
		"ErrOptionNotValidForVolume": lode.ErrOptionNotValidForVolume,
	}
	var found []string
	for name, value := range values {
		if errors.Is(err, value) {
			found = append(found, name)
		}
	}
	sort.Strings(found)
	switch {
	case err == nil:
		return "no error"
	case found == nil:
		return "another error"
	}
	return strings.Join(found, " ")
}

var errBroken = errors.New("the source broke off")

type reading struct {
	Sensor int       `json:"sensor"`
	At     time.Time `json:"at"`
}

func (r reading) Timestamp() time.Time { return r.At }

type iterator struct {
	records []any
	at      int
	err     error
}

func (i *iterator) Next() bool  { i.at++; return i.at <= len(i.records) }
func (i *iterator) Record() any { return i.records[i.at-1] }
func (i *iterator) Err() error  { return i.err }

func show(what string, s *lode.DatasetSnapshot) {
	m := s.Manifest
	fmt.Printf("%s: %s of %s after %s: %s %s, %d rows, codec %q, compressor %q, partitioner %q, checksum %q\n", what, name(s.ID),
		m.DatasetID, name(m.ParentSnapshotID), m.SchemaName, m.FormatVersion, m.RowCount, m.Codec, m.Compressor, m.Partitioner,
		m.ChecksumAlgorithm)
	fmt.Println("  ids equal:", s.ID == m.SnapshotID, "recent:", time.Since(m.CreatedAt) < time.Hour)
	fmt.Printf("  metadata %s\n", must(json.Marshal(m.Metadata)))
	if m.MinTimestamp != nil {
		fmt.Println("  times", m.MinTimestamp.UTC(), m.MaxTimestamp.UTC())
	}
	for _, f := range m.Files {
		size := fmt.Sprint(f.SizeBytes)
		if m.Compressor != "noop" {
			size = "compressed"
		}
		fmt.Println("  file", unnamed(f.Path), size, len(f.Checksum), f.Stats == nil)
	}
}

func readBack(d lode.Dataset, s *lode.DatasetSnapshot) {
	for _, record := range must(d.Read(ctx, s.ID)) {
		if blob, is := record.([]byte); is {
			fmt.Printf("  blob of %d bytes, %q\n", len(blob), blob[:min(len(blob), 10)])
			continue
		}
		fmt.Printf("  %T %s\n", record, must(json.Marshal(record)))
	}
}

func records(root string) {
	fmt.Println("== records")
	compressors := []lode.Compressor{lode.NewNoOpCompressor(), lode.NewGzipCompressor(), lode.NewZstdCompressor()}
	for _, compressor := range compressors {
		id := lode.DatasetID("records-" + compressor.Name())
		d := must(lode.NewDataset(id, lode.NewFSFactory(root), lode.WithCodec(lode.NewJSONLCodec()),
			lode.WithCompressor(compressor), lode.WithChecksum(lode.NewMD5Checksum())))
		fmt.Println(d.ID(), compressor.Extension(), lode.NewJSONLCodec().Name(), lode.NewMD5Checksum().Name())
		_, err := d.Latest(ctx)
		fmt.Println("latest of none:", which(err))
		fmt.Println("snapshots of none:", len(must(d.Snapshots(ctx))))
		first := must(d.Write(ctx, lode.R(lode.D{"id": 1, "text": "a<b>&c é"}, lode.D{"id": 2.5, "none": nil}), lode.Metadata{"by": "Write"}))
		show("Write", first)
		readBack(d, first)
		late, early := time.Unix(2000, 0).UTC(), time.Unix(1000, 5).UTC()
		second := must(d.StreamWriteRecords(ctx, &iterator{records: []any{
			reading{1, late}, reading{2, early}, []byte("bytes"), "text", 7, []any{true, nil}, json.RawMessage(`{"raw":1}`), nil,
		}}, lode.Metadata{"nested": map[string]any{"b": 1, "a": []int{1, 2}}}))
		show("StreamWriteRecords", second)
		readBack(d, second)
		fmt.Println("nothing:", must(d.Write(ctx, nil, nil)).Manifest.RowCount)
		show("nothing, streamed", must(d.StreamWriteRecords(ctx, &iterator{}, nil)))
		show("Latest", must(d.Latest(ctx)))
		show("Snapshot", must(d.Snapshot(ctx, first.ID)))
		for _, s := range must(d.Snapshots(ctx)) {
			fmt.Println("listed", name(s.ID), s.Manifest.RowCount, name(s.Manifest.ParentSnapshotID))
		}
		_, err = d.StreamWriteRecords(ctx, &iterator{records: []any{1}, err: errBroken}, nil)
		fmt.Println("broken iterator:", which(err))
		_, err = d.StreamWriteRecords(ctx, nil, nil)
		fmt.Println("no iterator:", which(err))
		_, err = d.StreamWriteRecords(ctx, &iterator{records: []any{func() {}}}, nil)
		fmt.Println("no JSON:", which(err))
		_, err = d.StreamWrite(ctx, nil)
		fmt.Println("StreamWrite with a codec:", which(err))
		_, err = d.Snapshot(ctx, "1700000000000000000-0123456789abcdef")
		fmt.Println("no such snapshot:", which(err))
		_, err = d.Read(ctx, "1700000000000000000-0123456789abcdef")
		fmt.Println("read of no such snapshot:", which(err))
	}
}

func blobs(root string) {
	fmt.Println("== blobs")
	d := must(lode.NewDataset("blobs", lode.NewFSFactory(root), lode.WithLayout(lode.NewFlatLayout())))
	text := bytes.Repeat([]byte("0123456789"), 1000)
	s := must(d.Write(ctx, []any{text}, lode.Metadata{}))
	show("Write", s)
	readBack(d, s)
	w := must(d.StreamWrite(ctx, lode.Metadata{"by": "StreamWrite"}))
	n, err := io.Copy(w, bytes.NewReader(text))
	fmt.Println("copied", n, err)
	s = must(w.Commit(ctx))
	show("StreamWrite", s)
	readBack(d, s)
	fmt.Println("close after commit:", which(w.Close()))
	w = must(d.StreamWrite(ctx, nil))
	_, _ = w.Write([]byte("given up"))
	fmt.Println("abort:", which(w.Abort(ctx)))
	_, err = w.Commit(ctx)
	fmt.Println("commit after abort fails:", err != nil)
	_, err = d.Write(ctx, []any{1, 2}, nil)
	fmt.Println("two elements fail:", err != nil)
	_, err = d.Write(ctx, []any{"text"}, nil)
	fmt.Println("a string fails:", err != nil)
	fmt.Println("snapshots:", len(must(d.Snapshots(ctx))))
}

func partitions(root string) {
	fmt.Println("== partitions")
	d := must(lode.NewDataset("logs", lode.NewFSFactory(root), lode.WithHiveLayout("day", "region"), lode.WithCodec(lode.NewJSONLCodec())))
	s := must(d.Write(ctx, lode.R(lode.D{"day": "1", "region": "eu", "n": 1}, lode.D{"day": "1", "region": "us", "n": 2},
		lode.D{"day": "2", "region": "eu", "n": 3}), nil))
	show("Write", s)
	rows := must(d.Read(ctx, s.ID))
	fmt.Println("read", len(rows))
	s2 := must(d.Write(ctx, lode.R(lode.D{"day": "2", "region": "us", "n": 4}), nil))
	show("Write", s2)
	_, err := d.Write(ctx, lode.R(lode.D{"day": "1"}), nil)
	fmt.Println("a missing key fails:", err != nil)
	_, err = d.StreamWriteRecords(ctx, &iterator{}, nil)
	fmt.Println("streamed:", which(err))

	hive := must(lode.NewHiveLayout("day", "region"))
	r := must(lode.NewDatasetReader(lode.NewFSFactory(root), lode.WithLayout(hive)))
	all := must(r.ListPartitions(ctx, "logs", lode.PartitionListOptions{}))
	sort.Slice(all, func(i, j int) bool { return all[i].Path < all[j].Path })
	fmt.Println("partitions", all)
	for _, partition := range []string{"day=1/region=eu", "day=2/region=us", "day=9/region=eu"} {
		refs, err := r.ListManifests(ctx, "logs", partition, lode.ManifestListOptions{})
		fmt.Println(partition, len(refs), which(err))
		for _, ref := range refs {
			m := must(r.GetManifest(ctx, "logs", ref))
			fmt.Println("  ", name(ref.ID), ref.Partition, m.RowCount)
		}
	}
	refs := must(r.ListManifests(ctx, "logs", "", lode.ManifestListOptions{}))
	fmt.Println("all", len(refs))
}

func reader(root string) {
	fmt.Println("== reader")
	r := must(lode.NewDatasetReader(lode.NewFSFactory(root)))
	ids := must(r.ListDatasets(ctx, lode.DatasetListOptions{}))
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	fmt.Println("datasets", ids)
	fmt.Println("limited", len(must(r.ListDatasets(ctx, lode.DatasetListOptions{Limit: 1}))))
	refs := must(r.ListManifests(ctx, "records-noop", "", lode.ManifestListOptions{Limit: 2}))
	for _, ref := range refs {
		m := must(r.GetManifest(ctx, "records-noop", ref))
		fmt.Println(name(ref.ID), ref.Partition, m.RowCount)
		if len(m.Files) == 0 || m.Files[0].SizeBytes == 0 {
			continue
		}
		object := lode.ObjectRef{Dataset: "records-noop", Manifest: ref, Path: m.Files[0].Path}
		opened := must(r.OpenObject(ctx, object))
		data := must(io.ReadAll(opened))
		_ = opened.Close()
		part := make([]byte, 4)
		n, err := must(r.ReaderAt(ctx, object)).ReadAt(part, 1)
		fmt.Println(len(data), n, err, string(part) == string(data[1:5]))
	}
	_, err := r.ListManifests(ctx, "none", "", lode.ManifestListOptions{})
	fmt.Println("no such dataset:", which(err))
	_, err = r.ListPartitions(ctx, "none", lode.PartitionListOptions{})
	fmt.Println("partitions of no such dataset:", which(err))
	_, err = r.GetManifest(ctx, "records-noop", lode.ManifestRef{ID: "none"})
	fmt.Println("no such manifest:", which(err))
	_, err = r.OpenObject(ctx, lode.ObjectRef{Path: "none"})
	fmt.Println("no such object:", which(err))
	flat := must(lode.NewDatasetReader(lode.NewFSFactory(root), lode.WithLayout(lode.NewFlatLayout())))
	_, err = flat.ListDatasets(ctx, lode.DatasetListOptions{})
	fmt.Println("flat:", which(err))
	_, err = lode.NewDatasetReader(lode.NewFSFactory(root), lode.WithCodec(lode.NewJSONLCodec()))
	fmt.Println("codec of a reader:", which(err))
}

func conflicts() {
	fmt.Println("== conflicts")
	shared := lode.NewMemory()
	factory := func() (lode.Store, error) { return shared, nil }
	open := func(options ...lode.Option) lode.Dataset {
		return must(lode.NewDataset("shared", factory, append(options, lode.WithCodec(lode.NewJSONLCodec()))...))
	}
	a, b := open(), open()
	show("a", must(a.Write(ctx, lode.R(lode.D{"by": "a"}), nil)))
	show("b", must(b.Write(ctx, lode.R(lode.D{"by": "b"}), nil)))
	_, err := a.Write(ctx, lode.R(lode.D{"by": "a"}), nil)
	fmt.Println("a, without having seen b:", which(err))
	show("latest of a", must(a.Latest(ctx)))
	show("a again", must(a.Write(ctx, lode.R(lode.D{"by": "a"}), nil)))
	retrying := open(lode.WithRetryCount(3), lode.WithRetryBaseDelay(time.Millisecond), lode.WithRetryMaxDelay(time.Second),
		lode.WithRetryJitter(0.5))
	must(retrying.Latest(ctx))
	must(a.Write(ctx, lode.R(lode.D{"by": "a"}), nil))
	show("retrying", must(retrying.Write(ctx, lode.R(lode.D{"by": "r"}), nil)))
	fmt.Println("snapshots", len(must(a.Snapshots(ctx))))
}

func stores(root string) {
	fmt.Println("== stores")
	for _, s := range []lode.Store{must(lode.NewFS(root)), lode.NewMemory(), must(lode.NewMemoryFactory()())} {
		fmt.Println("put", which(s.Put(ctx, "x/1", strings.NewReader("first"))), which(s.Put(ctx, "x/1", strings.NewReader("second"))))
		r := must(s.Get(ctx, "x/1"))
		fmt.Printf("get %s %v\n", must(io.ReadAll(r)), r.Close())
		_, err := s.Get(ctx, "x/2")
		fmt.Println("none", which(err), must(s.Exists(ctx, "x/1")), must(s.Exists(ctx, "x/2")))
		for _, part := range [][2]int64{{0, 5}, {1, 2}, {3, 9}, {9, 1}, {0, 0}} {
			fmt.Printf("range %v %q\n", part, must(s.ReadRange(ctx, "x/1", part[0], part[1])))
		}
		_, err = s.ReadRange(ctx, "x/1", -1, 1)
		_, none := s.ReadRange(ctx, "x/2", 0, 1)
		fmt.Println("bad range", which(err), which(none))
		_, err = s.ReaderAt(ctx, "x/2")
		fmt.Println("reader of none", which(err))
		_, err = s.Get(ctx, "../x")
		fmt.Println("outside", which(err))
		fmt.Println("list", must(s.List(ctx, "x/")))
		swap := s.(lode.ConditionalWriter)
		fmt.Println("swap", which(swap.CompareAndSwap(ctx, "p", "", "1")), which(swap.CompareAndSwap(ctx, "p", "", "2")),
			which(swap.CompareAndSwap(ctx, "p", "1", "2")))
		fmt.Println("delete", which(s.Delete(ctx, "x/1")), which(s.Delete(ctx, "x/1")), must(s.Exists(ctx, "x/1")))
	}
	_, err := lode.NewFS(root + "/none")
	fmt.Println("no such directory fails:", err != nil)
	_, err = lode.NewDataset("x", nil)
	fmt.Println("no factory fails:", err != nil)
	_, err = lode.NewDataset("x", func() (lode.Store, error) { return nil, errBroken })
	fmt.Println("a factory that fails:", which(err))
	_, err = lode.NewHiveLayout()
	fmt.Println("no keys fail:", err != nil)
	for _, option := range []lode.Option{lode.WithRetryCount(-1), lode.WithRetryBaseDelay(0), lode.WithRetryMaxDelay(-1),
		lode.WithRetryJitter(2), lode.WithLayout(nil), lode.WithCompressor(nil), lode.WithHiveLayout()} {
		_, err = lode.NewDataset("x", lode.NewMemoryFactory(), option)
		fmt.Println("option fails:", err != nil)
	}
}

func showVolume(what string, s *lode.VolumeSnapshot) {
	m := s.Manifest
	fmt.Printf("%s: %s of %s on %s, %s %s, %d bytes, checksum %q, metadata %s\n", what, name(lode.DatasetSnapshotID(s.ID)), m.VolumeID,
		name(lode.DatasetSnapshotID(m.ParentSnapshotID)), m.SchemaName, m.FormatVersion, m.TotalLength, m.ChecksumAlgorithm,
		must(json.Marshal(m.Metadata)))
	for _, b := range m.Blocks {
		fmt.Printf("  %d+%d at %s, checksum %s\n", b.Offset, b.Length, b.Path, b.Checksum)
	}
}

func volumes(root string) {
	in := root + "/volumes"
	must(0, os.Mkdir(in, 0o755))
	v := must(lode.NewVolume("disk", lode.NewFSFactory(in), 1000, lode.WithChecksum(lode.NewMD5Checksum())))
	_, err := v.Latest(ctx)
	fmt.Println(v.ID(), "latest of none", which(err))
	block := func(offset int64, text string) lode.BlockRef {
		return must(v.StageWriteAt(ctx, offset, strings.NewReader(text)))
	}
	first := must(v.Commit(ctx, []lode.BlockRef{block(10, "ten"), block(0, "zero")}, lode.Metadata{"n": 1}))
	showVolume("first", first)
	second := must(v.Commit(ctx, []lode.BlockRef{block(4, "four00")}, nil))
	showVolume("second", second)
	fmt.Printf("read %q %q\n", must(v.ReadAt(ctx, second.ID, 2, 10)), must(v.ReadAt(ctx, first.ID, 11, 2)))
	for _, part := range [][2]int64{{0, 10}, {900, 1}, {12, 2}} {
		_, err = v.ReadAt(ctx, first.ID, part[0], part[1])
		fmt.Println("hole", part, which(err))
	}
	for _, part := range [][2]int64{{-1, 1}, {0, 0}, {999, 2}} {
		_, err = v.ReadAt(ctx, first.ID, part[0], part[1])
		fmt.Println("no range", part, err != nil)
	}
	_, err = v.ReadAt(ctx, "none", 0, 1)
	_, none := v.Snapshot(ctx, "none")
	fmt.Println("no snapshot", which(err), which(none))
	_, err = v.Commit(ctx, []lode.BlockRef{block(1, "xx")}, nil)
	fmt.Println("overlap", which(err))
	for _, refs := range [][]lode.BlockRef{nil, second.Manifest.Blocks, {{Offset: 1, Length: 1, Path: "elsewhere"}}} {
		_, err = v.Commit(ctx, refs, nil)
		fmt.Println("commit of", len(refs), "fails:", err != nil)
	}
	for _, bad := range []int64{-1, 998, 1000} {
		_, err = v.StageWriteAt(ctx, bad, strings.NewReader("four"))
		fmt.Println("outside fails:", err != nil)
	}
	_, err = v.StageWriteAt(ctx, 0, strings.NewReader(""))
	fmt.Println("no bytes fail:", err != nil)
	showVolume("latest", must(v.Latest(ctx)))
	showVolume("by id", must(v.Snapshot(ctx, first.ID)))
	for _, s := range must(v.Snapshots(ctx)) {
		showVolume("listed", s)
	}
	other := must(lode.NewVolume("disk", lode.NewFSFactory(in), 1000, lode.WithChecksum(lode.NewMD5Checksum())))
	late := must(other.StageWriteAt(ctx, 500, strings.NewReader("late")))
	must(other.Latest(ctx))
	showVolume("third", must(v.Commit(ctx, []lode.BlockRef{block(600, "won")}, nil)))
	_, err = other.Commit(ctx, []lode.BlockRef{late}, nil)
	fmt.Println("conflict", which(err))
	again := must(lode.NewVolume("disk", lode.NewFSFactory(in), 1000, lode.WithChecksum(lode.NewMD5Checksum()), lode.WithRetryCount(5)))
	showVolume("after it", must(again.Commit(ctx, []lode.BlockRef{late}, nil)))
	for _, option := range []lode.Option{lode.WithCompressor(lode.NewGzipCompressor()), lode.WithCodec(lode.NewJSONLCodec()),
		lode.WithLayout(lode.NewDefaultLayout()), lode.WithHiveLayout("k"), lode.WithRetryCount(-1)} {
		_, err = lode.NewVolume("x", lode.NewMemoryFactory(), 1, option)
		fmt.Println("option of a volume:", err != nil, which(err))
	}
	for _, length := range []int64{0, -1} {
		_, err = lode.NewVolume("x", lode.NewMemoryFactory(), length)
		fmt.Println("length", length, "fails:", err != nil)
	}
}

func main() {
	root := os.Args[1]
	records(root)
	blobs(root)
	partitions(root)
	reader(root)
	conflicts()
	stores(root)
	volumes(root)
}
