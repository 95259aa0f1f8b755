package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/pithecene-io/lode/lode"
)

// batch runs many subcommands in one process. Each is, on standard input, a line LAYOUT TAB LENGTH TAB
// ARGUMENT TAB... and LENGTH bytes, which are its standard input; and on standard output a line "ok LENGTH"
// and LENGTH bytes, its standard output, or "failed LENGTH" and the failure.
func batch() error {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF && line == "" {
			return out.Flush()
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if err != nil || len(fields) < 3 {
			return fmt.Errorf("not a subcommand of a batch: %q (%v)", line, err)
		}
		length, err := strconv.Atoi(fields[1])
		if err != nil {
			return err
		}
		stdin := make([]byte, length)
		if _, err := io.ReadFull(in, stdin); err != nil {
			return err
		}
		answer, err := runWith(fields[0], fields[2:], stdin)
		verdict := "ok"
		if err != nil {
			verdict, answer = "failed", []byte(err.Error())
		}
		fmt.Fprintf(out, "%s %d\n%s", verdict, len(answer), answer)
	}
}

// runWith runs one subcommand with this layout and standard input, and gives its standard output.
func runWith(layout string, args []string, stdin []byte) ([]byte, error) {
	if err := os.Setenv("LAYOUT", layout); err != nil {
		return nil, err
	}
	ours, theirs := os.Stdin, os.Stdout
	defer func() { os.Stdin, os.Stdout = ours, theirs }()
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	os.Stdin, os.Stdout = inRead, outWrite
	go func() {
		_, _ = inWrite.Write(stdin) // what it does not read, it does not want
		_ = inWrite.Close()
	}()
	var said []byte
	var heard error
	end := make(chan struct{})
	go func() {
		said, heard = io.ReadAll(outRead)
		close(end)
	}()
	err = run(args)
	_, _ = inRead.Close(), outWrite.Close()
	<-end
	_ = outRead.Close()
	return said, errors.Join(err, heard)
}

// checksum gives the option of a dataset that writes this checksum: the library's own, or one that its user
// brings.
func checksum(name string) ([]lode.Option, error) {
	switch name {
	case "none":
		return nil, nil
	case "md5":
		return []lode.Option{lode.WithChecksum(lode.NewMD5Checksum())}, nil
	case "sha256":
		return []lode.Option{lode.WithChecksum(checksumOf{name, sha256.New})}, nil
	case "crc32":
		return []lode.Option{lode.WithChecksum(checksumOf{name, func() hash.Hash { return crc32.NewIEEE() }})}, nil
	}
	return nil, fmt.Errorf("unknown checksum %q", name)
}

// checksumOf is a checksum that the library does not bring.
type checksumOf struct {
	name  string
	begin func() hash.Hash
}

func (c checksumOf) Name() string               { return c.name }
func (c checksumOf) NewHasher() lode.HashWriter { return hexSum{c.begin()} }

type hexSum struct{ hash.Hash }

func (h hexSum) Sum() string { return hex.EncodeToString(h.Hash.Sum(nil)) }
