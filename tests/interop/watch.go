package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pithecene-io/lode/lode"
)

// A watcher reads one dataset over and over, in every way that the library has, while others commit to it.
// What it has seen once must stay as it was, the snapshots must be one chain, and each must hold what its
// metadata says.
type watcher struct {
	id      lode.DatasetID
	store   *listCounter
	history lode.Dataset // for what does not depend on a snapshot's codec and compressor
	catalog lode.DatasetReader
	readers map[string]lode.Dataset // by codec and compressor
	hive    bool
	random  *rand.Rand

	seen  map[lode.DatasetSnapshotID]*lode.Manifest
	order []lode.DatasetSnapshotID                          // all that were seen, in the order of their being seen
	child map[lode.DatasetSnapshotID]lode.DatasetSnapshotID // by parent

	pointed lode.DatasetSnapshotID // what the pointer named last, "" before it named a published snapshot
	listed  lode.DatasetSnapshotID // what a listing in place of the pointer found last

	passes, heads, reads, listings int
}

// listCounter counts the listings of the store below it.
type listCounter struct {
	lode.Store
	lode.ConditionalWriter
	lists int
}

func (s *listCounter) List(ctx context.Context, prefix string) ([]string, error) {
	s.lists++
	return s.Store.List(ctx, prefix)
}

// watch watches until standard input ends, then makes one more pass and reports what it saw. After its first
// pass it prints a line.
func watch(ctx context.Context, args []string) error {
	seed, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	w, err := newWatcher(args[0], args[1], seed)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	for told := false; !told; {
		select {
		case <-stop:
			told = true
		default:
		}
		if err := w.pass(ctx); err != nil {
			return fmt.Errorf("pass %d, %d snapshots seen: %w", w.passes, len(w.order), err)
		}
		if w.passes == 1 {
			fmt.Println("watching")
		}
	}
	for _, id := range w.order {
		if err := w.read(ctx, id); err != nil {
			return err
		}
	}
	fmt.Printf("snapshots %d\npasses %d\nheads %d\nreads %d\nlistings %d\n",
		len(w.order), w.passes, w.heads, w.reads, w.listings)
	return nil
}

func newWatcher(root, dataset string, seed uint64) (*watcher, error) {
	fs, err := lode.NewFS(root)
	if err != nil {
		return nil, err
	}
	store := &listCounter{Store: fs, ConditionalWriter: fs.(lode.ConditionalWriter)}
	factory := func() (lode.Store, error) { return store, nil }
	laidOut, hive, err := layout()
	if err != nil {
		return nil, err
	}
	w := &watcher{
		id: lode.DatasetID(dataset), store: store, hive: hive,
		random:  rand.New(rand.NewPCG(seed, 0)),
		readers: map[string]lode.Dataset{},
		seen:    map[lode.DatasetSnapshotID]*lode.Manifest{},
		child:   map[lode.DatasetSnapshotID]lode.DatasetSnapshotID{},
	}
	if w.catalog, err = lode.NewDatasetReader(factory, laidOut); err != nil {
		return nil, err
	}
	for name, compress := range compressors {
		options := []lode.Option{lode.WithCompressor(compress()), laidOut}
		if !hive { // which has no blobs
			if w.readers[" "+name], err = lode.NewDataset(w.id, factory, options...); err != nil {
				return nil, err
			}
		}
		options = append(options, lode.WithCodec(lode.NewJSONLCodec()))
		if w.readers["jsonl "+name], err = lode.NewDataset(w.id, factory, options...); err != nil {
			return nil, err
		}
	}
	w.history = w.readers["jsonl noop"]
	return w, nil
}

// pass reads once in every way.
func (w *watcher) pass(ctx context.Context) error {
	w.passes++
	for _, look := range []func(context.Context) error{w.latest, w.snapshots, w.datasets, w.partitions, w.manifests} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	if len(w.order) == 0 {
		return nil
	}
	if w.pointed != "" {
		if err := w.read(ctx, w.pointed); err != nil {
			return err
		}
	}
	return w.read(ctx, w.any())
}

