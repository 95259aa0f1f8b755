package lode

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func volume(t *testing.T, store *Store) *Volume {
	t.Helper()
	return must[*Volume](t)(OpenVolume(store, "disk", &VolumeOptions{TotalLength: 100, Durability: DurabilityProcess}))
}

func TestAVolumeIsFilledBlockByBlock(t *testing.T) {
	v := volume(t, memory(t))
	first, second := strings.Repeat("a", 40), strings.Repeat("b", 60)
	block := must[*VolumeBlock](t)(v.StageWriteAt(background, []byte(first), 0))
	s := must[*Snapshot](t)(v.Commit(background, []*VolumeBlock{block}, Metadata{}))
	blocks := s.Blocks()
	if s.TotalLength() != 100 || len(blocks) != 1 || blocks[0].Length != 40 || blocks[0].Path == "" || blocks[0].Checksum == "" {
		t.Errorf("%d %+v", s.TotalLength(), blocks)
	}
	if got := s.Gaps(); !reflect.DeepEqual(got, []Gap{{40, 60}}) {
		t.Error(got)
	}
	if again := must[*Snapshot](t)(v.Commit(background, []*VolumeBlock{block}, Metadata{})); again.CommitStatus() != StatusAlreadyCommitted {
		t.Error(again.CommitStatus())
	}
	p := make([]byte, 100)
	if err := v.ReadAt(background, s, p[:30], 10, nil); err != nil || string(p[:30]) != first[:30] {
		t.Error(err, string(p[:30]))
	}
	if e := refusedWith(t, v.ReadAt(background, s, p, 0, nil), ErrRangeMissing, ""); e.Offset != 40 {
		t.Error(e.Offset)
	}
	staged := must[*VolumeBlock](t)(v.StageStreamAt(background, strings.NewReader(second), 40, 60))
	if staged.Offset() != 40 || staged.Length() != 60 {
		t.Error(staged.JSON())
	}
	staged = must[*VolumeBlock](t)(v.BlockFromJSON(staged.JSON()))
	whole := must[*Snapshot](t)(v.Commit(background, []*VolumeBlock{staged}, Metadata{}, ExpectParent(s.ID())))
	if err := v.ReadAt(background, whole, p, 0, &ReadOptions{Verify: VerifyFirst}); err != nil || string(p) != first+second {
		t.Error(err, string(p))
	}
	if err := v.VerifySnapshot(background, whole, nil); err != nil || len(whole.Gaps()) != 0 {
		t.Error(err, whole.Gaps())
	}
	if found := must[[]Finding](t)(v.Verify(background, VerifyLevelChecksums)); len(found) != 0 {
		t.Error(found)
	}
	var ids []string
	for one, err := range v.Snapshots(background) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, one.ID())
	}
	for one, err := range v.Changes(background, ids[0]) {
		if err != nil || one.ID() != ids[1] {
			t.Error(err, one)
		}
	}
	if len(ids) != 2 || must[*Snapshot](t)(v.Latest(background)).ID() != ids[1] ||
		must[*Snapshot](t)(v.Snapshot(background, ids[0])).ID() != ids[0] ||
		must[*Snapshot](t)(v.Adopt(background, ids[1])).ID() != ids[1] {
		t.Error(ids)
	}
	if s, err := v.FindProducer(background, "none"); s != nil || err != nil {
		t.Error(s, err)
	}
}

func TestWrongUseOfAVolumeIsRefused(t *testing.T) {
	store := memory(t)
	v := volume(t, store)
	_, err := v.Latest(background)
	refusedWith(t, err, ErrNoSnapshots, "")
	_, err = v.Commit(background, nil, Metadata{})
	refusedWith(t, err, ErrInvalidArgument, "")
	_, err = v.Commit(background, []*VolumeBlock{nil}, Metadata{})
	refusedWith(t, err, ErrInvalidArgument, "block 0 is nil")
	_, err = v.StageWriteAt(background, make([]byte, 11), 90)
	refusedWith(t, err, ErrInvalidArgument, "")
	_, err = v.StageWriteAt(background, nil, 0)
	refusedWith(t, err, ErrInvalidArgument, "")
	_, err = v.StageWriteAt(background, nil, -1)
	refusedWith(t, err, ErrInvalidArgument, "-1")
	_, err = v.StageStreamAt(background, strings.NewReader("1"), 0, 2)
	refusedWith(t, err, ErrInvalidArgument, "")
	_, err = v.StageStreamAt(background, nil, 0, 2)
	refusedWith(t, err, ErrNilIterator, "")
	_, err = v.BlockFromJSON("{}")
	refusedWith(t, err, ErrInvalidArgument, "")
	_, err = OpenVolume(store, "disk", &VolumeOptions{TotalLength: -1})
	refusedWith(t, err, ErrInvalidArgument, "TotalLength")
	var blocks []*VolumeBlock
	for i := range int64(2) {
		blocks = append(blocks, must[*VolumeBlock](t)(v.StageWriteAt(background, make([]byte, 10), i)))
	}
	_, err = v.Commit(background, blocks, Metadata{})
	refusedWith(t, err, ErrOverlappingBlocks, "")
	_ = blocks[0].Close()
	_, err = v.Commit(background, blocks, Metadata{})
	refusedWith(t, err, ErrState, "the block is closed")
	_ = v.Close()
	_, err = v.Latest(background)
	refusedWith(t, err, ErrState, "the volume is closed")
	if sum, err := events(t, store).Collect(background, nil); sum.Objects != 0 || err == nil {
		t.Error(sum, err)
	}
}

