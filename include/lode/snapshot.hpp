/**
 * @file
 * Snapshots and iterators over them, over texts, and bytes that a call has read. Part of lode.hpp.
 */
#ifndef LODE_SNAPSHOT_HPP
#define LODE_SNAPSHOT_HPP

#include <lode/handle.hpp>

#include <iterator>

namespace lode {

/** How far a producer had come with a snapshot. */
struct producer_position {
    std::uint64_t sequence; /**< The highest sequence that is committed. */
    std::string position;   /**< The position that came with it. */
};

/** One data file of a snapshot. Its views live as long as the snapshot. */
struct data_file {
    std::string_view path;                     /**< Its key in the store. */
    std::optional<std::string_view> location;  /**< Where another program finds it, if there is such a place. */
    std::optional<std::string_view> checksum;  /**< Of the stored bytes, in lower-case hex. */
    std::int64_t size;                         /**< In bytes, as stored. */
    std::optional<std::int64_t> row_count;     /**< How many records it holds, if the manifest says. */
};

/** One block of a volume's snapshot. Its views live as long as the snapshot. */
struct block_file {
    std::uint64_t offset;                     /**< Where it begins, in bytes. */
    std::uint64_t length;                     /**< In bytes. */
    std::string_view path;                    /**< Its key in the store. */
    std::optional<std::string_view> location; /**< Where another program finds it, if there is such a place. */
    std::optional<std::string_view> checksum; /**< Of its bytes, in lower-case hex. */
};

/** A range of a volume that no block covers. */
struct gap {
    std::uint64_t offset; /**< Where it begins, in bytes. */
    std::uint64_t length; /**< In bytes. */
};

/**
 * A committed snapshot: what its manifest says. It never changes; threads may share it. The views that it
 * gives live as long as it does. One that was moved from gives empty views and 0.
 */
class snapshot : public detail::handle<lode_snapshot, lode_snapshot_free> {
public:
    /** Takes ownership of a snapshot of lode.h. */
    explicit snapshot(lode_snapshot *raw) noexcept : handle(raw) {}

    /** Its id. Ids of one dataset, compared as bytes, stand in the order of its history. */
    std::string_view id() const noexcept { return detail::view(lode_snapshot_id(get())); }
    /** The dataset's id. */
    std::string_view dataset_id() const noexcept { return detail::view(lode_snapshot_dataset_id(get())); }
    /** The id of the snapshot before it; none for the first. */
    std::optional<std::string_view> parent_id() const noexcept
    {
        return detail::optional_view(lode_snapshot_parent_id(get()));
    }
    /** When it was committed, by the writer's clock. */
    timestamp created_at() const noexcept
    {
        return detail::optional_timestamp(lode_snapshot_created_at(get())).value_or(timestamp());
    }
    /** How many records it holds; a raw blob counts 1. */
    std::int64_t row_count() const noexcept { return get() == nullptr ? 0 : lode_snapshot_row_count(get()); }
    /** The earliest time of a record, if one had a time. */
    std::optional<timestamp> min_timestamp() const noexcept
    {
        return detail::optional_timestamp(lode_snapshot_min_timestamp(get()));
    }
    /** The latest time of a record, if one had a time. */
    std::optional<timestamp> max_timestamp() const noexcept
    {
        return detail::optional_timestamp(lode_snapshot_max_timestamp(get()));
    }
    /** The codec's name in the manifest; none for a raw blob. */
    std::optional<std::string_view> codec() const noexcept { return detail::optional_view(lode_snapshot_codec(get())); }
    /** The compressor's name in the manifest. */
    std::string_view compressor() const noexcept { return detail::view(lode_snapshot_compressor(get())); }
    /** The metadata of the commit, one JSON object. */
    std::string_view metadata_json() const noexcept { return detail::view(lode_snapshot_metadata_json(get())); }
    /** The whole manifest as it is stored. */
    std::string_view manifest_json() const noexcept { return detail::view(lode_snapshot_manifest_json(get())); }
    /** How many data files it has. */
    std::size_t file_count() const noexcept { return lode_snapshot_file_count(get()); }
    /** A data file, by its place in the manifest; none if there is no such place. */
    std::optional<data_file> file(std::size_t index) const noexcept
    {
        if (index >= file_count()) {
            return std::nullopt;
        }
        const std::int64_t rows = lode_snapshot_file_row_count(get(), index);
        return data_file{detail::view(lode_snapshot_file_path(get(), index)),
                         detail::optional_view(lode_snapshot_file_location(get(), index)),
                         detail::optional_view(lode_snapshot_file_checksum(get(), index)),
                         lode_snapshot_file_size(get(), index),
                         rows < 0 ? std::optional<std::int64_t>() : std::optional<std::int64_t>(rows)};
    }

