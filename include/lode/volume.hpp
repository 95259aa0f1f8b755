/**
 * @file
 * Volumes: address spaces that are filled block by block. Part of lode.hpp.
 */
#ifndef LODE_VOLUME_HPP
#define LODE_VOLUME_HPP

#include <lode/history.hpp>
#include <lode/options.hpp>
#include <lode/reader.hpp>
#include <lode/records.hpp>
#include <lode/store.hpp>

namespace lode {

/** How a volume is written. What is read follows each snapshot's own manifest. */
struct volume_options {
    /** How long the address space is, in bytes: needed for the first commit; 0: as the volume has it. */
    std::uint64_t total_length = 0;
    lode::checksum checksum = lode::checksum::xxh3;       /**< A volume keeps that of its first commit. */
    lode::durability durability = lode::durability::full; /**< What a commit survives. */
    std::int32_t retry_attempts = 0;                      /**< How often one request is tried; 0: a few times. */
    std::chrono::milliseconds retry_base{0};              /**< Before the second try; 0: a few. */
    std::chrono::milliseconds retry_cap{0};               /**< The longest pause; 0: half a second. */
    std::uint64_t max_blocks = 0;                         /**< How many a snapshot may have; 0: 400,000. */
};

/**
 * A range of bytes that is durable and not yet in a snapshot, until volume::commit names it, perhaps in
 * another process: json() is all that has to get there. Threads may share it. Destroying it removes nothing.
 */
class volume_block : public detail::handle<lode_volume_block, lode_volume_block_free> {
public:
    /** Takes ownership of a block of lode.h. */
    explicit volume_block(lode_volume_block *raw) noexcept : handle(raw) {}

    /** The block as one line of JSON, for volume::block_from_json; it lives as long as the block. */
    std::string_view json() const noexcept { return detail::view(lode_volume_block_json(get())); }
    /** Where it begins in the volume, in bytes. */
    std::uint64_t offset() const noexcept { return lode_volume_block_offset(get()); }
    /** How long it is, in bytes. */
    std::uint64_t length() const noexcept { return lode_volume_block_length(get()); }
};

namespace detail {

struct volume_functions {
    using raw_type = lode_volume;
    static constexpr auto free = lode_volume_free;
    static constexpr auto find_latest = lode_volume_find_latest;
    static constexpr auto find_snapshot = lode_volume_find_snapshot;
    static constexpr auto list_snapshots = lode_volume_list_snapshots;
    static constexpr auto list_changes = lode_volume_list_changes;
    static constexpr auto find_producer = lode_volume_find_producer;
    static constexpr auto resolve_commit = lode_volume_resolve_commit;
    static constexpr auto adopt = lode_volume_adopt;
    static constexpr auto verify = lode_volume_verify;
    static constexpr auto collect = lode_volume_collect;
};

} // namespace detail

/** An address space of fixed length whose snapshots have ever more blocks. Threads may share it. */
class volume : public history<detail::volume_functions> {
public:
    /** Takes ownership of a volume of lode.h. */
    explicit volume(lode_volume *raw) noexcept : history(raw) {}

    /** Opens a volume of a store; no I/O. Its first commit makes it. Throws lode::error. */
    static volume open(const store &in, const text &id, const volume_options &options = {})
    {
        return try_open(in, id, options).value();
    }
    /** As open, with the error in the result. */
    static result<volume> try_open(const store &in, const text &id, const volume_options &options = {})
    {
        lode_volume_options c = LODE_VOLUME_OPTIONS_INIT;
        c.total_length = options.total_length;
        c.checksum = static_cast<std::int32_t>(options.checksum);
        c.durability = static_cast<std::int32_t>(options.durability);
        c.retry_attempts = options.retry_attempts;
        c.retry_base_ms = detail::clamped(options.retry_base);
        c.retry_cap_ms = detail::clamped(options.retry_cap);
        c.max_blocks = options.max_blocks;
        return detail::make<volume>(lode_volume_open, in.get(), id, &c);
    }

