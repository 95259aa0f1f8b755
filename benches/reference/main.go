// The same work by the Go reference library, for comparison:
//
//	reference write raw|maps INPUT ROOT   StreamWriteRecords, from JSON texts or from decoded maps
//	reference read ROOT                            Latest and Read
//	reference commits COUNT ROOT WARMUP            COUNT commits of one record, each timed, after WARMUP more
//	reference volume COUNT ROOT                    COUNT commits of one block of a volume each
//	reference reads COUNT ROOT READS               READS reads of 16 bytes of that volume
//	reference write-parquet SCHEMA INPUT ROOT      Write with the Parquet codec, decoding INPUT included
//	reference read-parquet SCHEMA ROOT             Read of that, as JSON again
//
// ROOT is a directory, or s3://bucket/prefix; for Parquet a directory. Each prints one JSON object on a line.
// Times are in nanoseconds and leave out reading INPUT and decoding it into maps, but for Parquet.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pithecene-io/lode/lode"

	"lode-interop/golibrary"
)

type result struct {
	NS      int64   `json:"ns,omitempty"`
	Records int64   `json:"records,omitempty"`
	Commits []int64 `json:"commits,omitempty"`
	Peak    int64   `json:"peak,omitempty"`
}

type sliceIterator struct {
	records []any
	index   int
}

func (s *sliceIterator) Next() bool  { s.index++; return s.index <= len(s.records) }
func (s *sliceIterator) Record() any { return s.records[s.index-1] }
func (s *sliceIterator) Err() error  { return nil }

func open(root string) (lode.Dataset, error) {
	if !strings.HasPrefix(root, "s3://") {
		if err := os.MkdirAll(root, 0o777); err != nil {
			return nil, err
		}
	}
	return lode.NewDataset("bench", golibrary.Factory(root), lode.WithCodec(lode.NewJSONLCodec()))
}

func load(path string, maps bool) ([]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var records []any
	for line := range bytes.Lines(data) {
		text := bytes.TrimSuffix(line, []byte("\n"))
		if !maps {
			records = append(records, json.RawMessage(text))
			continue
		}
		var record map[string]any
		if err := json.Unmarshal(text, &record); err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

func write(form, input, root string) (result, error) {
	if form != "raw" && form != "maps" {
		return result{}, fmt.Errorf("unknown form %q: raw or maps", form)
	}
	records, err := load(input, form == "maps")
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	dataset, err := open(root)
	if err != nil {
		return result{}, err
	}
	snapshot, err := dataset.StreamWriteRecords(context.Background(), &sliceIterator{records: records}, lode.Metadata{})
	if err != nil {
		return result{}, err
	}
	return result{NS: time.Since(start).Nanoseconds(), Records: snapshot.Manifest.RowCount}, nil
}

// newest reads the records of the newest snapshot.
func newest(dataset lode.Dataset) ([]any, error) {
	snapshot, err := dataset.Latest(context.Background())
	if err != nil {
		return nil, err
	}
	return dataset.Read(context.Background(), snapshot.ID)
}

func read(root string) (result, error) {
	start := time.Now()
	dataset, err := open(root)
	if err != nil {
		return result{}, err
	}
	records, err := newest(dataset)
	if err != nil {
		return result{}, err
	}
	return result{NS: time.Since(start).Nanoseconds(), Records: int64(len(records))}, nil
}

func commits(count, root, warmup string) (result, error) {
	timed, err := strconv.Atoi(count)
	if err != nil {
		return result{}, err
	}
	before, err := strconv.Atoi(warmup)
	if err != nil {
		return result{}, err
	}
	dataset, err := open(root)
	if err != nil {
		return result{}, err
	}
	var took []int64
	for i := -before; i < timed; i++ {
		record := json.RawMessage(fmt.Sprintf(`{"id":%d,"event":"purchase","user":"user-1","amount":1}`, i+before+1))
		start := time.Now()
		if _, err := dataset.StreamWriteRecords(context.Background(), &sliceIterator{records: []any{record}}, lode.Metadata{}); err != nil {
			return result{}, err
		}
		if i >= 0 {
			took = append(took, time.Since(start).Nanoseconds())
		}
	}
	return result{Commits: took}, nil
}

func run(arguments []string) (result, error) {
	switch {
	case len(arguments) == 4 && arguments[0] == "write":
		return write(arguments[1], arguments[2], arguments[3])
	case len(arguments) == 2 && arguments[0] == "read":
		return read(arguments[1])
	case len(arguments) == 4 && arguments[0] == "commits":
		return commits(arguments[1], arguments[2], arguments[3])
	case len(arguments) == 3 && arguments[0] == "volume":
		return volumeCommits(arguments[1], arguments[2])
	case len(arguments) == 4 && arguments[0] == "reads":
		return volumeReads(arguments[1], arguments[2], arguments[3])
	case len(arguments) == 4 && arguments[0] == "write-parquet":
		return writeParquet(arguments[1], arguments[2], arguments[3])
	case len(arguments) == 3 && arguments[0] == "read-parquet":
		return readParquet(arguments[1], arguments[2])
	}
	return result{}, fmt.Errorf("wrong arguments %q; the file's first comment says which there are", arguments)
}

func main() {
	measured, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(measured)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}
