/**
 * @file
 * Datasets and catalogs. Part of lode.hpp.
 */
#ifndef LODE_DATASET_HPP
#define LODE_DATASET_HPP

#include <lode/reader.hpp>
#include <lode/records.hpp>
#include <lode/store.hpp>
#include <lode/writer.hpp>

namespace lode {

/** How records become bytes. */
enum class codec : std::int32_t {
    none = LODE_CODEC_NONE,       /**< A dataset of raw blobs. */
    jsonl = LODE_CODEC_JSONL,     /**< One JSON document a line. */
    parquet = LODE_CODEC_PARQUET, /**< Apache Parquet; feature "parquet". */
};

/** How files are compressed. */
enum class compressor : std::int32_t {
    none = LODE_COMPRESSOR_NONE, /**< Not. */
    gzip = LODE_COMPRESSOR_GZIP, /**< gzip (RFC 1952). */
    zstd = LODE_COMPRESSOR_ZSTD, /**< Zstandard (RFC 8878). */
};

/** How files are checked. */
enum class checksum : std::int32_t {
    xxh3 = LODE_CHECKSUM_XXH3,     /**< XXH3, 64 bits: fast, finds damage. */
    none = LODE_CHECKSUM_NONE,     /**< Not. */
    md5 = LODE_CHECKSUM_MD5,       /**< MD5, which the Go library of this format writes. */
    sha256 = LODE_CHECKSUM_SHA256, /**< SHA-256: finds tampering, too, if the manifest is trusted. */
};

/** Where files lie. */
enum class layout : std::int32_t {
    standard = LODE_LAYOUT_DEFAULT, /**< LODE_LAYOUT_DEFAULT: each snapshot's files in its own directory. */
    hive = LODE_LAYOUT_HIVE,        /**< Partitioned by keys of the records. */
    flat = LODE_LAYOUT_FLAT,        /**< The shortest paths, whose datasets cannot be listed. */
};

/** What a commit that returned survives. */
enum class durability : std::int32_t {
    full = LODE_DURABILITY_FULL,       /**< A power cut. */
    process = LODE_DURABILITY_PROCESS, /**< A killed process; nothing is synced. */
};

/** How a dataset is written. What is read follows each snapshot's own manifest. */
struct dataset_options {
    lode::codec codec = lode::codec::none;                /**< Record calls need one. */
    lode::compressor compressor = lode::compressor::none; /**< How files are compressed. */
    std::int32_t compression_level = 0;                   /**< 0: the compressor's default. */
    lode::checksum checksum = lode::checksum::xxh3;       /**< How files are checked. */
    lode::layout layout = lode::layout::standard;         /**< Where files lie. */
    lode::durability durability = lode::durability::full; /**< What a commit survives. */
    bool file_statistics = false;                         /**< Whether the manifest has statistics of each key. */
    std::int32_t retry_attempts = 0;                      /**< How often one request is tried; 0: a few times. */
    std::chrono::milliseconds retry_base{0};              /**< Before the second try; 0: a few. */
    std::chrono::milliseconds retry_cap{0};               /**< The longest pause; 0: half a second. */
    std::int64_t max_record_bytes = 0;                    /**< 0: about 10 MiB. */
    std::vector<std::string> partition_keys{};            /**< For layout::hive at least one. */
    bool partition_streaming = false;                     /**< Whether streams may be partitioned. */
    std::int32_t max_open_partitions = 0;                 /**< Of such a stream; see lode_dataset_options. */
    std::int32_t threads = 0;                             /**< That compress; see lode_dataset_options. */
    std::int64_t target_file_bytes = 0;                   /**< After which records go into another file; 0: never. */
};

/** How much of a dataset dataset::verify checks; each level includes those before it. */
enum class verify_level : std::int32_t {
    structure = LODE_VERIFY_LEVEL_STRUCTURE, /**< That its history is one unbroken chain. */
    sizes = LODE_VERIFY_LEVEL_SIZES,         /**< That its files are there, of the right sizes. */
    checksums = LODE_VERIFY_LEVEL_CHECKSUMS, /**< That they are what was written. */
    records = LODE_VERIFY_LEVEL_RECORDS,     /**< That they hold their records. */
};

/** What dataset::verify has found to be wrong. */
struct finding {
    std::int32_t kind;                      /**< One of LODE_FINDING_* of lode.h. */
    std::string path;                       /**< The key of the object. */
    std::optional<std::string> snapshot_id; /**< The snapshot that it concerns, if it is about one. */
    std::string message;                    /**< What is wrong, in words. */
};

namespace detail {

/** Collects findings; what that throws is kept, and ends the call. */
struct finding_list {
    std::vector<finding> found;
    caught thrown;

