package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/pithecene-io/lode/lode"

	"lode-interop/golibrary"
)

// openParquet gives a dataset of the columns that a schema of liblode's declares.
func openParquet(schema, root string) (lode.Dataset, error) {
	text, err := os.ReadFile(schema)
	if err != nil {
		return nil, err
	}
	declared, err := golibrary.Schema(text)
	if err != nil {
		return nil, err
	}
	codec, err := lode.NewParquetCodec(declared)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return nil, err
	}
	return lode.NewDataset("bench", lode.NewFSFactory(root), lode.WithCodec(codec))
}

// writeParquet decodes all lines and writes them by Write: the codec has no streaming form.
func writeParquet(schema, input, root string) (result, error) {
	start := time.Now()
	dataset, err := openParquet(schema, root)
	if err != nil {
		return result{}, err
	}
	records, err := load(input, true)
	if err != nil {
		return result{}, err
	}
	snapshot, err := dataset.Write(context.Background(), records, lode.Metadata{})
	if err != nil {
		return result{}, err
	}
	return timed(start, int64(snapshot.Manifest.RowCount))
}

// readParquet reads all records and encodes them as JSON.
func readParquet(schema, root string) (result, error) {
	start := time.Now()
	dataset, err := openParquet(schema, root)
	if err != nil {
		return result{}, err
	}
	records, err := newest(dataset)
	if err != nil {
		return result{}, err
	}
	out := bufio.NewWriter(io.Discard)
	encoder := json.NewEncoder(out)
	for _, record := range records {
		if err := encoder.Encode(record); err != nil {
			return result{}, err
		}
	}
	return timed(start, int64(len(records)))
}

// timed is the result of a run from start until now, with the peak of memory.
func timed(start time.Time, records int64) (result, error) {
	took := time.Since(start).Nanoseconds()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return result{}, err
	}
	return result{NS: took, Records: records, Peak: usage.Maxrss * 1024}, nil
}