    /** How long the address space is, in bytes, if this is a volume's; 0 for a dataset's. */
    std::uint64_t total_length() const noexcept { return lode_snapshot_total_length(get()); }
    /** How many blocks it has, those of its parent included; 0 for a dataset's. */
    std::size_t block_count() const noexcept { return lode_snapshot_block_count(get()); }
    /** A block, by its place in the order of offsets; none if there is no such place. */
    std::optional<block_file> block(std::size_t index) const noexcept
    {
        if (index >= block_count()) {
            return std::nullopt;
        }
        return block_file{lode_snapshot_block_offset(get(), index), lode_snapshot_block_length(get(), index),
                          detail::view(lode_snapshot_block_path(get(), index)),
                          detail::optional_view(lode_snapshot_block_location(get(), index)),
                          detail::optional_view(lode_snapshot_block_checksum(get(), index))};
    }
    /**
     * The first range at or after an offset that no block covers; none if the rest is complete. Throws
     * lode::error.
     */
    std::optional<gap> next_gap(std::uint64_t from = 0) const { return try_next_gap(from).value(); }
    /** As next_gap, with the error in the result. */
    result<std::optional<gap>> try_next_gap(std::uint64_t from = 0) const
    {
        gap found{0, 0};
        auto got = detail::call(lode_snapshot_next_gap, get(), from, &found.offset, &found.length);
        if (!got) {
            return got.error();
        }
        return *got == status::item ? std::optional<gap>(found) : std::optional<gap>();
    }

    /**
     * How far a producer had come with it; none if nothing is remembered of that producer. Throws
     * lode::error.
     */
    std::optional<producer_position> find_producer(const text &producer_id) const
    {
        return try_find_producer(producer_id).value();
    }
    /** As find_producer, with the error in the result. */
    result<std::optional<producer_position>> try_find_producer(const text &producer_id) const
    {
        std::uint64_t sequence = 0;
        const char *position = nullptr;
        auto got = detail::call(lode_snapshot_find_producer, get(), producer_id, &sequence, &position);
        if (!got) {
            return got.error();
        }
        return *got == status::none
                   ? std::optional<producer_position>()
                   : std::optional<producer_position>({sequence, std::string(detail::view(position))});
    }
};

/** A snapshot that a commit has given, and how the commit went. */
class committed_snapshot : public snapshot {
public:
    /** A snapshot, and the status of the commit that gave it. */
    committed_snapshot(snapshot committed, lode::status status) noexcept
        : snapshot(std::move(committed)), status_(status)
    {
    }

    /** ok, already_committed, committed_unpublished or committed_beside_foreign. */
    lode::status status() const noexcept { return status_; }
    /** Whether the producer's sequence was committed before, and nothing was written. */
    bool already_committed() const noexcept { return status_ == lode::status::already_committed; }

private:
    lode::status status_;
};

/** Bytes that a call has read. Threads may share it. */
class buffer : public detail::handle<lode_buffer, lode_buffer_free> {
public:
    /** Takes ownership of a buffer of lode.h. */
    explicit buffer(lode_buffer *raw) noexcept : handle(raw) {}

    /** The bytes; they live as long as the buffer. */
    std::string_view view() const noexcept
    {
        return {reinterpret_cast<const char *>(lode_buffer_data(get())), lode_buffer_len(get())};
    }
};

namespace detail {

/**
 * What an iterator keeps of its call's options: the progress function. A base before the handle, to outlive
 * it.
 */
class kept_options {
public:
    /** @cond */
    void keep(std::unique_ptr<c_call_options> options) noexcept { options_ = std::move(options); }
    /** @endcond */

protected:
    void rethrow() const
    {
        if (options_) {
            options_->rethrow(true);
        }
    }

private:
    std::unique_ptr<c_call_options> options_;
};

/** What `for` needs of something whose items come one at a time: an input iterator over Source::fetch(). */
template <class Source, class Reference>
class input_iterator {
public:
    /** @cond */
    using iterator_category = std::input_iterator_tag;
    using value_type = std::remove_reference_t<Reference>;
    using difference_type = std::ptrdiff_t;
    using pointer = std::remove_reference_t<Reference> *;
    using reference = Reference;
    /** @endcond */

    /** The end. */
    input_iterator() noexcept = default;
    /** The next item of the source, or the end. Throws lode::error. */
    explicit input_iterator(Source &source) : source_(&source) { ++*this; }

