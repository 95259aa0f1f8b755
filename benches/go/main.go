// The same work by the Go package, for comparison with C:
//
//	go-bench append|append-batch|append-apart|append-lines|pull|pull-batch|pull-any INPUT ROOT
//	go-bench read ROOT
//
// All lines of INPUT into one snapshot, without checksum and without fsync: by Writer.Append, by
// Writer.AppendBatch of records that are slices of one buffer or (append-apart) have memory of their own
// each, by Writer.AppendLines, or by StreamWriteRecords with an iterator that has Bytes (pull), NextBatch
// (pull-batch) or Record alone (pull-any); or the records of the newest snapshot by Dataset.Read. The sizes
// of batches are those of lode_bench. Prints one JSON object on a line. The time, in nanoseconds, leaves out
// reading INPUT.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	lode "liblode"
)

// What is handed over at a time.
const (
	batchRecords = 1024
	linesBytes   = 256 << 10
)

var forms = []string{"append", "append-batch", "append-apart", "append-lines", "pull", "pull-batch", "pull-any"}

type iterator struct {
	records [][]byte
	at      int
}

func (i *iterator) Next() bool  { i.at++; return i.at <= len(i.records) }
func (i *iterator) Record() any { return i.records[i.at-1] }
func (i *iterator) Err() error  { return nil }

type bytesIterator struct{ iterator }

func (i *bytesIterator) Bytes() []byte { return i.records[i.at-1] }

type batchIterator struct{ iterator }

func (i *batchIterator) NextBatch() [][]byte {
	begin := i.at
	i.at = min(begin+batchRecords, len(i.records))
	return i.records[begin:i.at]
}

func open(root string) (*lode.Dataset, error) {
	store, err := lode.OpenFilesystem(root, nil)
	if err != nil {
		return nil, err
	}
	return lode.OpenDataset(store, "bench", &lode.DatasetOptions{
		Codec: lode.CodecJSONL, Checksum: lode.ChecksumNone, Durability: lode.DurabilityProcess,
	})
}

func read(root string) (records, size int64, err error) {
	ctx := context.Background()
	dataset, err := open(root)
	if err != nil {
		return 0, 0, err
	}
	snapshot, err := dataset.Latest(ctx)
	if err != nil {
		return 0, 0, err
	}
	for record, err := range dataset.Read(ctx, snapshot) {
		if err != nil {
			return 0, 0, err
		}
		records++
		size += int64(len(record)) + 1
	}
	return records, size, nil
}

func write(form string, data []byte, records [][]byte, root string) (*lode.Snapshot, error) {
	ctx := context.Background()
	dataset, err := open(root)
	if err != nil {
		return nil, err
	}
	switch form {
	case "pull":
		return dataset.StreamWriteRecords(ctx, &bytesIterator{iterator{records: records}}, lode.Metadata{})
	case "pull-batch":
		return dataset.StreamWriteRecords(ctx, &batchIterator{iterator{records: records}}, lode.Metadata{})
	case "pull-any":
		return dataset.StreamWriteRecords(ctx, &iterator{records: records}, lode.Metadata{})
	}
	writer, err := dataset.NewWriter(nil)
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	switch form {
	case "append":
		for _, record := range records {
			if err := writer.Append(record); err != nil {
				return nil, err
			}
		}
	case "append-lines":
		for len(data) > 0 {
			consumed, err := writer.AppendLines(data[:min(linesBytes, len(data))])
			if err != nil {
				return nil, err
			}
			data = data[consumed:]
		}
	default:
		for batch := range slices.Chunk(records, batchRecords) {
			if _, err := writer.AppendBatch(batch); err != nil {
				return nil, err
			}
		}
	}
	return writer.Commit(ctx, lode.Metadata{})
}

func report(begun time.Time, records, size int64) {
	fmt.Printf("{\"ns\":%d,\"records\":%d,\"bytes\":%d}\n", time.Since(begun).Nanoseconds(), records, size)
}

func main() {
	log.SetFlags(0)
	if len(os.Args) == 3 && os.Args[1] == "read" {
		begun := time.Now()
		records, size, err := read(os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		report(begun, records, size)
		return
	}
	if len(os.Args) != 4 || !slices.Contains(forms, os.Args[1]) {
		log.Fatalf("usage: go-bench %s INPUT ROOT, or go-bench read ROOT", strings.Join(forms, "|"))
	}
	data, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	records := make([][]byte, 0, bytes.Count(data, []byte("\n")))
	for rest := data; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if os.Args[1] == "append-apart" {
			line = bytes.Clone(line)
		}
		records = append(records, line)
	}
	// What reading INPUT has left is not collected while the clock runs.
	runtime.GC()
	begun := time.Now()
	snapshot, err := write(os.Args[1], data, records, os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	if snapshot.RowCount() != int64(len(records)) {
		log.Fatalf("the snapshot has %d records, expected %d", snapshot.RowCount(), len(records))
	}
	report(begun, int64(len(records)), int64(len(data)))
}
