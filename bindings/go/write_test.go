package lode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

type reading struct {
	Sensor int       `json:"sensor"`
	At     time.Time `json:"-"`
}

func (r reading) Timestamp() time.Time { return r.At }

func TestAnyKindOfRecordIsTaken(t *testing.T) {
	d := events(t, memory(t))
	records := []any{[]byte(`{"a":1}`), json.RawMessage(`[2]`), map[string]any{"b": 3}, reading{Sensor: 4}, "five", nil}
	want := []string{`{"a":1}`, `[2]`, `{"b":3}`, `{"sensor":4}`, `"five"`, `null`}
	pulled := must[*Snapshot](t)(d.StreamWriteRecords(background, of(records...), Metadata{}))
	whole := must[*Snapshot](t)(d.WriteRecords(background, records, Metadata{"source": "test"}))
	for _, snapshot := range []*Snapshot{pulled, whole} {
		if got := readAll(t, d, snapshot); !reflect.DeepEqual(got, want) {
			t.Errorf("got %q", got)
		}
	}
	if string(whole.Metadata()) != `{"source":"test"}` || whole.RowCount() != 6 || whole.ParentID() != pulled.ID() {
		t.Error(string(whole.Manifest()))
	}
	if empty := must[*Snapshot](t)(d.StreamWriteRecords(background, of(), Metadata{})); empty.RowCount() != 0 {
		t.Error(empty.RowCount())
	}
	if empty := must[*Snapshot](t)(d.WriteRecords(background, nil, Metadata{})); empty.RowCount() != 0 {
		t.Error(empty.RowCount())
	}
}

// More than one batch, and records longer than one.
func TestManyAndLongRecordsArePulled(t *testing.T) {
	d := events(t, memory(t))
	var records []any
	for i := range 20000 {
		records = append(records, []byte(fmt.Sprint(i)))
	}
	long := []byte(`"` + strings.Repeat("x", 300_000) + `"`)
	records = append(records, long, []byte("1"), long, []byte("2"))
	got := readAll(t, d, must[*Snapshot](t)(d.StreamWriteRecords(background, of(records...), Metadata{})))
	if len(got) != 20004 || got[19999] != "19999" || got[20000] != string(long) || got[20003] != "2" {
		t.Fatal(len(got))
	}
}

func TestTimesComeWithTheirRecords(t *testing.T) {
	d := events(t, memory(t))
	early, late := time.Unix(100, 5).UTC(), time.Unix(200, 0).UTC()
	same := func(s *Snapshot) {
		t.Helper()
		if !s.MinTimestamp().Equal(early) || !s.MaxTimestamp().Equal(late) {
			t.Errorf("%v to %v", s.MinTimestamp(), s.MaxTimestamp())
		}
	}
	records := []any{reading{1, late}, []byte("2"), Timed{Record: []byte("3"), Time: early}}
	same(must[*Snapshot](t)(d.StreamWriteRecords(background, of(records...), Metadata{})))
	same(must[*Snapshot](t)(d.WriteRecords(background, records, Metadata{})))
	w := must[*Writer](t)(d.NewWriter(nil))
	if err := errors.Join(w.AppendAt([]byte("1"), late), w.Append([]byte("2")), w.AppendAt([]byte("3"), early)); err != nil {
		t.Fatal(err)
	}
	same(must[*Snapshot](t)(w.Commit(background, Metadata{})))
	if s := must[*Snapshot](t)(d.StreamWriteRecords(background, of("x"), Metadata{})); !s.MinTimestamp().IsZero() {
		t.Error(s.MinTimestamp())
	}
}

