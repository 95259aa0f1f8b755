/**
 * @file
 * Writers, which take records or bytes as the program has them. Part of lode.hpp.
 */
#ifndef LODE_WRITER_HPP
#define LODE_WRITER_HPP

#include <lode/part.hpp>

#include <streambuf>
#include <vector>

namespace lode {

/** What a record writer does with a record that is invalid or too large. */
enum class bad_records : std::int32_t {
    fail = LODE_BAD_RECORD_FAIL, /**< It fails its append; the writer stays usable. */
    skip = LODE_BAD_RECORD_SKIP, /**< It is left out and counted. */
};

/** How a record writer behaves. */
struct record_writer_options {
    lode::bad_records bad_records = lode::bad_records::fail; /**< What becomes of bad records. */
    bool early_writeback = false; /**< Whether full pieces begin their way to the disk as they are appended. */
};

/** How a blob writer behaves. */
struct blob_writer_options {
    bool early_writeback = false; /**< Whether full pieces begin their way to the disk as they are written. */
};

/**
 * Takes records as the program has them, and commits them as one snapshot. It belongs to one thread at a
 * time: a second call at once is refused with lode::status::state. After a commit that failed the records are
 * kept, and the commit may be repeated. Destroying it discards what is not committed.
 */
class record_writer : public detail::handle<lode_record_writer, lode_record_writer_free> {
public:
    /** Takes ownership of a writer of lode.h. */
    explicit record_writer(lode_record_writer *raw) noexcept : handle(raw) {}

    /**
     * Adds one record: exactly one JSON document. After invalid_record, record_too_large and no_space the
     * writer stays usable, and nothing of that record is in. Throws lode::error.
     */
    void append(std::string_view record, std::optional<timestamp> time = std::nullopt)
    {
        try_append(record, time).value();
    }
    /** As append, with the error in the result. */
    result<void> try_append(std::string_view record, std::optional<timestamp> time = std::nullopt)
    {
        const std::int64_t nanos = detail::unix_nanos(time);
        return detail::run(lode_record_writer_append, get(), record.data(), record.size(), time ? &nanos : nullptr);
    }

    /**
     * Adds records that lie one after the other in one buffer, with nothing between them.
     * @param data the records.
     * @param lengths the length of each, in bytes.
     * @param count how many.
     * @param taken output, on failure too: how many were dealt with; record number `taken` is the bad one.
     * @param unix_nanos the time of each, LODE_NO_TIMESTAMP for none; NULL: none has one.
     * Throws lode::error.
     */
    void append_batch(std::string_view data, const std::size_t *lengths, std::size_t count, std::size_t &taken,
                      const std::int64_t *unix_nanos = nullptr)
    {
        try_append_batch(data, lengths, count, taken, unix_nanos).value();
    }
    /** As append_batch, with the error in the result. */
    result<void> try_append_batch(std::string_view data, const std::size_t *lengths, std::size_t count,
                                  std::size_t &taken, const std::int64_t *unix_nanos = nullptr)
    {
        std::size_t total = 0;
        taken = 0;
        for (std::size_t i = 0; i < count; i++) {
            if (lengths[i] > data.size() - total) {
                return error(status::invalid_argument, "append_batch: the lengths add up to more than there is data");
            }
            total += lengths[i];
        }
        return detail::run(lode_record_writer_append_batch, get(), data.data(), lengths, unix_nanos, count, &taken);
    }

    /**
     * Adds records that lie anywhere.
     * @param records the records.
     * @param count how many.
     * @param taken output, on failure too: how many were dealt with; record number `taken` is the bad one.
     * @param unix_nanos the time of each, LODE_NO_TIMESTAMP for none; NULL: none has one.
     * Throws lode::error.
     */
    void append_records(const std::string_view *records, std::size_t count, std::size_t &taken,
                        const std::int64_t *unix_nanos = nullptr)
    {
        try_append_records(records, count, taken, unix_nanos).value();
    }
    /** As append_records, with the error in the result. */
    result<void> try_append_records(const std::string_view *records, std::size_t count, std::size_t &taken,
                                    const std::int64_t *unix_nanos = nullptr)
    {
        constexpr std::size_t most = 64;
        lode_bytes places[most];
        taken = 0;
        do {
            const std::size_t some = count - taken < most ? count - taken : most;
            for (std::size_t i = 0; i < some; i++) {
                const std::string_view &record = records[taken + i];
                places[i] = {reinterpret_cast<const std::uint8_t *>(record.data()), record.size()};
            }
            std::size_t of_some = 0;
            auto outcome = detail::run(lode_record_writer_append_records, get(), places,
                                       unix_nanos == nullptr ? nullptr : unix_nanos + taken, some, &of_some);
            taken += of_some;
            if (!outcome) {
                return outcome;
            }
        } while (taken < count);
        return {};
    }