    /**
     * Stages bytes as a block: durable when the call returns, and invisible until a commit names it. Any
     * number of threads and processes stage at once. Throws lode::error.
     */
    volume_block stage_write_at(std::uint64_t offset, std::string_view bytes, const call_options &options = {}) const
    {
        return try_stage_write_at(offset, bytes, options).value();
    }
    /** As stage_write_at, with the error in the result. */
    result<volume_block> try_stage_write_at(std::uint64_t offset, std::string_view bytes,
                                            const call_options &options = {}) const
    {
        return blocking<volume_block>(options, lode_volume_stage_write_at, get(), offset, bytes.data(), bytes.size());
    }

    /**
     * Stages exactly so many bytes as a block, in bounded memory.
     * @param offset where the block begins, in bytes.
     * @param length how many bytes.
     * @param source as for dataset::stream_write_blob; it gives these bytes and no more.
     * @param options the call's limits.
     * Throws lode::error.
     */
    template <class Source>
    volume_block stage_stream_at(std::uint64_t offset, std::uint64_t length, Source &&source,
                                 const call_options &options = {}) const
    {
        return try_stage_stream_at(offset, length, source, options).value();
    }
    /** As stage_stream_at, with the error in the result; what the source throws is thrown. */
    template <class Source>
    result<volume_block> try_stage_stream_at(std::uint64_t offset, std::uint64_t length, Source &&source,
                                             const call_options &options = {}) const
    {
        return detail::pull_bytes<volume_block>(source, [&](const lode_byte_source &c) {
            return blocking<volume_block>(options, lode_volume_stage_stream_at, get(), offset, length, &c);
        });
    }

    /** A block that any process has staged, from its volume_block::json. Throws lode::error. */
    volume_block block_from_json(const text &json) const { return try_block_from_json(json).value(); }
    /** As block_from_json, with the error in the result. */
    result<volume_block> try_block_from_json(const text &json) const
    {
        return detail::make<volume_block>(lode_volume_block_from_json, get(), json);
    }

    /**
     * Commits blocks, a range of them, and all that the volume has, as one snapshot. Blocks that it has are
     * left out, so that a commit may be repeated. Throws lode::error.
     */
    template <class Blocks>
    committed_snapshot commit(const Blocks &blocks, const text &metadata_json, const commit_options &options = {}) const
    {
        return try_commit(blocks, metadata_json, options).value();
    }
    /** As commit, with the error in the result. */
    template <class Blocks>
    result<committed_snapshot> try_commit(const Blocks &blocks, const text &metadata_json,
                                          const commit_options &options = {}) const
    {
        std::vector<const lode_volume_block *> raw;
        for (const volume_block &one : blocks) {
            raw.push_back(one.get());
        }
        return detail::commit(options, lode_volume_commit, get(), raw.data(), raw.size(), metadata_json);
    }

    /** Reads a range of a snapshot: all of it, or an error; a hole is range_missing. Throws lode::error. */
    void read_at(const snapshot &from, std::uint64_t offset, void *to, std::size_t length,
                 const read_options &options = {}) const
    {
        try_read_at(from, offset, to, length, options).value();
    }
    /** As read_at, with the error in the result. */
    result<void> try_read_at(const snapshot &from, std::uint64_t offset, void *to, std::size_t length,
                             const read_options &options = {}) const
    {
        const lode_read_options c = detail::to_lode(options);
        return detail::run(lode_volume_read_at, get(), from.get(), offset, to, length, &c);
    }

    /** Checks all blocks of one snapshot; verify checks the whole history. Throws lode::error. */
    void verify_snapshot(const snapshot &of, const read_options &options = {}) const
    {
        try_verify_snapshot(of, options).value();
    }
    /** As verify_snapshot, with the error in the result. */
    result<void> try_verify_snapshot(const snapshot &of, const read_options &options = {}) const
    {
        const lode_read_options c = detail::to_lode(options);
        return detail::run(lode_volume_verify_snapshot, get(), of.get(), &c);
    }
};

} // namespace lode

#endif