func TestTheIteratorsErrorComesOutOfTheCall(t *testing.T) {
	d := events(t, memory(t))
	broken := errors.New("the source broke off")
	_, err := d.StreamWriteRecords(background, &slice{records: []any{"1"}, err: broken}, Metadata{})
	refusedWith(t, err, ErrIterator, "")
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	_, err = d.StreamWriteRecords(background, of("1", math.NaN()), Metadata{})
	if e := refusedWith(t, err, ErrInvalidRecord, "cannot be JSON"); e.Record != 1 {
		t.Error(e.Record)
	}
	_, err = d.WriteRecords(background, []any{"1", make(chan int)}, Metadata{})
	if e := refusedWith(t, err, ErrInvalidRecord, "cannot be JSON"); e.Record != 1 {
		t.Error(e.Record)
	}
	_, err = d.StreamWriteRecords(background, of("1", []byte(`{"a":x}`), "3"), Metadata{})
	if e := refusedWith(t, err, ErrInvalidRecord, ""); e.Record != 1 || e.Offset != 5 || e.Action != ActionGiveUp {
		t.Errorf("%+v", e)
	}
	_, err = d.StreamWriteRecords(background, of("1", []byte(nil)), Metadata{})
	refusedWith(t, err, ErrInvalidRecord, "")
	_, err = d.StreamWriteRecords(background, nil, Metadata{})
	refusedWith(t, err, ErrNilIterator, "")
	_, err = d.StreamWriteRecords(background, of("1"), nil)
	refusedWith(t, err, ErrMetadataRequired, "")
	_, err = d.StreamWriteRecords(background, of("1"), Metadata{"x": math.NaN()})
	refusedWith(t, err, ErrMetadataInvalid, "NaN")
	_, err = d.StreamWriteRecords(background, of("1"), Metadata{"lode.x": 1})
	refusedWith(t, err, ErrMetadataReserved, "")
	hasNoSnapshot(t, d)
}

type panicking struct{ at, place int }

func (p *panicking) reach(place int) {
	if p.place == place && p.at == 700 {
		panic("the iterator broke")
	}
}
func (p *panicking) Next() bool  { p.at++; p.reach(1); return p.at < 1000 }
func (p *panicking) Record() any { p.reach(2); return []byte("1") }
func (p *panicking) Err() error {
	if p.place == 3 {
		panic("the iterator broke")
	}
	return nil
}

// panicsWith says that the body panics with this value.
func panicsWith(t *testing.T, want any, body func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("panicked with %v, expected %v", got, want)
		}
	}()
	body()
}

func TestAPanicComesOutOfTheCallAndNothingIsCommitted(t *testing.T) {
	d := events(t, memory(t))
	for place := 1; place <= 3; place++ {
		panicsWith(t, "the iterator broke", func() {
			_, _ = d.StreamWriteRecords(background, &panicking{place: place}, Metadata{})
		})
	}
	panicsWith(t, "the marshaller broke", func() {
		_, _ = d.StreamWriteRecords(background, of(marshaller(func() { panic("the marshaller broke") })), Metadata{})
	})
	panicsWith(t, "progress broke", func() {
		_, _ = d.StreamWriteRecords(background, of("1"), Metadata{}, OnProgress(func(Progress) bool { panic("progress broke") }))
	})
	hasNoSnapshot(t, d)
	b := must[*Dataset](t)(OpenDataset(memory(t), "blobs", nil))
	panicsWith(t, "the reader broke", func() {
		_, _ = b.StreamWriteBlob(background, reader(func([]byte) (int, error) { panic("the reader broke") }), Metadata{})
	})
	hasNoSnapshot(t, b)
}

type marshaller func()

func (m marshaller) MarshalJSON() ([]byte, error) { m(); return []byte("1"), nil }

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

func TestCommitsDoWhatTheirOptionsSay(t *testing.T) {
	d := events(t, memory(t))
	write := func(options ...CommitOption) (*Snapshot, error) {
		return d.StreamWriteRecords(background, of("1"), Metadata{}, options...)
	}
	first := must[*Snapshot](t)(write(ExpectParent("")))
	_, err := write(ExpectParent(""))
	if e := refusedWith(t, err, ErrConflict, ""); e.SnapshotID != first.ID() || e.Action != ActionRebase {
		t.Errorf("%+v", e)
	}
	second := must[*Snapshot](t)(write(ExpectParent(first.ID()), nil))
	once := must[*Snapshot](t)(write(ExactlyOnce("meter", 1, "byte 100"), Attempts(3, time.Millisecond, time.Second)))
	again := must[*Snapshot](t)(write(ExactlyOnce("meter", 1, "byte 100")))
	if once.CommitStatus() != StatusOK || again.CommitStatus() != StatusAlreadyCommitted || again.ID() != once.ID() {
		t.Error(once.CommitStatus(), again.CommitStatus())
	}
	known := must[*Snapshot](t)(d.FindProducer(background, "meter"))
	if sequence, position, err := known.Producer("meter"); sequence != 1 || position != "byte 100" || err != nil {
		t.Error(sequence, position, err)
	}
	if sequence, _, err := known.Producer("other"); sequence != 0 || err != nil {
		t.Error(sequence, err)
	}
	if none, err := d.FindProducer(background, "other"); none != nil || err != nil {
		t.Error(none, err)
	}
	told := 0
	must[*Snapshot](t)(write(OnProgress(func(p Progress) bool { told++; return true })))
	_, err = write(OnProgress(func(Progress) bool { return false }))
	refusedWith(t, err, ErrAborted, "")
	if told == 0 {
		t.Error("no progress was told")
	}
	if s := must[*Snapshot](t)(d.ResolveCommit(background, second.ID())); s.ID() != second.ID() {
		t.Error(s.ID())
	}
	_, err = write(ExactlyOnce("", 1, ""))
	refusedWith(t, err, ErrInvalidArgument, "no producer")
	_, err = write(Attempts(-1, 0, 0))
	refusedWith(t, err, ErrInvalidArgument, "-1 attempts")
	_, err = write(ExactlyOnce("a\x00b", 1, ""))
	refusedWith(t, err, ErrInvalidArgument, "NUL")
}

