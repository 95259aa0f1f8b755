package lodecompat

import (
	"errors"
	"fmt"
	"time"

	lode "liblode"
)

type codec struct{ name string }

func (c codec) Name() string { return c.name }

// NewJSONLCodec gives the codec of JSON lines.
func NewJSONLCodec() Codec { return codec{"jsonl"} }

type compressor struct {
	name, extension string
	is              lode.Compressor
}

func (c compressor) Name() string      { return c.name }
func (c compressor) Extension() string { return c.extension }

// NewNoOpCompressor gives the compressor that changes nothing.
func NewNoOpCompressor() Compressor { return compressor{"noop", "", lode.CompressorNone} }

// NewGzipCompressor gives gzip.
func NewGzipCompressor() Compressor { return compressor{"gzip", ".gz", lode.CompressorGzip} }

// NewZstdCompressor gives Zstandard.
func NewZstdCompressor() Compressor { return compressor{"zstd", ".zst", lode.CompressorZstd} }

type checksum struct{ name string }

func (c checksum) Name() string { return c.name }

// NewMD5Checksum gives MD5.
func NewMD5Checksum() Checksum { return checksum{"md5"} }

type layout interface {
	lode() (lode.Layout, []string)
}

type builtInLayout struct {
	is   lode.Layout
	keys []string
}

func (l builtInLayout) lode() (lode.Layout, []string) { return l.is, l.keys }

// NewDefaultLayout gives the layout in which each snapshot's files have their own directory.
func NewDefaultLayout() layout { return builtInLayout{is: lode.LayoutDefault} } //nolint:revive // as in the Go library

// NewFlatLayout gives the layout of the shortest paths.
func NewFlatLayout() layout { return builtInLayout{is: lode.LayoutFlat} } //nolint:revive // as in the Go library

// NewHiveLayout gives the layout that is partitioned by keys of the records, at least one.
func NewHiveLayout(keys ...string) (layout, error) { //nolint:revive // as in the Go library
	if len(keys) == 0 {
		return nil, errors.New("NewHiveLayout needs at least one partition key; NewDefaultLayout has no partitions")
	}
	return builtInLayout{lode.LayoutHive, keys}, nil
}

type config struct {
	layout     layout
	codec      Codec
	compressor Compressor
	checksum   Checksum
	retryCount int
	retryBase  time.Duration
	retryMax   time.Duration
}

// Option configures a dataset, a reader or a volume.
type Option interface {
	applyDataset(*config) error
	applyReader(*config) error
	applyVolume(*config) error
}

type option struct {
	name     string
	apply    func(*config) error
	ofReader bool
	ofVolume bool
}

func (o option) applyDataset(c *config) error { return o.apply(c) }

func (o option) applyReader(c *config) error {
	if !o.ofReader {
		return fmt.Errorf("%s: %w", o.name, ErrOptionNotValidForDatasetReader)
	}
	return o.apply(c)
}

func (o option) applyVolume(c *config) error {
	if !o.ofVolume {
		return fmt.Errorf("%s: %w", o.name, ErrOptionNotValidForVolume)
	}
	return o.apply(c)
}

// WithLayout sets the layout.
func WithLayout(l layout) Option {
	return option{"WithLayout", func(c *config) error { c.layout = l; return nil }, true, false}
}

// WithHiveLayout sets the layout that is partitioned by these keys.
func WithHiveLayout(keys ...string) Option {
	return option{"WithHiveLayout", func(c *config) (err error) { c.layout, err = NewHiveLayout(keys...); return err }, true, false}
}

// WithCodec sets the codec; without it a snapshot is one blob.
func WithCodec(given Codec) Option {
	return option{"WithCodec", func(c *config) error { c.codec = given; return nil }, false, false}
}

// WithCompressor sets the compressor.
func WithCompressor(given Compressor) Option {
	return option{"WithCompressor", func(c *config) error { c.compressor = given; return nil }, false, false}
}

// WithChecksum sets the checksum; without it files have none.
func WithChecksum(given Checksum) Option {
	return option{"WithChecksum", func(c *config) error { c.checksum = given; return nil }, false, true}
}

// WithRetryCount lets a commit that loses to another writer build on the winner; 0: it is
// ErrSnapshotConflict.
func WithRetryCount(n int) Option {
	return option{"WithRetryCount", func(c *config) error {
		if n < 0 {
			return errors.New("WithRetryCount: n must not be negative")
		}
		c.retryCount = n
		return nil
	}, false, true}
}

// WithRetryBaseDelay sets the first pause.
func WithRetryBaseDelay(d time.Duration) Option {
	return option{"WithRetryBaseDelay", func(c *config) error {
		if d <= 0 {
			return errors.New("WithRetryBaseDelay: the delay must be positive")
		}
		c.retryBase = d
		return nil
	}, false, true}
}

// WithRetryMaxDelay sets the longest pause.
func WithRetryMaxDelay(d time.Duration) Option {
	return option{"WithRetryMaxDelay", func(c *config) error {
		if d <= 0 {
			return errors.New("WithRetryMaxDelay: the delay must be positive")
		}
		c.retryMax = d
		return nil
	}, false, true}
}

// WithRetryJitter checks the factor; pauses are always jittered.
func WithRetryJitter(j float64) Option {
	return option{"WithRetryJitter", func(*config) error {
		if !(j >= 0 && j <= 1) {
			return errors.New("WithRetryJitter: the factor must be between 0.0 and 1.0")
		}
		return nil
	}, false, true}
}

// open makes the store of a factory.
func open(factory StoreFactory) (*store, error) {
	if factory == nil {
		return nil, errors.New("lode: a store factory is required")
	}
	made, err := factory()
	if err != nil {
		return nil, fmt.Errorf("lode: the store factory failed: %w", err)
	}
	s, is := made.(*store)
	if !is || s == nil {
		return nil, fmt.Errorf("lode: the store factory gave a %T; lodecompat takes what NewFS and NewMemory make, "+
			"package lode has stores of your own: OpenBackend", made)
	}
	return s, nil
}

// dataset gives the options of package lode.
func (c *config) dataset() (*lode.DatasetOptions, error) {
	if c.layout == nil {
		return nil, errors.New("lode: the layout must not be nil")
	}
	options := &lode.DatasetOptions{RetryBase: c.retryBase, RetryCap: c.retryMax}
	options.Layout, options.PartitionKeys = c.layout.lode()
	chosen, is := c.compressor.(compressor)
	if !is {
		return nil, fmt.Errorf("lode: the compressor is a %T; lodecompat takes those that it makes", c.compressor)
	}
	options.Compressor = chosen.is
	var err error
	if options.Checksum, err = c.checksumOf(); err != nil {
		return nil, err
	}
	if c.codec != nil {
		if _, is := c.codec.(codec); !is {
			return nil, fmt.Errorf("lode: the codec is a %T; lodecompat takes those that it makes", c.codec)
		}
		options.Codec = lode.CodecJSONL
	} else if options.Layout == lode.LayoutHive {
		return nil, errors.New("lode: a partitioned layout needs a codec")
	}
	return options, nil
}

// checksumOf gives the checksum of package lode.
func (c *config) checksumOf() (lode.Checksum, error) {
	if c.checksum == nil {
		return lode.ChecksumNone, nil
	}
	if _, is := c.checksum.(checksum); !is {
		return 0, fmt.Errorf("lode: the checksum is a %T; lodecompat takes those that it makes", c.checksum)
	}
	return lode.ChecksumMD5, nil
}