    static std::int32_t add(void *ctx, std::int32_t kind, const char *path, const char *snapshot_id,
                            const char *message) noexcept
    {
        auto *self = static_cast<finding_list *>(ctx);
        LODE_DETAIL_TRY
        {
            const auto id = optional_view(snapshot_id);
            self->found.push_back({kind, path, id ? std::optional<std::string>(*id) : std::nullopt, message});
            return 0;
        }
        LODE_DETAIL_CATCH_ALL
        {
            self->thrown.keep();
        }
        return 1;
    }
};

} // namespace detail

/** A dataset: a chain of immutable snapshots in a store. Threads may share it. */
class dataset : public detail::handle<lode_dataset, lode_dataset_free> {
public:
    /** Takes ownership of a dataset of lode.h. */
    explicit dataset(lode_dataset *raw) noexcept : handle(raw) {}

    /** Opens a dataset of a store; no I/O. Its first commit makes it. Throws lode::error. */
    static dataset open(const store &in, const text &id, const dataset_options &options = {})
    {
        return try_open(in, id, options).value();
    }
    /** As open, with the error in the result. */
    static result<dataset> try_open(const store &in, const text &id, const dataset_options &options = {})
    {
        lode_dataset_options c = LODE_DATASET_OPTIONS_INIT;
        c.codec = static_cast<std::int32_t>(options.codec);
        c.compressor = static_cast<std::int32_t>(options.compressor);
        c.compression_level = options.compression_level;
        c.checksum = static_cast<std::int32_t>(options.checksum);
        c.layout = static_cast<std::int32_t>(options.layout);
        c.durability = static_cast<std::int32_t>(options.durability);
        c.file_statistics = options.file_statistics ? 1 : 0;
        c.retry_attempts = options.retry_attempts;
        c.retry_base_ms = detail::clamped(options.retry_base);
        c.retry_cap_ms = detail::clamped(options.retry_cap);
        c.max_record_bytes = options.max_record_bytes;
        c.partition_streaming = options.partition_streaming ? 1 : 0;
        c.max_open_partitions = options.max_open_partitions;
        c.threads = options.threads;
        c.target_file_bytes = options.target_file_bytes;
        std::vector<const char *> keys;
        for (const std::string &key : options.partition_keys) {
            if (key.find('\0') != std::string::npos) {
                return detail::nul_refused();
            }
            keys.push_back(key.c_str());
        }
        c.partition_keys = keys.empty() ? nullptr : keys.data();
        c.partition_key_count = keys.size();
        return detail::make<dataset>(lode_dataset_open, in.get(), id, &c);
    }

    /**
     * Pulls all records from a range and commits them as one snapshot: all of them, durably, or none. One
     * record (or one batch) is in memory at a time.
     * @param records any input range, of what converts to std::string_view or of timed_record, one JSON
     *        document each. What it throws comes out of this call unchanged, and nothing is committed.
     * @param metadata_json the snapshot's metadata, one JSON object; "{}": none.
     * @param options how to commit.
     * Throws lode::error.
     */
    template <class Range>
    committed_snapshot stream_write_records(Range &&records, const text &metadata_json,
                                            const commit_options &options = {}) const
    {
        return try_stream_write_records(records, metadata_json, options).value();
    }
    /** As stream_write_records, with the error in the result; what the range throws is thrown. */
    template <class Range>
    result<committed_snapshot> try_stream_write_records(Range &&records, const text &metadata_json,
                                                        const commit_options &options = {}) const
    {
        return pull_records(records, [&](const lode_record_iterator &c) {
            return detail::commit(options, lode_dataset_stream_write_records, get(), &c, metadata_json);
        });
    }

    /**
     * Commits records that are held in memory as one snapshot; with layout::hive by partition. Else as
     * stream_write_records.
     */
    template <class Range>
    committed_snapshot write_records(Range &&records, const text &metadata_json,
                                     const commit_options &options = {}) const
    {
        return try_write_records(records, metadata_json, options).value();
    }
    /** As write_records, with the error in the result; what the range throws is thrown. */
    template <class Range>
    result<committed_snapshot> try_write_records(Range &&records, const text &metadata_json,
                                                 const commit_options &options = {}) const
    {
        const detail::record_arrays arrays(records);
        return detail::commit(options, lode_dataset_write_records, get(), arrays.records(), arrays.times(),
                              arrays.count(), metadata_json);
    }

