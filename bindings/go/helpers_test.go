package lode

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var background = context.Background()

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func memory(t *testing.T) *Store {
	t.Helper()
	return must[*Store](t)(OpenMemory(nil))
}

func events(t *testing.T, store *Store) *Dataset {
	t.Helper()
	return must[*Dataset](t)(OpenDataset(store, "events", &DatasetOptions{Codec: CodecJSONL}))
}

// refusedWith says that the error has this status, and a message with this fragment.
func refusedWith(t *testing.T, err error, want Status, fragment string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, expected an *Error of %v", err, want)
	}
	if e.Status != want || !errors.Is(err, want) || !strings.Contains(err.Error(), fragment) || e.Action == ActionNone {
		t.Fatalf("got %v (%v, %v), expected %v with %q", e.Status, e.Action, err, want, fragment)
	}
	return e
}

// slice iterates over records, and fails at its end with an error, if it has one.
type slice struct {
	records []any
	at      int
	err     error
}

func of(records ...any) *slice { return &slice{records: records} }

func (s *slice) Next() bool  { s.at++; return s.at <= len(s.records) }
func (s *slice) Record() any { return s.records[s.at-1] }
func (s *slice) Err() error  { return s.err }

func readAll(t *testing.T, d *Dataset, s *Snapshot) []string {
	t.Helper()
	var all []string
	for record, err := range d.Read(background, s) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(record))
	}
	return all
}

func hasNoSnapshot(t *testing.T, d *Dataset) {
	t.Helper()
	_, err := d.Latest(background)
	refusedWith(t, err, ErrNoSnapshots, "")
}

// Every status of lode.h has its constant of the same name and number, and no other constant is there.
func TestStatusesAreThoseOfTheHeader(t *testing.T) {
	header, err := os.ReadFile("../../include/lode.h")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("status.go")
	if err != nil {
		t.Fatal(err)
	}
	camel := func(name string) string {
		out := ""
		for _, word := range strings.Split(name, "_") {
			if word == "IO" || word == "OK" {
				out += word
			} else {
				out += word[:1] + strings.ToLower(word[1:])
			}
		}
		return out
	}
	constants := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^\t(\w+) = Status\(C\.(\w+)\)$`).FindAllStringSubmatch(string(source), -1) {
		constants[line[2]] = line[1]
	}
	rows := regexp.MustCompile(`(?m)^ \*   (LODE_[A-Z_]+) +(-?\d+) +[A-Z_]+ `).FindAllStringSubmatch(string(header), -1)
	if len(rows) < 40 || len(rows) != len(constants) {
		t.Fatalf("lode.h has %d statuses, status.go %d", len(rows), len(constants))
	}
	for _, row := range rows {
		want := "Status" + camel(strings.TrimPrefix(row[1], "LODE_"))
		if rest, is := strings.CutPrefix(row[1], "LODE_ERR_"); is {
			want = "Err" + camel(rest)
		}
		if constants[row[1]] != want {
			t.Errorf("%s is %q, expected %s", row[1], constants[row[1]], want)
		}
		number, _ := strconv.Atoi(row[2])
		if got := Status(number).Error(); got != row[1] {
			t.Errorf("%d is %s, expected %s", number, got, row[1])
		}
	}
}

func TestVersionIsThatOfTheLibrary(t *testing.T) {
	if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(Version()) || HasFeature("no such feature") {
		t.Fatal(Version())
	}
}