    /**
     * Adds the whole lines of a buffer, one record each; blank lines are none. What follows the last line
     * break is left.
     * @param data the lines.
     * @param consumed output, on failure too: how many bytes were dealt with; the bad line begins there.
     * Throws lode::error.
     */
    void append_lines(std::string_view data, std::size_t &consumed) { try_append_lines(data, consumed).value(); }
    /** As append_lines, with the error in the result. */
    result<void> try_append_lines(std::string_view data, std::size_t &consumed)
    {
        return detail::run(lode_record_writer_append_lines, get(), data.data(), data.size(), &consumed);
    }

    /** Adds the lines that a file descriptor gives until its end. Throws lode::error. */
    void append_from_fd(int fd, const call_options &options = {}) { try_append_from_fd(fd, options).value(); }
    /** As append_from_fd, with the error in the result. */
    result<void> try_append_from_fd(int fd, const call_options &options = {})
    {
        const detail::c_call_options c(options);
        auto got = detail::run(lode_record_writer_append_from_fd, get(), fd, c.get());
        c.rethrow(!got);
        return got;
    }

    /**
     * Adds the rows of an Arrow array of structs, each field a column of the dataset's schema. Feature
     * "parquet".
     * @param array the rows. It is moved out: its `release` is NULL afterwards, with any outcome.
     * @param schema the array's type, borrowed for the call.
     * @param taken output, on failure too: how many rows are in.
     * Throws lode::error.
     */
    void append_arrow(ArrowArray &array, const ArrowSchema &schema, std::size_t &taken)
    {
        try_append_arrow(array, schema, taken).value();
    }
    /** As append_arrow, with the error in the result. */
    result<void> try_append_arrow(ArrowArray &array, const ArrowSchema &schema, std::size_t &taken)
    {
        return detail::run(lode_record_writer_append_arrow, get(), &array, &schema, &taken);
    }

    /** How many records are in; -1 while another call uses the writer. */
    std::int64_t record_count() const noexcept { return lode_record_writer_record_count(get()); }
    /** How many bad records were left out; -1 while another call uses the writer. */
    std::int64_t skipped_count() const noexcept { return lode_record_writer_skipped_count(get()); }
    /** How many bytes the records have; -1 while another call uses the writer. */
    std::int64_t byte_count() const noexcept { return lode_record_writer_byte_count(get()); }

    /** Commits the records as one snapshot: all of them, durably, or none. Throws lode::error. */
    committed_snapshot commit(const text &metadata_json, const commit_options &options = {})
    {
        return try_commit(metadata_json, options).value();
    }
    /** As commit, with the error in the result. */
    result<committed_snapshot> try_commit(const text &metadata_json, const commit_options &options = {})
    {
        return detail::commit(options, lode_record_writer_commit, get(), metadata_json);
    }

    /** Makes the records durable as a part, instead of committing them. Throws lode::error. */
    part stage(const call_options &options = {}) { return try_stage(options).value(); }
    /** As stage, with the error in the result. */
    result<part> try_stage(const call_options &options = {})
    {
        return detail::make_within<part>(options, lode_record_writer_stage, get());
    }

    /** Gives the records up and removes what was staged. Throws lode::error. */
    void abort() { try_abort().value(); }
    /** As abort, with the error in the result. */
    result<void> try_abort() { return detail::run(lode_record_writer_abort, get()); }
};

/** Takes the bytes of a raw blob, and commits them as one snapshot. Else as record_writer. */
class blob_writer : public detail::handle<lode_blob_writer, lode_blob_writer_free> {
public:
    /** Takes ownership of a writer of lode.h. */
    explicit blob_writer(lode_blob_writer *raw) noexcept : handle(raw) {}

    /** Adds bytes at the end; after no_space the same call may be made again. Throws lode::error. */
    void write(std::string_view bytes) { try_write(bytes).value(); }
    /** As write, with the error in the result. */
    result<void> try_write(std::string_view bytes)
    {
        return detail::run(lode_blob_writer_write, get(), bytes.data(), bytes.size());
    }