    /** Commits bytes in memory as one snapshot, a raw blob. Throws lode::error. */
    committed_snapshot write_blob(std::string_view bytes, const text &metadata_json,
                                  const commit_options &options = {}) const
    {
        return try_write_blob(bytes, metadata_json, options).value();
    }
    /** As write_blob, with the error in the result. */
    result<committed_snapshot> try_write_blob(std::string_view bytes, const text &metadata_json,
                                              const commit_options &options = {}) const
    {
        return detail::commit(options, lode_dataset_write_blob, get(), bytes.data(), bytes.size(), metadata_json);
    }

    /**
     * Pulls the bytes of a blob and commits them as one snapshot.
     * @param source a std::istream, or a function `std::size_t(char *buffer, std::size_t capacity)` that
     *        fills the beginning of a buffer and gives 0 at its end. What it throws comes out of this call
     *        unchanged, and nothing is committed.
     * @param metadata_json the snapshot's metadata, one JSON object; "{}": none.
     * @param options how to commit.
     * Throws lode::error.
     */
    template <class Source>
    committed_snapshot stream_write_blob(Source &&source, const text &metadata_json,
                                         const commit_options &options = {}) const
    {
        return try_stream_write_blob(source, metadata_json, options).value();
    }
    /** As stream_write_blob, with the error in the result; what the source throws is thrown. */
    template <class Source>
    result<committed_snapshot> try_stream_write_blob(Source &&source, const text &metadata_json,
                                                     const commit_options &options = {}) const
    {
        return pull_blob<committed_snapshot>(source, [&](const lode_byte_source &c) {
            return detail::commit(options, lode_dataset_stream_write_blob, get(), &c, metadata_json);
        });
    }

    /** Pulls all records from a range into one part; else as stream_write_records. */
    template <class Range>
    part stage_records(Range &&records, const call_options &options = {}) const
    {
        return try_stage_records(records, options).value();
    }
    /** As stage_records, with the error in the result; what the range throws is thrown. */
    template <class Range>
    result<part> try_stage_records(Range &&records, const call_options &options = {}) const
    {
        return pull_records(records, [&](const lode_record_iterator &c) {
            return blocking<part>(options, lode_dataset_stage_records, get(), &c);
        });
    }

    /** Pulls the bytes of a blob into one part; else as stream_write_blob. */
    template <class Source>
    part stage_blob(Source &&source, const call_options &options = {}) const
    {
        return try_stage_blob(source, options).value();
    }
    /** As stage_blob, with the error in the result; what the source throws is thrown. */
    template <class Source>
    result<part> try_stage_blob(Source &&source, const call_options &options = {}) const
    {
        return pull_blob<part>(source, [&](const lode_byte_source &c) {
            return blocking<part>(options, lode_dataset_stage_blob, get(), &c);
        });
    }

    /** A part that any process has staged, from its part::json. Throws lode::error. */
    part part_from_json(const text &json) const { return try_part_from_json(json).value(); }
    /** As part_from_json, with the error in the result. */
    result<part> try_part_from_json(const text &json) const
    {
        return detail::make<part>(lode_dataset_part_from_json, get(), json);
    }

    /** Commits parts, a range of them, as one snapshot, in the order given. Throws lode::error. */
    template <class Parts>
    committed_snapshot commit_parts(const Parts &parts, const text &metadata_json,
                                    const commit_options &options = {}) const
    {
        return try_commit_parts(parts, metadata_json, options).value();
    }
    /** As commit_parts, with the error in the result. */
    template <class Parts>
    result<committed_snapshot> try_commit_parts(const Parts &parts, const text &metadata_json,
                                                const commit_options &options = {}) const
    {
        std::vector<const lode_part *> raw;
        for (const part &one : parts) {
            raw.push_back(one.get());
        }
        return detail::commit(options, lode_dataset_commit_parts, get(), raw.data(), raw.size(), metadata_json);
    }

