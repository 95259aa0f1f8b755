// The same work by the Go package, for comparison with C:
//
//	go-bench append|append-batch|pull|pull-any INPUT ROOT
//	go-bench read ROOT
//
// All lines of INPUT into one snapshot, by Writer.Append, Writer.AppendBatch of 256, or StreamWriteRecords
// with an iterator that has Bytes (pull) or Record alone (pull-any), without checksum and without fsync; or
// the records of the newest snapshot by Dataset.Read. Prints one JSON object on a line. The time, in
// nanoseconds, leaves out reading INPUT.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"time"

	lode "liblode"
)

type iterator struct {
	records [][]byte
	at      int
}

func (i *iterator) Next() bool  { i.at++; return i.at <= len(i.records) }
func (i *iterator) Record() any { return i.records[i.at-1] }
func (i *iterator) Err() error  { return nil }

type bytesIterator struct{ iterator }

func (i *bytesIterator) Bytes() []byte { return i.records[i.at-1] }

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

func write(form string, records [][]byte, root string) (*lode.Snapshot, error) {
	ctx := context.Background()
	dataset, err := open(root)
	if err != nil {
		return nil, err
	}
	switch form {
	case "pull":
		return dataset.StreamWriteRecords(ctx, &bytesIterator{iterator{records: records}}, lode.Metadata{})
	case "pull-any":
		return dataset.StreamWriteRecords(ctx, &iterator{records: records}, lode.Metadata{})
	}
	writer, err := dataset.NewWriter(nil)
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	if form == "append-batch" {
		for batch := range slices.Chunk(records, 256) {
			if _, err := writer.AppendBatch(batch); err != nil {
				return nil, err
			}
		}
		return writer.Commit(ctx, lode.Metadata{})
	}
	for _, record := range records {
		if err := writer.Append(record); err != nil {
			return nil, err
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
	if len(os.Args) != 4 || !slices.Contains([]string{"append", "append-batch", "pull", "pull-any"}, os.Args[1]) {
		log.Fatal("usage: go-bench append|append-batch|pull|pull-any INPUT ROOT, or go-bench read ROOT")
	}
	data, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	records := make([][]byte, 0, bytes.Count(data, []byte("\n")))
	for line := range bytes.Lines(data) {
		records = append(records, bytes.TrimSuffix(line, []byte("\n")))
	}
	// What reading INPUT has left is not collected while the clock runs.
	runtime.GC()
	begun := time.Now()
	snapshot, err := write(os.Args[1], records, os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	if snapshot.RowCount() != int64(len(records)) {
		log.Fatalf("the snapshot has %d records, expected %d", snapshot.RowCount(), len(records))
	}
	report(begun, int64(len(records)), int64(len(data)))
}
