// See README.md.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	lode "liblode"
)

type lines struct{ *bufio.Scanner }

func (l lines) Next() bool  { return l.Scan() }
func (l lines) Record() any { return l.Bytes() }

func run(command, root, id string) error {
	ctx := context.Background()
	store, err := lode.OpenFilesystem(root, nil)
	if err != nil {
		return err
	}
	dataset, err := lode.OpenDataset(store, id, &lode.DatasetOptions{Codec: lode.CodecJSONL, Checksum: lode.ChecksumSHA256})
	if err != nil {
		return err
	}
	if command == "write" {
		_, err = dataset.StreamWriteRecords(ctx, lines{bufio.NewScanner(os.Stdin)}, lode.Metadata{"by": "go"})
		return err
	}
	snapshot, err := dataset.Latest(ctx)
	if err != nil {
		return err
	}
	for record, err := range dataset.Read(ctx, snapshot) {
		if err != nil {
			return err
		}
		fmt.Println(string(record))
	}
	return nil
}

func main() {
	if len(os.Args) != 4 {
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