// any gives one of the snapshots that were seen.
func (w *watcher) any() lode.DatasetSnapshotID { return w.order[w.random.IntN(len(w.order))] }

// latest asks for the newest snapshot, which never goes back.
//
// While there is no pointer yet, the library lists instead, writes what it found to the pointer, and answers
// with it even if another pointer was set meanwhile: the next answer may then be the parent of what was
// listed, which is decided all the same, and no earlier one, since nothing is built on what no pointer names.
// In the hive layout what it found may be a first copy of a manifest, and the pointer that it wrote leads
// nowhere until the canonical one is there: it lists again. Once the pointer has led to a manifest, it always
// does.
func (w *watcher) latest(ctx context.Context) error {
	lists, before := w.store.lists, len(w.order)
	snapshot, err := w.history.Latest(ctx)
	if errors.Is(err, lode.ErrNoSnapshots) && before == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("Latest, after %s: %w", w.pointed, err)
	}
	id := snapshot.ID
	if err := w.learn(ctx, "Latest", id, snapshot.Manifest); err != nil {
		return err
	}
	if w.store.lists != lists {
		w.listings++
		if w.pointed != "" {
			return fmt.Errorf("Latest: the pointer led nowhere after it had named %s; a listing found %s", w.pointed, id)
		}
		if id < w.listed {
			return fmt.Errorf("Latest: a listing found %s after %s", id, w.listed)
		}
		w.listed = id
		return nil
	}
	if w.pointed == "" && id < w.listed && id != w.seen[w.listed].ParentSnapshotID {
		return fmt.Errorf("Latest: %s, after a listing found %s, which is not its child", id, w.listed)
	}
	for at := id; at != w.pointed; at = w.seen[at].ParentSnapshotID {
		if at == "" {
			return fmt.Errorf("Latest: %s is not a descendant of %s, which was the latest before", id, w.pointed)
		}
	}
	if id != w.pointed {
		w.heads++
	}
	w.pointed = id
	return nil
}

// learn takes a snapshot in, and its ancestors as far as they are new: equal to what it was before, and one
// chain with the others. A listing, which takes its time, may have found a snapshot without its parent; but
// then that is there.
func (w *watcher) learn(ctx context.Context, how string, id lode.DatasetSnapshotID, manifest *lode.Manifest) error {
	for {
		if manifest.SnapshotID != id || manifest.DatasetID != w.id {
			return fmt.Errorf("%s: %s is the manifest of %s %s", how, id, manifest.DatasetID, manifest.SnapshotID)
		}
		if known, is := w.seen[id]; is {
			if !reflect.DeepEqual(known, manifest) {
				return fmt.Errorf("%s: %s was %+v and is %+v", how, id, known, manifest)
			}
			return nil
		}
		parent := manifest.ParentSnapshotID
		if parent >= id {
			return fmt.Errorf("%s: %s is not above its parent %s", how, id, parent)
		}
		if other, is := w.child[parent]; is {
			return fmt.Errorf("%s: %q has two children, %s and %s", how, parent, other, id)
		}
		w.seen[id], w.child[parent] = manifest, id
		w.order = append(w.order, id)
		if parent == "" || w.seen[parent] != nil {
			return nil
		}
		snapshot, err := w.history.Snapshot(ctx, parent)
		if err != nil {
			return fmt.Errorf("%s: the parent %s of %s: %w", how, parent, id, err)
		}
		how, id, manifest = "Snapshot", parent, snapshot.Manifest
	}
}

// missing names one of `wanted` that `found` lacks.
func missing(what string, wanted []lode.DatasetSnapshotID, found map[lode.DatasetSnapshotID]bool) error {
	for _, id := range wanted {
		if !found[id] {
			return fmt.Errorf("%s: %s is not among the %d that were found, and it was there before", what, id, len(found))
		}
	}
	return nil
}