    /** Begins a snapshot whose records will be pushed. Throws lode::error. */
    record_writer open_record_writer(const record_writer_options &options = {}) const
    {
        return try_open_record_writer(options).value();
    }
    /** As open_record_writer, with the error in the result. */
    result<record_writer> try_open_record_writer(const record_writer_options &options = {}) const
    {
        lode_record_writer_options c = LODE_RECORD_WRITER_OPTIONS_INIT;
        c.bad_records = static_cast<std::int32_t>(options.bad_records);
        c.early_writeback = options.early_writeback ? 1 : 0;
        return detail::make<record_writer>(lode_dataset_open_record_writer, get(), &c);
    }

    /** Begins a snapshot, a raw blob, whose bytes will be pushed. Throws lode::error. */
    blob_writer open_blob_writer(const blob_writer_options &options = {}) const
    {
        return try_open_blob_writer(options).value();
    }
    /** As open_blob_writer, with the error in the result. */
    result<blob_writer> try_open_blob_writer(const blob_writer_options &options = {}) const
    {
        lode_blob_writer_options c = LODE_BLOB_WRITER_OPTIONS_INIT;
        c.early_writeback = options.early_writeback ? 1 : 0;
        return detail::make<blob_writer>(lode_dataset_open_blob_writer, get(), &c);
    }

    /** Begins to read a snapshot's records. Throws lode::error. */
    record_reader read(const snapshot &from, const read_options &options = {}) const
    {
        return try_read(from, options).value();
    }
    /** As read, with the error in the result. */
    result<record_reader> try_read(const snapshot &from, const read_options &options = {}) const
    {
        const lode_read_options c = detail::to_lode(options);
        return detail::make<record_reader>(lode_dataset_open_record_reader, get(), from.get(), &c);
    }

    /**
     * Begins to read the records of all snapshots after a position; "": from the first. Throws lode::error.
     */
    record_reader read_since(const text &position, const read_options &options = {}) const
    {
        return try_read_since(position, options).value();
    }
    /** As read_since, with the error in the result. */
    result<record_reader> try_read_since(const text &position, const read_options &options = {}) const
    {
        const lode_read_options c = detail::to_lode(options);
        return detail::make<record_reader>(lode_dataset_open_record_reader_since, get(), position, &c);
    }

    /** Begins to read a snapshot that is a raw blob. Throws lode::error. */
    blob_reader read_blob(const snapshot &from, const read_options &options = {}) const
    {
        return try_read_blob(from, options).value();
    }
    /** As read_blob, with the error in the result. */
    result<blob_reader> try_read_blob(const snapshot &from, const read_options &options = {}) const
    {
        const lode_read_options c = detail::to_lode(options);
        return detail::make<blob_reader>(lode_dataset_open_blob_reader, get(), from.get(), &c);
    }

    /** The newest snapshot; no_snapshots if there is none. Throws lode::error. */
    snapshot find_latest(const call_options &options = {}) const { return try_find_latest(options).value(); }
    /** As find_latest, with the error in the result. */
    result<snapshot> try_find_latest(const call_options &options = {}) const
    {
        return blocking<snapshot>(options, lode_dataset_find_latest, get());
    }

    /** The snapshot of this id; snapshot_not_found if there is none. Throws lode::error. */
    snapshot find_snapshot(const text &id, const call_options &options = {}) const
    {
        return try_find_snapshot(id, options).value();
    }
    /** As find_snapshot, with the error in the result. */
    result<snapshot> try_find_snapshot(const text &id, const call_options &options = {}) const
    {
        return blocking<snapshot>(options, lode_dataset_find_snapshot, get(), id);
    }

    /** Lists all snapshots, oldest first. Throws lode::error. */
    snapshot_iterator list_snapshots(const call_options &options = {}) const
    {
        return try_list_snapshots(options).value();
    }
    /** As list_snapshots, with the error in the result. */
    result<snapshot_iterator> try_list_snapshots(const call_options &options = {}) const
    {
        return detail::make_iterator<snapshot_iterator>(options, lode_dataset_list_snapshots, get());
    }

    /** Lists the snapshots after one, oldest first; after NULL: all. Throws lode::error. */
    snapshot_iterator list_changes(const text &after, const call_options &options = {}) const
    {
        return try_list_changes(after, options).value();
    }
    /** As list_changes, with the error in the result. */
    result<snapshot_iterator> try_list_changes(const text &after, const call_options &options = {}) const
    {
        return detail::make_iterator<snapshot_iterator>(options, lode_dataset_list_changes, get(), after);
    }

