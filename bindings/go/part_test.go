package lode

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPartsAreCommittedTogether(t *testing.T) {
	store := memory(t)
	d := events(t, store)
	w := must[*Writer](t)(d.NewWriter(nil))
	if err := w.Append([]byte("0")); err != nil {
		t.Fatal(err)
	}
	first := must[*Part](t)(w.Stage(background))
	second := must[*Part](t)(d.StageRecords(background, of(1, 2)))
	info := must[PartInfo](t)(second.Info())
	if info.RecordCount != 2 || info.Size != 4 || len(info.Paths) != 1 || !strings.Contains(info.Paths[0], info.ID) {
		t.Errorf("%+v", info)
	}
	second = must[*Part](t)(d.PartFromJSON(info.JSON))
	s := must[*Snapshot](t)(d.CommitParts(background, []*Part{first, second}, Metadata{}, VerifyParts()))
	if got := readAll(t, d, s); strings.Join(got, " ") != "0 1 2" {
		t.Error(got)
	}
	_, err := d.CommitParts(background, []*Part{first}, Metadata{})
	if e := refusedWith(t, err, ErrPartCommitted, ""); e.SnapshotID != s.ID() {
		t.Error(e.SnapshotID)
	}
	refusedWith(t, first.Discard(background), ErrPartCommitted, "")
	gone := must[*Part](t)(d.StageRecords(background, of(3)))
	if err := gone.Discard(background); err != nil {
		t.Fatal(err)
	}
	_, err = d.CommitParts(background, []*Part{gone}, Metadata{})
	refusedWith(t, err, ErrNotFound, "")
	_, err = d.CommitParts(background, []*Part{nil}, Metadata{})
	refusedWith(t, err, ErrInvalidArgument, "part 0 is nil")
	_, err = d.PartFromJSON("{}")
	refusedWith(t, err, ErrInvalidArgument, "")
	broken := errors.New("the source broke off")
	_, err = d.StageRecords(background, &slice{err: broken})
	if refusedWith(t, err, ErrIterator, ""); !errors.Is(err, broken) {
		t.Error(err)
	}
	panicsWith(t, "the iterator broke", func() { _, _ = d.StageRecords(background, &panicking{place: 1}) })
	_ = first.Close()
	_, err = first.Info()
	refusedWith(t, err, ErrState, "the part is closed")

	b := must[*Dataset](t)(OpenDataset(store, "blobs", nil))
	blob := must[*Part](t)(b.StageBlob(background, strings.NewReader("some bytes")))
	if s := must[*Snapshot](t)(b.CommitParts(background, []*Part{blob}, Metadata{})); s.Files()[0].Size != 10 {
		t.Error(s.Files())
	}
	bw := must[*BlobWriter](t)(b.NewBlobWriter())
	if _, err := io.WriteString(bw, "more"); err != nil {
		t.Fatal(err)
	}
	if info := must[PartInfo](t)(must[*Part](t)(bw.Stage(background)).Info()); info.Size != 4 {
		t.Error(info)
	}
}
