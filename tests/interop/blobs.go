package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/pithecene-io/lode/lode"

	"lode-interop/golibrary"
)

// openBlobs gives a dataset without a codec.
func openBlobs(root, dataset, compressor string, more ...lode.Option) (lode.Dataset, error) {
	compress, known := compressors[compressor]
	if !known {
		return nil, fmt.Errorf("unknown compressor %q", compressor)
	}
	laidOut, _, err := layout()
	if err != nil {
		return nil, err
	}
	options := append([]lode.Option{lode.WithCompressor(compress()), laidOut}, more...)
	return lode.NewDataset(lode.DatasetID(dataset), golibrary.Factory(root), options...)
}

func readBlob(ctx context.Context, args []string) error {
	id := ""
	if len(args) == 3 {
		id = args[2]
	}
	_, snapshot, err := find(ctx, args[0], args[1], id)
	if err != nil {
		return err
	}
	ds, err := openBlobs(args[0], args[1], snapshot.Manifest.Compressor)
	if err != nil {
		return err
	}
	elements, err := ds.Read(ctx, snapshot.ID)
	if err != nil {
		return err
	}
	if len(elements) != 1 {
		return fmt.Errorf("a blob of %d elements", len(elements))
	}
	blob, is := elements[0].([]byte)
	if !is {
		return fmt.Errorf("a blob that is a %T", elements[0])
	}
	_, err = os.Stdout.Write(blob)
	return err
}

func writeBlob(ctx context.Context, args []string) error {
	more, err := checksum(args[3])
	if err != nil {
		return err
	}
	ds, err := openBlobs(args[0], args[1], args[2], more...)
	if err != nil {
		return err
	}
	var snapshot *lode.DatasetSnapshot
	switch args[4] {
	case "memory":
		data, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		if snapshot, err = ds.Write(ctx, []any{data}, lode.Metadata{}); err != nil {
			return err
		}
	case "stream":
		stream, err := ds.StreamWrite(ctx, lode.Metadata{})
		if err != nil {
			return err
		}
		if _, err := io.Copy(stream, os.Stdin); err != nil {
			return err
		}
		if snapshot, err = stream.Commit(ctx); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown form %q", args[4])
	}
	fmt.Println(snapshot.ID)
	return nil
}