    /**
     * The newest snapshot, if it tells of this producer; snapshot::find_producer says the rest. Throws
     * lode::error.
     */
    std::optional<snapshot> find_producer(const text &producer_id, const call_options &options = {}) const
    {
        return try_find_producer(producer_id, options).value();
    }
    /** As find_producer, with the error in the result. */
    result<std::optional<snapshot>> try_find_producer(const text &producer_id, const call_options &options = {}) const
    {
        return found(blocking<snapshot>(options, lode_dataset_find_producer, get(), producer_id));
    }

    /**
     * Resolves a commit that ended in commit_unknown, by error::snapshot_id: the snapshot, if it is
     * committed; none if it is not, and never will be. Throws lode::error.
     */
    std::optional<snapshot> resolve_commit(const text &snapshot_id, const call_options &options = {}) const
    {
        return try_resolve_commit(snapshot_id, options).value();
    }
    /** As resolve_commit, with the error in the result. */
    result<std::optional<snapshot>> try_resolve_commit(const text &snapshot_id, const call_options &options = {}) const
    {
        return found(blocking<snapshot>(options, lode_dataset_resolve_commit, get(), snapshot_id));
    }

    /** Makes a snapshot the head of its dataset: the way out of needs_repair. Throws lode::error. */
    snapshot adopt(const text &snapshot_id, const call_options &options = {}) const
    {
        return try_adopt(snapshot_id, options).value();
    }
    /** As adopt, with the error in the result. */
    result<snapshot> try_adopt(const text &snapshot_id, const call_options &options = {}) const
    {
        return blocking<snapshot>(options, lode_dataset_adopt, get(), snapshot_id);
    }

    /**
     * Checks a whole dataset against what the format promises; nothing is written.
     * @param level how much is checked.
     * @param options the call's limits.
     * @return what is wrong; empty if nothing is.
     * Throws lode::error.
     */
    std::vector<finding> verify(verify_level level = verify_level::records, const call_options &options = {}) const
    {
        return try_verify(level, options).value();
    }
    /** As verify, with the error in the result. */
    result<std::vector<finding>> try_verify(verify_level level = verify_level::records,
                                            const call_options &options = {}) const
    {
        const detail::c_call_options c(options);
        detail::finding_list list;
        std::uint64_t count = 0;
        auto got = detail::call(lode_dataset_verify, get(), static_cast<std::int32_t>(level), detail::finding_list::add,
                                &list, c.get(), &count);
        list.thrown.rethrow();
        if (!got && got.status() != status::corrupt) {
            c.rethrow(true);
            return got.error();
        }
        return std::move(list.found);
    }

private:
    template <class Handle, class F, class... Arguments>
    static result<Handle> blocking(const call_options &options, F function, const Arguments &...arguments)
    {
        return detail::make_within<Handle>(options, function, arguments...);
    }

    static result<std::optional<snapshot>> found(result<snapshot> got)
    {
        if (!got) {
            return got.error();
        }
        return *got ? std::optional<snapshot>(std::move(*got)) : std::optional<snapshot>();
    }

    // Calls a function with a range as the iterator of lode.h; what the range has thrown is thrown again.
    template <class Range, class F>
    static auto pull_records(Range &records, F call)
    {
        using iterator = decltype(detail::begin_of(records));
        using sentinel = decltype(detail::end_of(records));
        detail::range_iterator<iterator, sentinel> pulled(detail::begin_of(records), detail::end_of(records));
        const lode_record_iterator c = pulled.c();
        auto got = call(c);
        pulled.thrown().rethrow();
        return got;
    }

    // The same with a std::istream or a function as the byte source.
    template <class Made, class Source, class F>
    static result<Made> pull_blob(Source &source, F call)
    {
        const auto pull = [&call](auto &function) {
            detail::function_source<std::remove_reference_t<decltype(function)>> pulled(function);
            const lode_byte_source c = pulled.c();
            auto got = call(c);
            pulled.thrown().rethrow();
            return got;
        };
        if constexpr (std::is_base_of_v<std::istream, Source>) {
            if (source.rdbuf() == nullptr || source.fail()) {
                return error(status::invalid_argument, "the stream has failed before");
            }
            const auto filled = [&source](char *to, std::size_t capacity) {
                return static_cast<std::size_t>(source.rdbuf()->sgetn(to, static_cast<std::streamsize>(capacity)));
            };
            return pull(filled);
        } else {
            return pull(source);
        }
    }
};

/** A range of times, both ends included; an end that is left out is open. */
struct time_range {
    std::optional<timestamp> from{}; /**< The earliest. */
    std::optional<timestamp> to{};   /**< The latest. */
};

/** A store as datasets of one layout: what is stored, without a dataset's history. Nothing is written. */
class catalog : public detail::handle<lode_catalog, lode_catalog_free> {
public:
    /** Takes ownership of a catalog of lode.h. */
    explicit catalog(lode_catalog *raw) noexcept : handle(raw) {}

