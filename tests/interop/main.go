// Command interop is the Go library as the other side of the tests: it reads what liblode wrote, and writes
// what liblode must read. Each subcommand is one call of the library; tests/interop/main.rs drives it.
//
//	interop read ROOT DATASET [SNAPSHOT]                records as JSON lines on stdout, their count on stderr
//	interop latest ROOT DATASET                         the newest snapshot's id
//	interop snapshots ROOT DATASET                      id, row count and parent of each snapshot, oldest first
//	interop write ROOT DATASET COMPRESSOR CHECKSUM [METADATA]
//	                                                    JSON lines on stdin become a snapshot; its id on stdout
//	interop read-blob ROOT DATASET [SNAPSHOT]           the bytes of a snapshot without a codec on stdout
//	interop write-blob ROOT DATASET COMPRESSOR CHECKSUM memory|stream
//	                                                    stdin becomes a snapshot without a codec; its id on
//	                                                    stdout
//	interop reader ROOT DATASET                         what DatasetReader finds: datasets, partitions,
//	                                                    manifests
//	interop decode FILE                                 whether the JSONL codec reads the bytes of a data file
//	interop manifest FILE                               the manifest as the library would write it again
//	interop write-parquet ROOT DATASET COMPRESSOR none|snappy|gzip SCHEMA
//	                                                    JSON lines on stdin become a Parquet snapshot; its id
//	                                                    on stdout
//	interop read-parquet ROOT DATASET SCHEMA [SNAPSHOT] a Parquet snapshot's records as JSON lines on stdout
//	interop watch ROOT DATASET SEED                     reads it in every way until stdin ends, and reports
//	                                                    what is wrong
//	interop write-volume ROOT VOLUME LENGTH CHECKSUM OFFSET:TEXT...
//	                                                    the texts become blocks of one snapshot; its id on
//	                                                    stdout
//	interop read-volume ROOT VOLUME LENGTH OFFSET COUNT [SNAPSHOT]
//	                                                    a range of a snapshot on stdout
//	interop volume-snapshots ROOT VOLUME LENGTH         id, parent and number of blocks of every snapshot
//	interop volume-manifest ROOT VOLUME LENGTH          the newest manifest as the library would write it again
//	interop batch                                       many of these in one process: see batch.go
//
// ROOT is a directory, or s3://bucket/prefix: see factory.go.
//
// LAYOUT in the environment is default (as without it), flat, or hive:KEY,KEY...
//
// A failure is one line on stderr and exit status 1.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/pithecene-io/lode/lode"

	"lode-interop/golibrary"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// commands maps a subcommand to its function and to how many arguments it takes, at least and at most.
var commands = map[string]struct {
	run         func(ctx context.Context, args []string) error
	least, most int
}{
	"read":       {read, 2, 3},
	"latest":     {latest, 2, 2},
	"snapshots":  {snapshots, 2, 2},
	"write":      {write, 4, 5},
	"read-blob":  {readBlob, 2, 3},
	"write-blob": {writeBlob, 5, 5},
	"reader":     {reader, 2, 2},
	"decode":     {decode, 1, 1},
	"manifest":   {manifest, 1, 1},
	"watch":      {watch, 3, 3},

	"write-volume":     {writeVolume, 5, 100},
	"read-volume":      {readVolume, 5, 6},
	"volume-snapshots": {volumeSnapshots, 3, 3},
	"volume-manifest":  {volumeManifest, 3, 3},
	"write-parquet":    {writeParquet, 5, 5},
	"read-parquet":     {readParquet, 3, 4},
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: interop COMMAND ARGUMENT...")
	}
	if args[0] == "batch" {
		return batch()
	}
	command, known := commands[args[0]]
	if !known {
		return fmt.Errorf("unknown command %q", args[0])
	}
	if n := len(args) - 1; n < command.least || n > command.most {
		return fmt.Errorf("%s takes %d to %d arguments, not %d", args[0], command.least, command.most, n)
	}
	return command.run(context.Background(), args[1:])
}

// compressors by the names that manifests give them.
var compressors = map[string]func() lode.Compressor{
	"noop": lode.NewNoOpCompressor,
	"gzip": lode.NewGzipCompressor,
	"zstd": lode.NewZstdCompressor,
}

// layout gives the layout that the environment names, and whether it is partitioned.
func layout() (lode.Option, bool, error) {
	name, keys, _ := strings.Cut(os.Getenv("LAYOUT"), ":")
	switch name {
	case "", "default":
		return lode.WithLayout(lode.NewDefaultLayout()), false, nil
	case "flat":
		return lode.WithLayout(lode.NewFlatLayout()), false, nil
	case "hive":
		return lode.WithHiveLayout(strings.Split(keys, ",")...), true, nil
	}
	return nil, false, fmt.Errorf("unknown layout %q", name)
}

func open(root, dataset, compressor string, more ...lode.Option) (lode.Dataset, error) {
	compress, known := compressors[compressor]
	if !known {
		return nil, fmt.Errorf("unknown compressor %q", compressor)
	}
	laidOut, _, err := layout()
	if err != nil {
		return nil, err
	}
	options := append([]lode.Option{
		lode.WithCodec(lode.NewJSONLCodec()),
		lode.WithCompressor(compress()),
		laidOut,
	}, more...)
	return lode.NewDataset(lode.DatasetID(dataset), golibrary.Factory(root), options...)
}

