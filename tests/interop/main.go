// Command interop is the Go library on the other side of the table: it reads what liblode wrote, and writes what
// liblode must read. Each subcommand is one call of the library; tests/interop.rs drives it.
//
//	interop read ROOT DATASET [SNAPSHOT]                records as JSON lines on stdout, their count on stderr
//	interop latest ROOT DATASET                         the newest snapshot's id
//	interop snapshots ROOT DATASET                      id, row count and parent of every snapshot, oldest first
//	interop write ROOT DATASET COMPRESSOR CHECKSUM [METADATA]
//	                                                    JSON lines on stdin become a snapshot; its id on stdout
//	interop read-blob ROOT DATASET [SNAPSHOT]           the bytes of a snapshot without a codec on stdout
//	interop write-blob ROOT DATASET COMPRESSOR CHECKSUM memory|stream
//	                                                    stdin becomes a snapshot without a codec; its id on stdout
//	interop decode FILE                                 whether the JSONL codec reads the bytes of a data file
//	interop manifest FILE                               the manifest as the library would write it again
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
	"strings"

	"github.com/pithecene-io/lode/lode"
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
	"decode":     {decode, 1, 1},
	"manifest":   {manifest, 1, 1},
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: interop COMMAND ARGUMENT...")
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

func open(root, dataset, compressor string, more ...lode.Option) (lode.Dataset, error) {
	compress, known := compressors[compressor]
	if !known {
		return nil, fmt.Errorf("unknown compressor %q", compressor)
	}
	options := append([]lode.Option{
		lode.WithCodec(lode.NewJSONLCodec()),
		lode.WithCompressor(compress()),
	}, more...)
	return lode.NewDataset(lode.DatasetID(dataset), lode.NewFSFactory(root), options...)
}

// find gives the snapshot and a dataset that is configured as the snapshot was written: the library reads no other.
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
	var more []lode.Option
	switch args[3] {
	case "none":
	case "md5":
		more = append(more, lode.WithChecksum(lode.NewMD5Checksum()))
	default:
		return fmt.Errorf("unknown checksum %q", args[3])
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
	snapshot, err := ds.StreamWriteRecords(ctx, &lines{scanner: scanner}, metadata)
	if err != nil {
		return err
	}
	fmt.Println(snapshot.ID)
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
