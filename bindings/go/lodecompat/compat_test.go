package lodecompat

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const original = `"github.com/pithecene-io/lode/lode"`

// run builds a program in a module of its own and runs it on an empty directory.
func run(t *testing.T, source, module string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.go", source)
	write("go.mod", module)
	if sums, err := os.ReadFile("../../../tests/interop/go.sum"); err == nil {
		write("go.sum", string(sums))
	}
	build := exec.Command("go", "build", "-o", "program", ".")
	build.Dir = dir
	// The experiments and the tags of this test are not those of the program.
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOEXPERIMENT=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	program := exec.Command(filepath.Join(dir, "program"), t.TempDir())
	var stderr bytes.Buffer
	program.Stderr = &stderr
	out, err := program.Output()
	if err != nil {
		t.Fatalf("the program: %v\n%s%s", err, out, stderr.String())
	}
	return string(out)
}

// firstDifference gives the first line in which two texts differ; -1: none.
func firstDifference(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// The same program, but for one import line, prints the same over the Go library and over lodecompat.
func TestAProgramSwitchesByOneImportLine(t *testing.T) {
	source, err := os.ReadFile("testdata/program/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), original) != 1 {
		t.Fatal("the program imports the Go library by other than one line")
	}
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	interop, err := os.ReadFile("../../../tests/interop/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	theirs := run(t, string(source), string(interop))
	ours := run(t, strings.Replace(string(source), original, `lode "liblode/lodecompat"`, 1),
		"module program\n\ngo 1.25\n\nrequire liblode v0.1.0\n\nreplace liblode => "+here+"\n")
	a, b := strings.Split(theirs, "\n"), strings.Split(ours, "\n")
	if i := firstDifference(a, b); i >= 0 {
		t.Errorf("from line %d on:\n  Go library: %s\n  lodecompat: %s", i+1, strings.Join(a[min(i, len(a)):min(i+5, len(a))], "\n    "),
			strings.Join(b[min(i, len(b)):min(i+5, len(b))], "\n    "))
	}
	if len(a) < 200 {
		t.Errorf("the program prints %d lines: it has lost its beginning", len(a))
	}
}
