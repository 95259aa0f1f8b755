// The same work by the Go package, for comparison with C:
//
//	go-bench append|append-batch|pull INPUT ROOT
//
// All lines of INPUT into one snapshot, by Writer.Append, Writer.AppendBatch of 256 or StreamWriteRecords,
// without checksum and without fsync. Prints one JSON object on a line. The time, in nanoseconds, leaves out
// reading INPUT.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
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

func write(form string, records [][]byte, root string) (*lode.Snapshot, error) {
	ctx := context.Background()
	store, err := lode.OpenFilesystem(root, nil)
	if err != nil {
		return nil, err
	}
	dataset, err := lode.OpenDataset(store, "bench", &lode.DatasetOptions{
		Codec: lode.CodecJSONL, Checksum: lode.ChecksumNone, Durability: lode.DurabilityProcess,
	})
	if err != nil {
		return nil, err
	}
	if form == "pull" {
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

func main() {
	if len(os.Args) != 4 || !slices.Contains([]string{"append", "append-batch", "pull"}, os.Args[1]) {
		log.Fatal("usage: go-bench append|append-batch|pull INPUT ROOT")
	}
	data, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var records [][]byte
	for line := range bytes.Lines(data) {
		records = append(records, bytes.TrimSuffix(line, []byte("\n")))
	}
	begun := time.Now()
	snapshot, err := write(os.Args[1], records, os.Args[3])
	took := time.Since(begun)
	if err != nil {
		log.Fatal(err)
	}
	if snapshot.RowCount() != int64(len(records)) {
		log.Fatalf("the snapshot has %d records, expected %d", snapshot.RowCount(), len(records))
	}
	fmt.Printf("{\"ns\":%d,\"records\":%d,\"bytes\":%d}\n", took.Nanoseconds(), len(records), len(data))
}
