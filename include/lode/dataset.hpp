/**
 * @file
 * Datasets. Part of lode.hpp.
 */
#ifndef LODE_DATASET_HPP
#define LODE_DATASET_HPP

#include <lode/arrow.hpp>
#include <lode/history.hpp>
#include <lode/options.hpp>
#include <lode/reader.hpp>
#include <lode/records.hpp>
#include <lode/store.hpp>
#include <lode/writer.hpp>

namespace lode {

namespace detail {

struct dataset_functions {
    using raw_type = lode_dataset;
    static constexpr auto free = lode_dataset_free;
    static constexpr auto find_latest = lode_dataset_find_latest;
    static constexpr auto find_snapshot = lode_dataset_find_snapshot;
    static constexpr auto list_snapshots = lode_dataset_list_snapshots;
    static constexpr auto list_changes = lode_dataset_list_changes;
    static constexpr auto find_producer = lode_dataset_find_producer;
    static constexpr auto resolve_commit = lode_dataset_resolve_commit;
    static constexpr auto adopt = lode_dataset_adopt;
    static constexpr auto verify = lode_dataset_verify;
    static constexpr auto collect = lode_dataset_collect;
};

} // namespace detail

/** A dataset: a chain of immutable snapshots in a store. Threads may share it. */
class dataset : public history<detail::dataset_functions> {
public:
    /** Takes ownership of a dataset of lode.h. */
    explicit dataset(lode_dataset *raw) noexcept : history(raw) {}

    /** Opens a dataset of a store; no I/O. Its first commit makes it. Throws lode::error. */
    static dataset open(const store &in, const text &id, const dataset_options &options = {})
    {
        return try_open(in, id, options).value();
    }
    /** As open, with the error in the result. */
    static result<dataset> try_open(const store &in, const text &id, const dataset_options &options = {})
    {
        return detail::make<dataset>(lode_dataset_open, in.get(), id, detail::c_dataset_options(options));
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
        return detail::pull_bytes<committed_snapshot>(source, [&](const lode_byte_source &c) {
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
        return detail::pull_bytes<part>(source, [&](const lode_byte_source &c) {
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

    /**
     * Pulls all rows of an Arrow stream and commits them as one snapshot: all of them, durably, or none. One
     * array of the stream is in memory at a time. Feature "parquet".
     * @param stream an initialised stream. It is moved out: its `release` is NULL afterwards, with any
     *        outcome.
     * @param metadata_json the snapshot's metadata, one JSON object; "{}": none.
     * @param options how to commit.
     * Throws lode::error.
     */
    committed_snapshot stream_write_arrow(ArrowArrayStream &stream, const text &metadata_json,
                                          const commit_options &options = {}) const
    {
        return try_stream_write_arrow(stream, metadata_json, options).value();
    }
    /** As stream_write_arrow, with the error in the result. */
    result<committed_snapshot> try_stream_write_arrow(ArrowArrayStream &stream, const text &metadata_json,
                                                      const commit_options &options = {}) const
    {
        const detail::released_at_end<ArrowArrayStream> owned(stream);
        return detail::commit(options, lode_dataset_stream_write_arrow, get(), &stream, metadata_json);
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

    /**
     * Begins to read a snapshot as an Arrow stream: all columns, or those that the options name. Feature
     * "parquet". Throws lode::error.
     */
    arrow_stream read_arrow(const snapshot &from, const arrow_read_options &options = {}) const
    {
        return try_read_arrow(from, options).value();
    }
    /** As read_arrow, with the error in the result. */
    result<arrow_stream> try_read_arrow(const snapshot &from, const arrow_read_options &options = {}) const
    {
        const detail::c_arrow_read_options c(options);
        arrow_stream stream;
        auto got = detail::call(lode_dataset_read_arrow, get(), from.get(), c, stream.get());
        return got ? result<arrow_stream>(std::move(stream)) : result<arrow_stream>(got.error());
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

private:
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
};

} // namespace lode

#endif