func TestCleanUpTellsWhatItRemoves(t *testing.T) {
	root := t.TempDir()
	d := events(t, must[*Store](t)(OpenFilesystem(root, nil)))
	must[*Snapshot](t)(d.StreamWriteRecords(background, of(1), Metadata{}))
	// A data file that nothing names, as a writer leaves it that died a month ago.
	key := "datasets/events/snapshots/1700000000000000000-0123456789abcdef/data/data"
	path := filepath.Join(root, key)
	month := time.Now().Add(-30 * 24 * time.Hour)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("1\n"), 0o600),
		os.Chtimes(path, month, month)); err != nil {
		t.Fatal(err)
	}
	var told []Garbage
	sum := must[Collected](t)(d.Collect(background, &CollectOptions{DryRun: true, Removed: func(g Garbage) bool {
		told = append(told, g)
		return true
	}}))
	if sum != (Collected{1, 2}) || len(told) != 1 || told[0].Path != key || told[0].Size != 2 || told[0].Age < 29*24*time.Hour {
		t.Error(sum, told)
	}
	_, err := d.Collect(background, &CollectOptions{DryRun: true, Removed: func(Garbage) bool { return false }})
	refusedWith(t, err, ErrAborted, "")
	panicsWith(t, "told", func() {
		_, _ = d.Collect(background, &CollectOptions{DryRun: true, Removed: func(Garbage) bool { panic("told") }})
	})
	_, err = d.Collect(background, &CollectOptions{MinAge: 47 * time.Hour})
	refusedWith(t, err, ErrInvalidArgument, "48 hours")
	if sum := must[Collected](t)(d.Collect(background, nil)); sum.Objects != 1 {
		t.Error(sum)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error(err)
	}
	v := volume(t, must[*Store](t)(OpenFilesystem(root, nil)))
	if sum := must[Collected](t)(v.Collect(background, &CollectOptions{})); sum.Objects != 0 {
		t.Error(sum)
	}
}

// scanned is an iterator whose records are JSON already; Record must not be asked.
type scanned struct {
	slice
	t *testing.T
}

func (s *scanned) Record() any   { s.t.Error("Record was asked"); return nil }
func (s *scanned) Bytes() []byte { return s.records[s.at-1].([]byte) }

func TestAnIteratorOfBytesIsAskedForBytes(t *testing.T) {
	d := events(t, memory(t))
	long := []byte(`"` + strings.Repeat("x", batchBytes) + `"`)
	s := must[*Snapshot](t)(d.StreamWriteRecords(background,
		&scanned{slice{records: []any{[]byte("1"), long, []byte("3")}}, t}, Metadata{}))
	if got := readAll(t, d, s); !reflect.DeepEqual(got, []string{"1", string(long), "3"}) {
		t.Error(len(got))
	}
	_, err := d.StreamWriteRecords(background, &scanned{slice{records: []any{[]byte("1"), []byte("{")}}, t}, Metadata{})
	if e := refusedWith(t, err, ErrInvalidRecord, ""); e.Record != 1 {
		t.Error(e.Record)
	}
}

func TestAReaderOfTwoGoroutinesIsRefused(t *testing.T) {
	d := events(t, memory(t))
	s := must[*Snapshot](t)(d.StreamWriteRecords(background, of(1, 2, 3), Metadata{}))
	r := must[*Reader](t)(d.OpenReader(background, s, nil))
	r.mu.Lock() // as while another goroutine is in the call
	_, err := r.NextBatch(1)
	refusedWith(t, err, ErrState, "another goroutine")
	r.mu.Unlock()
	for _, most := range []int{1, 5} { // the room for a batch grows
		if batch := must[[][]byte](t)(r.NextBatch(most)); len(batch) != min(most, 2) {
			t.Error(len(batch))
		}
	}
}