func (w *watcher) snapshots(ctx context.Context) error {
	before := w.order
	all, err := w.history.Snapshots(ctx)
	if err != nil {
		return fmt.Errorf("Snapshots: %w", err)
	}
	found := map[lode.DatasetSnapshotID]bool{}
	for i, snapshot := range all {
		if i > 0 && all[i-1].ID >= snapshot.ID {
			return fmt.Errorf("Snapshots: %s comes before %s", all[i-1].ID, snapshot.ID)
		}
		found[snapshot.ID] = true
		if err := w.learn(ctx, "Snapshots", snapshot.ID, snapshot.Manifest); err != nil {
			return err
		}
	}
	return missing("Snapshots", before, found)
}

func (w *watcher) datasets(ctx context.Context) error {
	before := len(w.order)
	ids, err := w.catalog.ListDatasets(ctx, lode.DatasetListOptions{})
	switch {
	case errors.Is(err, lode.ErrDatasetsNotModeled), errors.Is(err, lode.ErrNoManifests) && before == 0:
		return nil
	case err != nil:
		return fmt.Errorf("ListDatasets: %w", err)
	case before > 0 && !slices.Contains(ids, w.id):
		return fmt.Errorf("ListDatasets: %s is not among %v", w.id, ids)
	}
	return nil
}

// partition gives the partition of a file, "" where there are none.
func partition(file lode.FileRef) string {
	_, rest, _ := strings.Cut(file.Path, "/partitions/")
	part, _, _ := strings.Cut(rest, "/segments/")
	return part
}

func (w *watcher) partitions(ctx context.Context) error {
	before := w.order
	refs, err := w.catalog.ListPartitions(ctx, w.id, lode.PartitionListOptions{})
	if errors.Is(err, lode.ErrNotFound) && len(before) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ListPartitions: %w", err)
	}
	for _, id := range before {
		for _, file := range w.seen[id].Files {
			if part := partition(file); part != "" && !slices.Contains(refs, lode.PartitionRef{Path: part}) {
				return fmt.Errorf("ListPartitions: %s of %s is not among %v", part, id, refs)
			}
		}
	}
	return nil
}

// manifests lists all manifests, and in the hive layout those of one partition, too. There it finds a
// snapshot by the copies beside its partitions' files, so none without records. All the copies are there once
// the pointer names the snapshot; before that some may be, of one that is decided.
func (w *watcher) manifests(ctx context.Context) error {
	var all, inside []lode.DatasetSnapshotID
	part := ""
	for _, id := range w.order {
		files := w.seen[id].Files
		if w.hive && len(files) > 0 && part == "" {
			part = partition(files[w.random.IntN(len(files))])
		}
		if !w.hive || len(files) > 0 {
			all = append(all, id)
		}
		inPart := func(file lode.FileRef) bool { return partition(file) == part }
		if id <= w.pointed && slices.ContainsFunc(files, inPart) {
			inside = append(inside, id)
		}
	}
	if err := w.list(ctx, "", all); err != nil || part == "" {
		return err
	}
	return w.list(ctx, part, inside)
}

func (w *watcher) list(ctx context.Context, part string, wanted []lode.DatasetSnapshotID) error {
	what := fmt.Sprintf("ListManifests(%q)", part)
	refs, err := w.catalog.ListManifests(ctx, w.id, part, lode.ManifestListOptions{})
	if errors.Is(err, lode.ErrNotFound) && len(wanted) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	found := map[lode.DatasetSnapshotID]bool{}
	for _, ref := range refs {
		found[ref.ID] = true
		if w.seen[ref.ID] != nil && w.random.IntN(8) != 0 {
			continue
		}
		manifest, err := w.catalog.GetManifest(ctx, w.id, ref)
		if err != nil {
			return fmt.Errorf("GetManifest %v: %w", ref, err)
		}
		if err := w.learn(ctx, "GetManifest", ref.ID, manifest); err != nil {
			return err
		}
	}
	return missing(what, wanted, found)
}