    /** Opens a catalog of a store; no I/O. Throws lode::error. */
    static catalog open(const store &in, lode::layout layout = lode::layout::standard)
    {
        return try_open(in, layout).value();
    }
    /** As open, with the error in the result. */
    static result<catalog> try_open(const store &in, lode::layout layout = lode::layout::standard)
    {
        lode_catalog_options c = LODE_CATALOG_OPTIONS_INIT;
        c.layout = static_cast<std::int32_t>(layout);
        return detail::make<catalog>(lode_catalog_open, in.get(), &c);
    }

    /** Lists the ids of the datasets that have a snapshot, sorted. Throws lode::error. */
    string_iterator list_datasets(const call_options &options = {}) const { return try_list_datasets(options).value(); }
    /** As list_datasets, with the error in the result. */
    result<string_iterator> try_list_datasets(const call_options &options = {}) const
    {
        return detail::make_iterator<string_iterator>(options, lode_catalog_list_datasets, get());
    }

    /** Lists the partitions of a dataset in which a snapshot has a file. Throws lode::error. */
    string_iterator list_partitions(const text &dataset_id, const call_options &options = {}) const
    {
        return try_list_partitions(dataset_id, options).value();
    }
    /** As list_partitions, with the error in the result. */
    result<string_iterator> try_list_partitions(const text &dataset_id, const call_options &options = {}) const
    {
        return detail::make_iterator<string_iterator>(options, lode_catalog_list_partitions, get(), dataset_id);
    }

    /**
     * Lists the snapshots of a dataset whose manifests are there, sorted by id.
     * @param dataset_id the dataset.
     * @param partition_prefix only those with a file in this partition or below it; "": all.
     * @param times only those whose records' times reach into this range; none: all.
     * @param options the call's limits.
     * Throws lode::error.
     */
    snapshot_iterator list_snapshots(const text &dataset_id, const text &partition_prefix = "",
                                     std::optional<time_range> times = std::nullopt,
                                     const call_options &options = {}) const
    {
        return try_list_snapshots(dataset_id, partition_prefix, times, options).value();
    }
    /** As list_snapshots, with the error in the result. */
    result<snapshot_iterator> try_list_snapshots(const text &dataset_id, const text &partition_prefix = "",
                                                 std::optional<time_range> times = std::nullopt,
                                                 const call_options &options = {}) const
    {
        std::int64_t range[2] = {INT64_MIN, INT64_MAX};
        if (times && times->from) {
            range[0] = times->from->time_since_epoch().count();
        }
        if (times && times->to) {
            range[1] = times->to->time_since_epoch().count();
        }
        const std::int64_t *wanted = times ? range : nullptr;
        return detail::make_iterator<snapshot_iterator>(options, lode_catalog_list_snapshots, get(), dataset_id,
                                                        partition_prefix, wanted);
    }

    /** Reads one manifest by its key. Throws lode::error. */
    snapshot read_manifest(const text &key, const call_options &options = {}) const
    {
        return try_read_manifest(key, options).value();
    }
    /** As read_manifest, with the error in the result. */
    result<snapshot> try_read_manifest(const text &key, const call_options &options = {}) const
    {
        return detail::make_within<snapshot>(options, lode_catalog_read_manifest, get(), key);
    }

    /** Opens any object of the store, to be read as it is stored. Throws lode::error. */
    blob_reader open_object(const text &key, const read_options &options = {}) const
    {
        return try_open_object(key, options).value();
    }
    /** As open_object, with the error in the result. */
    result<blob_reader> try_open_object(const text &key, const read_options &options = {}) const
    {
        const lode_read_options c = detail::to_lode(options);
        return detail::make<blob_reader>(lode_catalog_open_object, get(), key, &c);
    }
};

} // namespace lode

#endif
