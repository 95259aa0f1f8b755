package lode

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// scattered gives records in the ways that they may lie in memory, with the same texts: slices of one buffer,
// of several, each of its own, short and long ones mixed, and empty capacity behind each.
func scattered(texts []string) map[string][][]byte {
	all := map[string][][]byte{}
	var one []byte
	for i, text := range texts {
		all["apart"] = append(all["apart"], []byte(text))
		if i%1000 == 0 {
			one = []byte(strings.Join(texts[i:min(i+1000, len(texts))], "\n"))
		}
		line, rest, _ := bytes.Cut(one, []byte("\n"))
		all["in several"] = append(all["in several"], line)
		all["clipped"] = append(all["clipped"], line[:len(line):len(line)])
		one = rest
		if i%3 == 0 {
			line = []byte(text)
		}
		all["mixed"] = append(all["mixed"], line)
	}
	rest := []byte(strings.Join(texts, "\n"))
	for range texts {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		all["in one"] = append(all["in one"], line)
	}
	return all
}

// batches gives so many records at once, each batch in the buffer of the one before.
type batches struct {
	inMemory
	each int
	used []byte
}

func (b *batches) NextBatch() [][]byte {
	batch := b.left[:min(b.each, len(b.left))]
	b.left = b.left[len(batch):]
	b.used = append(b.used[:0], bytes.Join(batch, nil)...)
	var out [][]byte
	at := 0
	for _, record := range batch {
		out = append(out, b.used[at:at+len(record)])
		at += len(record)
	}
	return out
}

func TestRecordsThatAreLentAreThoseThatAreWritten(t *testing.T) {
	d := events(t, memory(t))
	var texts []string
	for i := range 5000 {
		texts = append(texts, fmt.Sprintf(`{"n":%d,"text":%q}`, i, strings.Repeat("x", i%400)))
	}
	texts[77] = `"` + strings.Repeat("z", 200_000) + `"`
	for name, records := range scattered(texts) {
		w := must[*Writer](t)(d.NewWriter(nil))
		if err := w.Append([]byte("0")); err != nil {
			t.Fatal(err)
		}
		if taken, err := w.AppendBatch(records); taken != len(records) || err != nil {
			t.Fatal(name, taken, err)
		}
		got := readAll(t, d, must[*Snapshot](t)(w.Commit(background, Metadata{})))
		if got[0] != "0" || !reflect.DeepEqual(got[1:], texts) {
			t.Error(name, "appended", len(got))
		}
		if got := readAll(t, d, must[*Snapshot](t)(d.StreamWriteRecords(background, Records(records), Metadata{}))); !reflect.DeepEqual(got, texts) {
			t.Error(name, "pulled", len(got))
		}
		for _, each := range []int{1, 63, 64, 1000} {
			in := &batches{inMemory: inMemory{left: records}, each: each}
			if got := readAll(t, d, must[*Snapshot](t)(d.StreamWriteRecords(background, in, Metadata{}))); !reflect.DeepEqual(got, texts) {
				t.Error(name, "pulled by", each, len(got))
			}
		}
	}
}

func TestABadRecordAmongThoseLentIsLeftOut(t *testing.T) {
	d := events(t, memory(t))
	var texts []string
	for i := range 300 {
		texts = append(texts, fmt.Sprintf(`{"n":%d,"text":%q}`, i, strings.Repeat("x", 100)))
	}
	texts[100], texts[299] = `{"n":oops}`, "bad"
	records := scattered(texts)["in one"]
	w := must[*Writer](t)(d.NewWriter(nil))
	if err := w.Append([]byte("worse")); err != nil {
		t.Fatal(err)
	}
	taken, err := w.AppendBatch(records)
	refusedWith(t, err, ErrInvalidRecord, "")
	if text := fmt.Sprint(err); taken != 300 || !strings.Contains(text, "record 99") && !strings.Contains(text, "record 100") {
		t.Error(taken, text)
	}
	if got := readAll(t, d, must[*Snapshot](t)(w.Commit(background, Metadata{}))); len(got) != 298 || got[100] != texts[101] {
		t.Error(len(got))
	}
	_, err = d.StreamWriteRecords(background, Records(records), Metadata{})
	if e := refusedWith(t, err, ErrInvalidRecord, ""); e.Record != 100 {
		t.Error(e.Record)
	}
	if _, err := w.AppendBatch(records); !errors.Is(err, ErrState) {
		t.Error(err)
	}
}

func TestABatchIteratorsErrorAndPanicComeOut(t *testing.T) {
	d := events(t, memory(t))
	broken := errors.New("the source broke off")
	_, err := d.StreamWriteRecords(background, failingBatches{err: broken}, Metadata{})
	refusedWith(t, err, ErrIterator, "")
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	panicsWith(t, "the batch broke", func() {
		_, _ = d.StreamWriteRecords(background, failingBatches{}, Metadata{})
	})
	hasNoSnapshot(t, d)
	if s := must[*Snapshot](t)(d.StreamWriteRecords(background, Records(nil), Metadata{})); s.RowCount() != 0 {
		t.Error(s.RowCount())
	}
}

type failingBatches struct{ err error }

func (f failingBatches) Next() bool  { return false }
func (f failingBatches) Record() any { return nil }
func (f failingBatches) Err() error  { return f.err }
func (f failingBatches) NextBatch() [][]byte {
	if f.err == nil {
		panic("the batch broke")
	}
	return nil
}
