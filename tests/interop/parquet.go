package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pithecene-io/lode/lode"

	"lode-interop/golibrary"
)

// pages by the names of the page compressions that the library has.
var pages = map[string]lode.ParquetCompression{
	"none":   lode.ParquetCompressionNone,
	"snappy": lode.ParquetCompressionSnappy,
	"gzip":   lode.ParquetCompressionGzip,
}

// openParquet gives a Parquet dataset whose schema is told by liblode's JSON.
func openParquet(root, dataset, compressor, page, text string) (lode.Dataset, []lode.ParquetField, error) {
	schema, err := golibrary.Schema([]byte(text))
	if err != nil {
		return nil, nil, err
	}
	compression, known := pages[page]
	if !known {
		return nil, nil, fmt.Errorf("unknown page compression %q", page)
	}
	codec, err := lode.NewParquetCodec(schema, lode.WithParquetCompression(compression))
	if err != nil {
		return nil, nil, err
	}
	compress, known := compressors[compressor]
	if !known {
		return nil, nil, fmt.Errorf("unknown compressor %q", compressor)
	}
	laidOut, _, err := layout()
	if err != nil {
		return nil, nil, err
	}
	ds, err := lode.NewDataset(lode.DatasetID(dataset), golibrary.Factory(root),
		lode.WithCodec(codec), lode.WithCompressor(compress()), laidOut)
	return ds, schema.Fields, err
}

// writeParquet writes the JSON lines of stdin as one snapshot; bytes are base64 in them.
func writeParquet(ctx context.Context, args []string) error {
	ds, fields, err := openParquet(args[0], args[1], args[2], args[3], args[4])
	if err != nil {
		return err
	}
	all := []any{}
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 64<<20)
	for scanner.Scan() {
		object := map[string]any{}
		if err := json.NewDecoder(bytes.NewReader(scanner.Bytes())).Decode(&object); err != nil {
			return err
		}
		for _, f := range fields {
			text, is := object[f.Name].(string)
			if f.Type != lode.ParquetBytes || !is {
				continue
			}
			if object[f.Name], err = base64.StdEncoding.DecodeString(text); err != nil {
				return err
			}
		}
		all = append(all, object)
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	snapshot, err := ds.Write(ctx, all, lode.Metadata{})
	if err != nil {
		return err
	}
	fmt.Println(snapshot.ID)
	return nil
}

// readParquet writes the records of a snapshot to stdout as JSON lines; bytes are base64 in them.
func readParquet(ctx context.Context, args []string) error {
	ds, _, err := openParquet(args[0], args[1], "noop", "snappy", args[2])
	if err != nil {
		return err
	}
	var snapshot *lode.DatasetSnapshot
	if len(args) == 4 {
		snapshot, err = ds.Snapshot(ctx, lode.DatasetSnapshotID(args[3]))
	} else {
		snapshot, err = ds.Latest(ctx)
	}
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
	return out.Flush()
}
