package main

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"time"

	"github.com/pithecene-io/lode/lode"
)

// blockBytes is how long the blocks of volumeCommits are, as in upkeep_bench.c.
const blockBytes = 1024

func openVolume(root, count string) (lode.Volume, int, error) {
	blocks, err := strconv.Atoi(count)
	if err != nil {
		return nil, 0, err
	}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return nil, 0, err
	}
	volume, err := lode.NewVolume("bench", lode.NewFSFactory(root), int64(blocks)*blockBytes)
	return volume, blocks, err
}

// volumeCommits makes a commit of one block each, one after another.
func volumeCommits(count, root string) (result, error) {
	volume, blocks, err := openVolume(root, count)
	if err != nil {
		return result{}, err
	}
	data := bytes.Repeat([]byte("x"), blockBytes)
	start := time.Now()
	for i := range blocks {
		block, err := volume.StageWriteAt(context.Background(), int64(i)*blockBytes, bytes.NewReader(data))
		if err != nil {
			return result{}, err
		}
		if _, err := volume.Commit(context.Background(), []lode.BlockRef{block}, lode.Metadata{}); err != nil {
			return result{}, err
		}
	}
	return result{NS: time.Since(start).Nanoseconds(), Records: int64(blocks)}, nil
}

// volumeReads reads 16 bytes of one block after another of a volume that has so many.
func volumeReads(count, root, reads string) (result, error) {
	volume, blocks, err := openVolume(root, count)
	if err != nil {
		return result{}, err
	}
	times, err := strconv.Atoi(reads)
	if err != nil {
		return result{}, err
	}
	snapshot, err := volume.Latest(context.Background())
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	for i := range times {
		at := int64(i*7919%blocks) * blockBytes
		if _, err := volume.ReadAt(context.Background(), snapshot.ID, at, 16); err != nil {
			return result{}, err
		}
	}
	return result{NS: time.Since(start).Nanoseconds(), Records: int64(times)}, nil
}