// read checks the records of a snapshot, through both of the library's readers.
func (w *watcher) read(ctx context.Context, id lode.DatasetSnapshotID) error {
	w.reads++
	manifest := w.seen[id]
	if err := w.objects(ctx, manifest); err != nil {
		return fmt.Errorf("the files of %s: %w", id, err)
	}
	reader := w.readers[manifest.Codec+" "+manifest.Compressor]
	if reader == nil {
		return fmt.Errorf("%s has the codec %q and the compressor %q", id, manifest.Codec, manifest.Compressor)
	}
	elements, err := reader.Read(ctx, id)
	if err != nil {
		return fmt.Errorf("Read %s: %w", id, err)
	}
	if int64(len(elements)) != manifest.RowCount {
		return fmt.Errorf("Read %s: %d elements, and the manifest says %d", id, len(elements), manifest.RowCount)
	}
	if manifest.Codec == "" { // the same lines, as one blob
		if elements, err = lode.NewJSONLCodec().Decode(bytes.NewReader(elements[0].([]byte))); err != nil {
			return fmt.Errorf("Read %s: the blob: %w", id, err)
		}
	}
	if count := manifest.Metadata["records"]; count != float64(len(elements)) {
		return fmt.Errorf("Read %s: %d records, and the metadata say %v", id, len(elements), count)
	}
	there := map[float64]bool{}
	for i, element := range elements {
		record, _ := element.(map[string]any)
		number, _ := record["n"].(float64)
		if record == nil || record["commit"] != manifest.Metadata["commit"] {
			return fmt.Errorf("Read %s: %v is not of the commit %v", id, element, manifest.Metadata["commit"])
		}
		if there[number] || number < 0 || number >= float64(len(elements)) || !w.hive && number != float64(i) {
			return fmt.Errorf("Read %s: record %d is number %v", id, i, number)
		}
		there[number] = true
	}
	return nil
}

// objects reads the stored bytes of each file, as a stream and at a place, and checks size and checksum.
func (w *watcher) objects(ctx context.Context, manifest *lode.Manifest) error {
	for _, file := range manifest.Files {
		object := lode.ObjectRef{Dataset: w.id, Manifest: lode.ManifestRef{ID: manifest.SnapshotID}, Path: file.Path}
		stream, err := w.catalog.OpenObject(ctx, object)
		if err != nil {
			return fmt.Errorf("OpenObject %s: %w", file.Path, err)
		}
		data, err := io.ReadAll(stream)
		if err = errors.Join(err, stream.Close()); err != nil {
			return fmt.Errorf("OpenObject %s: %w", file.Path, err)
		}
		sum := file.Checksum
		switch manifest.ChecksumAlgorithm {
		case "md5":
			digest := md5.Sum(data)
			sum = hex.EncodeToString(digest[:])
		case "sha256":
			digest := sha256.Sum256(data)
			sum = hex.EncodeToString(digest[:])
		}
		if int64(len(data)) != file.SizeBytes || sum != file.Checksum {
			return fmt.Errorf("%s: %d bytes of checksum %s, and the manifest says %+v", file.Path, len(data), sum, file)
		}
		if len(data) == 0 {
			continue
		}
		at, err := w.catalog.ReaderAt(ctx, object)
		if err != nil {
			return fmt.Errorf("ReaderAt %s: %w", file.Path, err)
		}
		offset := w.random.IntN(len(data))
		tail := make([]byte, len(data)-offset)
		_, err = at.ReadAt(tail, int64(offset))
		if closer, is := at.(io.Closer); is {
			err = errors.Join(err, closer.Close())
		}
		if err != nil || !bytes.Equal(tail, data[offset:]) {
			return fmt.Errorf("ReaderAt %s: other bytes from %d on (%v)", file.Path, offset, err)
		}
	}
	return nil
}
