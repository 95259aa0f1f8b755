package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/pithecene-io/lode/lode"

	"lode-interop/golibrary"
)

func openVolume(root, id, length, sum string) (lode.Volume, error) {
	total, err := strconv.ParseInt(length, 10, 64)
	if err != nil {
		return nil, err
	}
	more, err := checksum(sum)
	if err != nil {
		return nil, err
	}
	return lode.NewVolume(lode.VolumeID(id), golibrary.Factory(root), total, more...)
}

// writeVolume stages OFFSET:TEXT... and commits them; prints the snapshot's id.
func writeVolume(ctx context.Context, args []string) error {
	volume, err := openVolume(args[0], args[1], args[2], args[3])
	if err != nil {
		return err
	}
	var blocks []lode.BlockRef
	for _, argument := range args[4:] {
		at, text, _ := strings.Cut(argument, ":")
		offset, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return err
		}
		block, err := volume.StageWriteAt(ctx, offset, strings.NewReader(text))
		if err != nil {
			return err
		}
		blocks = append(blocks, block)
	}
	snapshot, err := volume.Commit(ctx, blocks, lode.Metadata{"by": "go"})
	if err != nil {
		return err
	}
	fmt.Println(snapshot.ID)
	return nil
}

// readVolume writes a range of the newest snapshot, or of another, to standard output.
func readVolume(ctx context.Context, args []string) error {
	volume, err := openVolume(args[0], args[1], args[2], "none")
	if err != nil {
		return err
	}
	offset, err := strconv.ParseInt(args[3], 10, 64)
	if err != nil {
		return err
	}
	length, err := strconv.ParseInt(args[4], 10, 64)
	if err != nil {
		return err
	}
	var id lode.VolumeSnapshotID
	if len(args) == 6 {
		id = lode.VolumeSnapshotID(args[5])
	} else {
		snapshot, err := volume.Latest(ctx)
		if err != nil {
			return err
		}
		id = snapshot.ID
	}
	data, err := volume.ReadAt(ctx, id, offset, length)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(data)
	return err
}

// volumeSnapshots prints id, parent and number of blocks of every snapshot.
func volumeSnapshots(ctx context.Context, args []string) error {
	volume, err := openVolume(args[0], args[1], args[2], "none")
	if err != nil {
		return err
	}
	snapshots, err := volume.Snapshots(ctx)
	if err != nil {
		return err
	}
	for _, snapshot := range snapshots {
		fmt.Println(snapshot.ID, snapshot.Manifest.ParentSnapshotID, len(snapshot.Manifest.Blocks))
	}
	return nil
}

// volumeManifest prints the newest manifest as the library would write it again.
func volumeManifest(ctx context.Context, args []string) error {
	volume, err := openVolume(args[0], args[1], args[2], "none")
	if err != nil {
		return err
	}
	snapshot, err := volume.Latest(ctx)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(snapshot.Manifest, "", "  ")
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(data)
	return err
}