    /** The current item; valid until the next step. */
    Reference operator*() const noexcept { return source_->current(); }
    /** The current item; valid until the next step. */
    auto operator->() const noexcept { return &source_->current(); }
    /** Steps to the next item, or to the end. Throws lode::error. */
    input_iterator &operator++()
    {
        if (!source_->fetch()) {
            source_ = nullptr;
        }
        return *this;
    }
    /** Steps; what it was before cannot be had any more. */
    void operator++(int) { ++*this; }
    /** Whether both are at the end, or neither is. */
    friend bool operator==(const input_iterator &a, const input_iterator &b) noexcept { return a.source_ == b.source_; }
    /** Whether one is at the end and the other is not. */
    friend bool operator!=(const input_iterator &a, const input_iterator &b) noexcept { return !(a == b); }

private:
    Source *source_ = nullptr;
};

} // namespace detail

/**
 * Texts that a call lists, one at a time: `for (std::string_view key : store.list(""))`. It belongs to one
 * thread at a time.
 */
class string_iterator : public detail::kept_options,
                        public detail::handle<lode_string_iterator, lode_string_iterator_free> {
public:
    /** An item, valid until the next step. */
    using iterator = detail::input_iterator<string_iterator, const std::string_view &>;

    /** Takes ownership of an iterator of lode.h. */
    explicit string_iterator(lode_string_iterator *raw) noexcept : handle(raw) {}

    /** The next text, valid until the next call; none at the end. Throws lode::error. */
    std::optional<std::string_view> next() { return try_next().value(); }
    /** As next, with the error in the result. */
    result<std::optional<std::string_view>> try_next()
    {
        const char *key = nullptr;
        auto got = detail::call(lode_string_iterator_next, get(), &key);
        if (!got) {
            rethrow();
            return got.error();
        }
        return detail::optional_view(key);
    }

    /** The next text and those after it. Throws lode::error. */
    iterator begin() { return iterator(*this); }
    /** The end. */
    iterator end() noexcept { return {}; }

    /** @cond */
    bool fetch()
    {
        auto got = next();
        current_ = got.value_or(std::string_view());
        return got.has_value();
    }
    const std::string_view &current() const noexcept { return current_; }
    /** @endcond */

private:
    std::string_view current_;
};

/**
 * Snapshots of a dataset, in order: `for (lode::snapshot &s : dataset.list_snapshots())`. Each may be moved
 * out. It belongs to one thread at a time.
 */
class snapshot_iterator : public detail::kept_options,
                          public detail::handle<lode_snapshot_iterator, lode_snapshot_iterator_free> {
public:
    /** An item, valid until the next step; it may be moved from. */
    using iterator = detail::input_iterator<snapshot_iterator, snapshot &>;

    /** Takes ownership of an iterator of lode.h. */
    explicit snapshot_iterator(lode_snapshot_iterator *raw) noexcept : handle(raw) {}

    /** The next snapshot; none at the end. Throws lode::error. */
    std::optional<snapshot> next() { return try_next().value(); }
    /** As next, with the error in the result. */
    result<std::optional<snapshot>> try_next()
    {
        lode_snapshot *given = nullptr;
        auto got = detail::call(lode_snapshot_iterator_next, get(), &given);
        if (!got) {
            rethrow();
            return got.error();
        }
        return given == nullptr ? std::optional<snapshot>() : std::optional<snapshot>(snapshot(given));
    }

    /** The next snapshot and those after it. Throws lode::error. */
    iterator begin() { return iterator(*this); }
    /** The end. */
    iterator end() noexcept { return {}; }

    /** @cond */
    bool fetch()
    {
        auto got = next();
        current_ = got ? std::move(*got) : snapshot(nullptr);
        return got.has_value();
    }
    snapshot &current() noexcept { return current_; }
    /** @endcond */

private:
    snapshot current_{nullptr};
};

namespace detail {

/** Makes a handle by a call that blocks. */
template <class Handle, class F, class... Arguments>
result<Handle> make_within(const call_options &options, F function, const Arguments &...arguments)
{
    const c_call_options c(options);
    auto made = make<Handle>(function, arguments..., c.get());
    c.rethrow(!made);
    return made;
}

/** Makes an iterator, which keeps the progress function: each of its steps may call it. */
template <class Iterator, class F, class... Arguments>
result<Iterator> make_iterator(const call_options &options, F function, const Arguments &...arguments)
{
    auto c = std::make_unique<c_call_options>(options);
    auto made = make<Iterator>(function, arguments..., c->get());
    c->rethrow(!made);
    if (made && options.progress) {
        made->keep(std::move(c));
    }
    return made;
}

/** Calls a function that commits, its outputs snapshot and error last. */
template <class F, class... Arguments>
result<committed_snapshot> commit(const commit_options &options, F function, const Arguments &...arguments)
{
    const c_commit_options c(options);
    lode_snapshot *made = nullptr;
    auto got = call(function, arguments..., c, &made);
    c.rethrow(!got);
    if (!got) {
        return got.error();
    }
    return committed_snapshot(snapshot(made), *got);
}

} // namespace detail

} // namespace lode

#endif
