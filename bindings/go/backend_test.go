package lode

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
)

// mapBackend keeps objects in a map, and fails where it is told to.
type mapBackend struct {
	mu      sync.Mutex
	objects map[string]string

	place string
	fail  func() error
	lies  string
}

func (m *mapBackend) reach(place string) error {
	if m.place == place {
		return m.fail()
	}
	return nil
}

type mapUpload struct {
	in   *mapBackend
	key  string
	data []byte
}

func (m *mapBackend) BeginPut(key string) (Upload, error) {
	if m.lies == "no upload" {
		return nil, nil
	}
	return &mapUpload{in: m, key: key}, m.reach("begin")
}

func (u *mapUpload) Write(p []byte) (int, error) {
	if u.in.lies == "short write" {
		return len(p) - 1, nil
	}
	if err := u.in.reach("write"); err != nil {
		return 0, err
	}
	u.data = append(u.data, p...)
	return len(p), nil
}

func (u *mapUpload) Finish() error {
	if err := u.in.reach("finish"); err != nil {
		return err
	}
	u.in.mu.Lock()
	defer u.in.mu.Unlock()
	if _, taken := u.in.objects[u.key]; taken {
		return fmt.Errorf("%s: %w", u.key, fs.ErrExist)
	}
	if u.in.objects == nil {
		u.in.objects = map[string]string{}
	}
	u.in.objects[u.key] = string(u.data)
	return nil
}

func (u *mapUpload) Abort() { _ = u.in.reach("abort") }

func (m *mapBackend) find(key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, found := m.objects[key]
	if !found {
		return "", ErrNotFound
	}
	return value, nil
}

func (m *mapBackend) Size(key string) (uint64, error) {
	if err := m.reach("size"); err != nil {
		return 0, err
	}
	value, err := m.find(key)
	return uint64(len(value)), err
}

func (m *mapBackend) ReadAt(key string, p []byte, offset int64) (int, error) {
	if err := m.reach("read"); err != nil {
		return 0, err
	}
	value, err := m.find(key)
	if err != nil {
		return 0, err
	}
	if m.lies == "too much" {
		return len(p) + 1, nil
	}
	return strings.NewReader(value).ReadAt(p, offset)
}

func (m *mapBackend) List(prefix string, yield func(string) bool) error {
	if m.lies == "bad key" {
		yield("../escape")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.objects {
		if strings.HasPrefix(key, prefix) && !yield(key) {
			break
		}
	}
	return m.reach("list")
}

func (m *mapBackend) Remove(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return m.reach("remove")
}

func (m *mapBackend) CompareAndSwap(key string, expected, value []byte) error {
	if err := m.reach("swap"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects[key] != string(expected) {
		return ErrConflict
	}
	if m.objects == nil {
		m.objects = map[string]string{}
	}
	m.objects[key] = string(value)
	return nil
}

func TestATypeCanBeAStore(t *testing.T) {
	for _, serial := range []bool{false, true} {
		s := must[*Store](t)(OpenBackend(&mapBackend{}, &BackendOptions{Serial: serial}))
		if err := s.CheckConformance(background, ""); err != nil {
			t.Fatal(err)
		}
		d := events(t, s)
		snapshot := must[*Snapshot](t)(d.StreamWriteRecords(background, of(1, 2), Metadata{}))
		if got := readAll(t, d, snapshot); len(got) != 2 || snapshot.Files()[0].Location != "" {
			t.Error(got)
		}
	}
	_, err := OpenBackend(nil, nil)
	refusedWith(t, err, ErrInvalidArgument, "no backend")
}

func TestFailuresOfABackendAreErrorsOfTheCall(t *testing.T) {
	m := &mapBackend{}
	s := must[*Store](t)(OpenBackend(m, nil))
	if err := s.Put(background, "x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	list := func() error {
		for _, err := range s.List(background, "") {
			if err != nil {
				return err
			}
		}
		return nil
	}
	calls := map[string]func() error{
		"size":   func() error { _, err := s.Exists(background, "x"); return err },
		"list":   list,
		"remove": func() error { return s.Delete(background, "y") },
		"begin":  func() error { return s.Put(background, "y", []byte("1")) },
		"write":  func() error { return s.Put(background, "y", []byte("1")) },
		"finish": func() error { return s.Put(background, "y", []byte("1")) },
		"swap":   func() error { return s.CompareAndSwap(background, "z", nil, []byte("1")) },
	}
	for place, call := range calls {
		want := ErrStore
		if place == "finish" || place == "swap" {
			want = ErrCommitUnknown // what it has done is not known
		}
		m.place, m.fail = place, func() error { return errors.New("the network is down") }
		refusedWith(t, call(), want, "the network is down")
		m.fail = func() error { panic("a bug of the backend") }
		refusedWith(t, call(), want, "a bug of the backend")
		m.fail = func() error { return fmt.Errorf("the cable is cut: %w", ErrIO) }
		if e := refusedWith(t, call(), ErrIO, "the cable is cut"); e.CallbackCode != int32(ErrIO) {
			t.Error(e.CallbackCode)
		}
	}
	// An upload that fails is aborted, whatever Abort does.
	m.place, m.fail = "write", func() error { m.place = "abort"; return ErrNoSpace }
	refusedWith(t, s.Put(background, "y", []byte("1")), ErrNoSpace, "")
	m.place, m.fail = "write", func() error { m.place, m.fail = "abort", func() error { panic("x") }; return ErrIO }
	refusedWith(t, s.Put(background, "y", []byte("1")), ErrIO, "")
}

func TestGarbageOfABackendIsRefused(t *testing.T) {
	m := &mapBackend{}
	s := must[*Store](t)(OpenBackend(m, nil))
	if err := s.Put(background, "x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	m.lies = "too much"
	_, err := s.ReadAt(background, "x", make([]byte, 4), 0)
	refusedWith(t, err, ErrStore, "ReadAt says")
	m.lies = "no upload"
	refusedWith(t, s.Put(background, "y", []byte("1")), ErrStore, "no upload")
	m.lies = "short write"
	refusedWith(t, s.Put(background, "y", []byte("1")), ErrStore, io.ErrShortWrite.Error())
	m.lies = "bad key"
	for _, err := range s.List(background, "") {
		refusedWith(t, err, ErrStore, "../escape")
	}
	m.lies, m.place, m.fail = "", "size", func() error { return StatusOK }
	_, err = s.Exists(background, "x")
	refusedWith(t, err, ErrStore, "")
}

func TestALogIsToldAndMayPanic(t *testing.T) {
	s := must[*Store](t)(OpenMemory(&StoreOptions{Log: func(LogLevel, string) { panic("the log broke") }}))
	must[*Snapshot](t)(events(t, s).StreamWriteRecords(background, of(1), Metadata{}))
}