// find gives the snapshot and a dataset that is configured as the snapshot was written: the library reads no
// other.
func find(ctx context.Context, root, dataset, id string) (lode.Dataset, *lode.DatasetSnapshot, error) {
	ds, err := open(root, dataset, "noop")
	if err != nil {
		return nil, nil, err
	}
	var snapshot *lode.DatasetSnapshot
	if id == "" {
		snapshot, err = ds.Latest(ctx)
	} else {
		snapshot, err = ds.Snapshot(ctx, lode.DatasetSnapshotID(id))
	}
	if err != nil {
		return nil, nil, err
	}
	ds, err = open(root, dataset, snapshot.Manifest.Compressor)
	return ds, snapshot, err
}

func read(ctx context.Context, args []string) error {
	id := ""
	if len(args) == 3 {
		id = args[2]
	}
	ds, snapshot, err := find(ctx, args[0], args[1], id)
	if err != nil {
		return err
	}
	records, err := ds.Read(ctx, snapshot.ID)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, record := range records {
		if err := encoder.Encode(record); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stderr, len(records))
	return out.Flush()
}

func latest(ctx context.Context, args []string) error {
	_, snapshot, err := find(ctx, args[0], args[1], "")
	if err != nil {
		return err
	}
	fmt.Println(snapshot.ID)
	return nil
}

func snapshots(ctx context.Context, args []string) error {
	ds, err := open(args[0], args[1], "noop")
	if err != nil {
		return err
	}
	all, err := ds.Snapshots(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		fmt.Printf("%s %d %s\n", s.ID, s.Manifest.RowCount, s.Manifest.ParentSnapshotID)
	}
	return nil
}

// lines is a RecordIterator over JSON lines. Numbers keep their digits.
type lines struct {
	scanner *bufio.Scanner
	record  any
	err     error
}

func (l *lines) Next() bool {
	for l.err == nil && l.scanner.Scan() {
		if len(bytes.TrimSpace(l.scanner.Bytes())) == 0 {
			continue
		}
		l.record = json.RawMessage(bytes.Clone(l.scanner.Bytes()))
		return true
	}
	if l.err == nil {
		l.err = l.scanner.Err()
	}
	return false
}

func (l *lines) Record() any { return l.record }
func (l *lines) Err() error  { return l.err }

func write(ctx context.Context, args []string) error {
	more, err := checksum(args[3])
	if err != nil {
		return err
	}
	metadata := lode.Metadata{}
	if len(args) == 5 {
		if err := json.Unmarshal([]byte(args[4]), &metadata); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	ds, err := open(args[0], args[1], args[2], more...)
	if err != nil {
		return err
	}
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 64<<20)
	_, partitioned, err := layout()
	if err != nil {
		return err
	}
	records := &lines{scanner: scanner}
	var snapshot *lode.DatasetSnapshot
	if partitioned {
		snapshot, err = writeAll(ctx, ds, records, metadata)
	} else {
		snapshot, err = ds.StreamWriteRecords(ctx, records, metadata)
	}
	if err != nil {
		return err
	}
	fmt.Println(snapshot.ID)
	return nil
}

// writeAll writes records as the objects that the library partitions. Numbers keep their digits.
func writeAll(ctx context.Context, ds lode.Dataset, records *lines, metadata lode.Metadata) (*lode.DatasetSnapshot, error) {
	all := []any{}
	for records.Next() {
		object := map[string]any{}
		decoder := json.NewDecoder(bytes.NewReader(records.Record().(json.RawMessage)))
		decoder.UseNumber()
		if err := decoder.Decode(&object); err != nil {
			return nil, err
		}
		all = append(all, object)
	}
	if err := records.Err(); err != nil {
		return nil, err
	}
	return ds.Write(ctx, all, metadata)
}

// reader says what the library finds without being told of one dataset: each dataset, partition and manifest
// on a line.
func reader(ctx context.Context, args []string) error {
	laidOut, _, err := layout()
	if err != nil {
		return err
	}
	r, err := lode.NewDatasetReader(golibrary.Factory(args[0]), laidOut)
	if err != nil {
		return err
	}
	datasets, err := r.ListDatasets(ctx, lode.DatasetListOptions{})
	switch {
	case errors.Is(err, lode.ErrDatasetsNotModeled):
		fmt.Println("datasets not modeled")
	case err != nil:
		return err
	}
	for _, dataset := range datasets {
		fmt.Println("dataset", dataset)
	}
	id := lode.DatasetID(args[1])
	partitions, err := r.ListPartitions(ctx, id, lode.PartitionListOptions{})
	if err != nil {
		return err
	}
	found := []string{""}
	for _, partition := range partitions {
		found = append(found, partition.Path)
	}
	sort.Strings(found)
	for _, partition := range found {
		if partition != "" {
			fmt.Println("partition", partition)
		}
		if partition == "" && len(found) > 1 {
			continue
		}
		manifests, err := r.ListManifests(ctx, id, partition, lode.ManifestListOptions{})
		if err != nil {
			return err
		}
		for _, ref := range manifests {
			manifest, err := r.GetManifest(ctx, id, ref)
			if err != nil {
				return err
			}
			fmt.Println("manifest", manifest.SnapshotID, manifest.RowCount)
		}
	}
	return nil
}

func decode(_ context.Context, args []string) error {
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	records, err := lode.NewJSONLCodec().Decode(file)
	if err != nil {
		return err
	}
	fmt.Println("ok", len(records))
	return nil
}

// manifest decodes as the library's readers do, and encodes as its writer does.
func manifest(_ context.Context, args []string) error {
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var m lode.Manifest
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	if err := decoder.Decode(&m); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("the manifest is followed by more")
	}
	again, err := json.MarshalIndent(&m, "", "  ")
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(again)
	return err
}