func TestAContextEndsACall(t *testing.T) {
	d := events(t, memory(t))
	over, cancel := context.WithCancel(background)
	cancel()
	_, err := d.StreamWriteRecords(over, of("1"), Metadata{})
	if refusedWith(t, err, ErrCancelled, "").Action != ActionRetry || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	late, cancel := context.WithDeadline(background, time.Now().Add(-time.Second))
	defer cancel()
	_, err = d.Latest(late)
	if refusedWith(t, err, ErrDeadline, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// In the midst of the call: the iterator cancels, and goes on until the library has noticed.
	why := errors.New("the operator said stop")
	midst, stop := context.WithCancelCause(background)
	_, err = d.StreamWriteRecords(midst, endless(func(at int) {
		if at == 10 {
			stop(why)
		}
	}), Metadata{})
	refusedWith(t, err, ErrCancelled, "")
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(background, time.Millisecond)
	defer cancel()
	_, err = d.StreamWriteRecords(short, endless(func(int) {}), Metadata{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	hasNoSnapshot(t, d)
	for _, err := range d.Snapshots(over) {
		refusedWith(t, err, ErrCancelled, "")
	}
	//lint:ignore SA1012 a nil context is what this is about
	_, err = d.Latest(nil) //nolint:staticcheck
	refusedWith(t, err, ErrInvalidArgument, "context is nil")
}

type endlessIterator struct {
	reach func(int)
	at    int
}

func endless(reach func(int)) *endlessIterator { return &endlessIterator{reach: reach} }

func (e *endlessIterator) Next() bool  { e.at++; e.reach(e.at); return true }
func (e *endlessIterator) Record() any { return []byte("1") }
func (e *endlessIterator) Err() error  { return nil }

func TestAWriterGathersRecords(t *testing.T) {
	d := events(t, memory(t))
	w := must[*Writer](t)(d.NewWriter(nil))
	var want []string
	for i := range 30000 {
		record := fmt.Sprintf(`{"n":%d}`, i)
		want = append(want, record)
		if err := w.Append([]byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	long := `"` + strings.Repeat("y", 200_000) + `"`
	if err := w.Append([]byte(long)); err != nil {
		t.Fatal(err)
	}
	want = append(want, long, "7", "8")
	n, err := w.AppendLines([]byte("7\n\n8\n9"))
	if n != 5 || err != nil {
		t.Fatal(n, err)
	}
	if count := must[int64](t)(w.RecordCount()); count != int64(len(want)) {
		t.Error(count)
	}
	if got := readAll(t, d, must[*Snapshot](t)(w.Commit(background, Metadata{}))); !reflect.DeepEqual(got, want) {
		t.Error(len(got), len(want))
	}
	err = errors.Join(w.Append([]byte("1")), w.Flush())
	refusedWith(t, err, ErrState, "")
}

func TestARefusedRecordIsLeftOutAndAllOthersAreKept(t *testing.T) {
	d := events(t, memory(t))
	w := must[*Writer](t)(d.NewWriter(nil))
	for _, record := range []string{"1", "bad", "2", "worse", "3"} {
		if err := w.Append([]byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Commit(background, Metadata{})
	refusedWith(t, err, ErrInvalidRecord, "")
	if all, is := err.(interface{ Unwrap() []error }); !is || len(all.Unwrap()) != 2 {
		t.Errorf("%v has not both", err)
	}
	hasNoSnapshot(t, d)
	// One that shows only as room is needed: the record of the failing call is taken.
	if err := w.Append([]byte("oops")); err != nil {
		t.Fatal(err)
	}
	failures := 0
	for i := range 5000 {
		if err := w.Append([]byte(fmt.Sprint(i))); err != nil {
			failures++
			refusedWith(t, err, ErrInvalidRecord, "")
		}
	}
	s := must[*Snapshot](t)(w.Commit(background, Metadata{}))
	if got := readAll(t, d, s); failures != 1 || len(got) != 5003 || got[2] != "3" || got[3] != "0" || got[5002] != "4999" {
		t.Error(failures, len(got))
	}
	lenient := must[*Writer](t)(d.NewWriter(&WriterOptions{SkipBadRecords: true, EarlyWriteback: true}))
	if err := errors.Join(lenient.Append([]byte("bad")), lenient.Append([]byte("1")), lenient.Flush()); err != nil {
		t.Fatal(err)
	}
	if skipped := must[int64](t)(lenient.SkippedCount()); skipped != 1 || must[int64](t)(lenient.ByteCount()) < 1 {
		t.Error(skipped)
	}
	if err := errors.Join(lenient.Abort(), lenient.Close(), lenient.Close()); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, lenient.Append([]byte("1")), ErrState, "closed")
}

func TestABatchIsAppendedAsItsRecordsAre(t *testing.T) {
	d := events(t, memory(t))
	w := must[*Writer](t)(d.NewWriter(nil))
	var batch [][]byte
	for i := range 10000 {
		batch = append(batch, fmt.Appendf(nil, `{"n":%d}`, i))
	}
	batch[17] = []byte("bad")
	taken, err := w.AppendBatch(batch)
	if refusedWith(t, err, ErrInvalidRecord, ""); taken != len(batch) {
		t.Error(taken)
	}
	if taken, err := w.AppendBatch(nil); taken != 0 || err != nil {
		t.Error(taken, err)
	}
	s := must[*Snapshot](t)(w.Commit(background, Metadata{}))
	if got := readAll(t, d, s); len(got) != 9999 || got[17] != `{"n":18}` || got[9998] != `{"n":9999}` {
		t.Error(len(got))
	}
	_, _ = w.AppendBatch(batch[:1])
	taken, err = w.AppendBatch(batch)
	if refusedWith(t, err, ErrState, ""); taken == len(batch) {
		t.Error("a writer that has committed takes records")
	}
	_ = w.Close()
	if taken, err = w.AppendBatch(batch); taken != 0 {
		t.Error(taken)
	}
	refusedWith(t, err, ErrState, "closed")
}

func TestAWriterOfTwoGoroutinesIsRefused(t *testing.T) {
	d := events(t, memory(t))
	w := must[*Writer](t)(d.NewWriter(nil))
	if err := w.Append([]byte("1")); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	committing, tried := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(tried)
		<-committing
		refusedAnywhere(t, w.Append([]byte("2")), ErrState)
		refusedAnywhere(t, w.Flush(), ErrState)
		_, err := w.RecordCount()
		refusedAnywhere(t, err, ErrState)
	}()
	s, err := w.Commit(background, Metadata{}, OnProgress(func(Progress) bool {
		once.Do(func() { close(committing); <-tried })
		return true
	}))
	if err != nil || s.RowCount() != 1 {
		t.Fatal(err)
	}
	// Without any order among them: each append is in, or was refused.
	w = must[*Writer](t)(d.NewWriter(nil))
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := int64(0)
	for range 4 {
		all.Go(func() {
			for range 1000 {
				switch err := w.Append([]byte("1")); {
				case err == nil:
					mu.Lock()
					taken++
					mu.Unlock()
				case !errors.Is(err, ErrState):
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if s := must[*Snapshot](t)(w.Commit(background, Metadata{})); s.RowCount() != taken {
		t.Error(s.RowCount(), taken)
	}
}

// refusedAnywhere is refusedWith for any goroutine.
func refusedAnywhere(t *testing.T, err error, want Status) {
	if !errors.Is(err, want) {
		t.Errorf("got %v, expected %v", err, want)
	}
}

func TestBlobsAreReadersAndWriters(t *testing.T) {
	d := must[*Dataset](t)(OpenDataset(memory(t), "blobs", &DatasetOptions{Compressor: CompressorZstd}))
	text := strings.Repeat("0123456789", 50_000)
	w := must[*BlobWriter](t)(d.NewBlobWriter())
	if _, err := io.Copy(w, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	pushed := must[*Snapshot](t)(w.Commit(background, Metadata{}))
	pulled := must[*Snapshot](t)(d.StreamWriteBlob(background, strings.NewReader(text), Metadata{}))
	whole := must[*Snapshot](t)(d.WriteBlob(background, []byte(text), Metadata{}))
	for _, s := range []*Snapshot{pushed, pulled, whole} {
		r := must[*BlobReader](t)(d.OpenBlob(background, s, &ReadOptions{Verify: VerifyFirst}))
		got := must[[]byte](t)(io.ReadAll(r))
		if string(got) != text {
			t.Error(len(got))
		}
		part := make([]byte, 4)
		if n, err := r.ReadAt(part, 12); n != 4 || err != nil || string(part) != "2345" {
			t.Error(n, err, string(part))
		}
		if n, err := r.ReadAt(part, int64(len(text))-2); n != 2 || err != io.EOF {
			t.Error(n, err)
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
		_, err := r.Read(part)
		refusedWith(t, err, ErrState, "closed")
	}
	if s := must[*Snapshot](t)(d.WriteBlob(background, nil, Metadata{})); s.RowCount() != 1 {
		t.Error(s.RowCount())
	}
	broken := errors.New("the disk broke off")
	_, err := d.StreamWriteBlob(background, io.MultiReader(strings.NewReader("x"), reader(func([]byte) (int, error) {
		return 0, broken
	})), Metadata{})
	if refusedWith(t, err, ErrIterator, ""); !errors.Is(err, broken) {
		t.Error(err)
	}
	_, err = d.StreamWriteBlob(background, reader(func(p []byte) (int, error) { return len(p) + 1, nil }), Metadata{})
	if refusedWith(t, err, ErrIterator, ""); !errors.Is(err, ErrIteratorContract) {
		t.Error(err)
	}
	_, err = d.StreamWriteBlob(background, reader(func([]byte) (int, error) { return 0, nil }), Metadata{})
	if refusedWith(t, err, ErrIterator, ""); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	_, err = d.StreamWriteBlob(background, nil, Metadata{})
	refusedWith(t, err, ErrNilIterator, "")
}

func TestDescriptorsFeedWritersAndTakeRecords(t *testing.T) {
	store := must[*Store](t)(OpenFilesystem(t.TempDir(), nil))
	d := events(t, store)
	in := must[*os.File](t)(os.CreateTemp(t.TempDir(), ""))
	defer in.Close()
	if _, err := in.WriteString("1\n\n2\n3"); err != nil {
		t.Fatal(err)
	}
	_, _ = in.Seek(0, io.SeekStart)
	w := must[*Writer](t)(d.NewWriter(nil))
	if err := errors.Join(w.Append([]byte("0")), w.AppendFile(background, in.Fd())); err != nil {
		t.Fatal(err)
	}
	closed := w.AppendFile(background, 1<<20)
	if e := refusedWith(t, closed, ErrIO, ""); e.Errno != syscall.EBADF || !errors.Is(closed, syscall.EBADF) {
		t.Error(e.Errno)
	}
	s := must[*Snapshot](t)(w.Commit(background, Metadata{}))
	out := must[*os.File](t)(os.CreateTemp(t.TempDir(), ""))
	defer out.Close()
	r := must[*Reader](t)(d.OpenReader(background, s, nil))
	if err := r.WriteFile(out.Fd()); err != nil {
		t.Fatal(err)
	}
	if got := must[[]byte](t)(os.ReadFile(out.Name())); !bytes.Equal(got, []byte("0\n1\n2\n3\n")) {
		t.Errorf("%q", got)
	}
	b := must[*Dataset](t)(OpenDataset(store, "blobs", nil))
	_, _ = in.Seek(0, io.SeekStart)
	bw := must[*BlobWriter](t)(b.NewBlobWriter())
	if err := bw.WriteFile(background, in.Fd()); err != nil {
		t.Fatal(err)
	}
	stored := must[*Snapshot](t)(bw.Commit(background, Metadata{}))
	again := must[*os.File](t)(os.CreateTemp(t.TempDir(), ""))
	defer again.Close()
	if err := must[*BlobReader](t)(b.OpenBlob(background, stored, nil)).WriteFile(again.Fd()); err != nil {
		t.Fatal(err)
	}
	if got := must[[]byte](t)(os.ReadFile(again.Name())); string(got) != "1\n\n2\n3" {
		t.Errorf("%q", got)
	}
	bw = must[*BlobWriter](t)(b.NewBlobWriter())
	if err := errors.Join(bw.Abort(), bw.Close()); err != nil {
		t.Fatal(err)
	}
}