    /** Adds the bytes that a file descriptor gives until its end. Throws lode::error. */
    void write_from_fd(int fd, const call_options &options = {}) { try_write_from_fd(fd, options).value(); }
    /** As write_from_fd, with the error in the result. */
    result<void> try_write_from_fd(int fd, const call_options &options = {})
    {
        const detail::c_call_options c(options);
        auto got = detail::run(lode_blob_writer_write_from_fd, get(), fd, c.get());
        c.rethrow(!got);
        return got;
    }

    /** Commits the bytes as one snapshot: all of them, durably, or none. Throws lode::error. */
    committed_snapshot commit(const text &metadata_json, const commit_options &options = {})
    {
        return try_commit(metadata_json, options).value();
    }
    /** As commit, with the error in the result. */
    result<committed_snapshot> try_commit(const text &metadata_json, const commit_options &options = {})
    {
        return detail::commit(options, lode_blob_writer_commit, get(), metadata_json);
    }

    /** Makes the bytes durable as a part, instead of committing them. Throws lode::error. */
    part stage(const call_options &options = {}) { return try_stage(options).value(); }
    /** As stage, with the error in the result. */
    result<part> try_stage(const call_options &options = {})
    {
        return detail::make_within<part>(options, lode_blob_writer_stage, get());
    }

    /** Gives the bytes up and removes what was staged. Throws lode::error. */
    void abort() { try_abort().value(); }
    /** As abort, with the error in the result. */
    result<void> try_abort() { return detail::run(lode_blob_writer_abort, get()); }
};

/**
 * A blob writer as a std::streambuf: `std::ostream out(&buffer);`, and at the end buffer.commit.
 *
 * A write that fails throws lode::error, which a std::ostream turns into badbit, unless its
 * exceptions(std::ios::badbit) are on. Either way the commit is refused with the same error: a blob with a
 * gap is never committed.
 */
class blob_writer_streambuf : public std::streambuf {
public:
    /** Writes to this writer, through a buffer of its own of so many bytes. */
    explicit blob_writer_streambuf(blob_writer writer, std::size_t capacity = std::size_t{1} << 16)
        : writer_(std::move(writer)), buffer_(capacity == 0 ? 1 : capacity)
    {
        setp(buffer_.data(), buffer_.data() + buffer_.size());
    }

    /** Commits what was written, as blob_writer::commit. Throws lode::error. */
    committed_snapshot commit(const text &metadata_json, const commit_options &options = {})
    {
        return try_commit(metadata_json, options).value();
    }
    /** As commit, with the error in the result. */
    result<committed_snapshot> try_commit(const text &metadata_json, const commit_options &options = {})
    {
        auto flushed = flush();
        return flushed ? writer_.try_commit(metadata_json, options) : result<committed_snapshot>(flushed.error());
    }
    /** Gives the bytes up. Throws lode::error. */
    void abort() { writer_.abort(); }
    /** The error that made bytes get lost; none if all went well. */
    const std::optional<error> &failure() const noexcept { return failure_; }

protected:
    /** @cond */
    int_type overflow(int_type next) override
    {
        flush().value();
        if (!traits_type::eq_int_type(next, traits_type::eof())) {
            *pptr() = traits_type::to_char_type(next);
            pbump(1);
        }
        return traits_type::not_eof(next);
    }

    std::streamsize xsputn(const char *bytes, std::streamsize count) override
    {
        const auto len = static_cast<std::size_t>(count);
        if (len < static_cast<std::size_t>(epptr() - pptr())) {
            std::memcpy(pptr(), bytes, len);
            pbump(static_cast<int>(count));
            return count;
        }
        flush().value();
        kept(writer_.try_write({bytes, len})).value();
        return count;
    }

    int sync() override
    {
        flush().value();
        return 0;
    }
    /** @endcond */

private:
    result<void> kept(result<void> written)
    {
        if (!written) {
            failure_ = written.error();
        }
        return written;
    }

    result<void> flush()
    {
        if (failure_) {
            return *failure_;
        }
        if (pptr() == pbase()) {
            return {};
        }
        auto written = kept(writer_.try_write({pbase(), static_cast<std::size_t>(pptr() - pbase())}));
        if (written) {
            setp(buffer_.data(), buffer_.data() + buffer_.size());
        }
        return written;
    }

    blob_writer writer_;
    std::vector<char> buffer_;
    std::optional<error> failure_;
};

} // namespace lode

#endif
