/**
 * @file
 * Readers of records and of raw blobs. Part of lode.hpp.
 */
#ifndef LODE_READER_HPP
#define LODE_READER_HPP

#include <lode/snapshot.hpp>

#include <streambuf>
#include <vector>

namespace lode {

/** What a reader checks. */
enum class verify : std::int32_t {
    streaming = LODE_VERIFY_STREAMING, /**< Files as they stream: the verdict comes with the end. */
    first = LODE_VERIFY_FIRST,         /**< The manifest, and each file as a whole before its first record. */
    sizes = LODE_VERIFY_SIZES,         /**< Sizes only. */
};

/** How to read a snapshot. */
struct read_options {
    lode::deadline deadline{};                       /**< Of each call on the reader, from its own start. */
    const cancel_token *cancel = nullptr;            /**< Ends every call when cancelled; the reader keeps a hold. */
    lode::verify verify = lode::verify::streaming;   /**< What to check. */
};

namespace detail {

inline lode_read_options to_lode(const read_options &options) noexcept
{
    lode_read_options c = LODE_READ_OPTIONS_INIT;
    c.deadline_ms = options.deadline.milliseconds();
    c.cancel = options.cancel == nullptr ? nullptr : options.cancel->get();
    c.verify = static_cast<std::int32_t>(options.verify);
    return c;
}

} // namespace detail

/** The records of one step of record_reader::next_batch. Its views live until the reader's next call. */
class record_batch {
public:
    /** Room for so many records, at least one. */
    explicit record_batch(std::size_t capacity = 256) : records_(capacity == 0 ? 1 : capacity) {}

    /** How many records there are. */
    std::size_t size() const noexcept { return count_; }
    /** One of them, by its place, which must be below size(). */
    std::string_view operator[](std::size_t index) const noexcept { return detail::view(records_[index]); }

private:
    friend class record_reader;
    std::vector<lode_bytes> records_;
    std::size_t count_ = 0;
};

/**
 * Streams records, in bounded memory: `for (std::string_view record : dataset.read(snapshot))`. It belongs to
 * one thread at a time. A loop that ends without an exception has read all that was to be verified.
 */
class record_reader : public detail::handle<lode_record_reader, lode_record_reader_free> {
public:
    /** A record, valid until the next step. */
    using iterator = detail::input_iterator<record_reader, const std::string_view &>;

    /** Takes ownership of a reader of lode.h. */
    explicit record_reader(lode_record_reader *raw) noexcept : handle(raw) {}

    /** The next record, valid until the next call; none at the end. Throws lode::error. */
    std::optional<std::string_view> next() { return try_next().value(); }
    /** As next, with the error in the result. */
    result<std::optional<std::string_view>> try_next()
    {
        lode_bytes record = {nullptr, 0};
        auto got = detail::call(lode_record_reader_next, get(), &record);
        if (!got) {
            return got.error();
        }
        return *got == status::item ? std::optional<std::string_view>(detail::view(record))
                                    : std::optional<std::string_view>();
    }

    /**
     * The next records, as many as are at hand; whether there are any: not at the end. Throws lode::error.
     */
    bool next_batch(record_batch &batch) { return try_next_batch(batch).value(); }
    /** As next_batch, with the error in the result. */
    result<bool> try_next_batch(record_batch &batch)
    {
        batch.count_ = 0;
        auto got = detail::call(lode_record_reader_next_batch, get(), batch.records_.data(), batch.records_.size(),
                                &batch.count_);
        return got ? result<bool>(*got == status::item) : result<bool>(got.error());
    }

    /** Where it has come to: dataset::read_since goes on after the last record given. Throws lode::error. */
    std::string position() const { return try_position().value(); }
    /** As position, with the error in the result. */
    result<std::string> try_position() const
    {
        const char *position = nullptr;
        auto got = detail::call(lode_record_reader_get_position, get(), &position);
        return got ? result<std::string>(std::string(detail::view(position))) : result<std::string>(got.error());
    }

    /** Writes the records that are left to a file descriptor, each with a line break. Throws lode::error. */
    void read_to_fd(int fd) { try_read_to_fd(fd).value(); }
    /** As read_to_fd, with the error in the result. */
    result<void> try_read_to_fd(int fd) { return detail::run(lode_record_reader_read_to_fd, get(), fd); }

    /** The next record and those after it. Throws lode::error. */
    iterator begin() { return iterator(*this); }
    /** The end. */
    iterator end() noexcept { return {}; }

    /** @cond */
    bool fetch()
    {
        const auto got = next();
        current_ = got.value_or(std::string_view());
        return got.has_value();
    }
    const std::string_view &current() const noexcept { return current_; }
    /** @endcond */

private:
    std::string_view current_;
};

/** Reads the bytes of a raw blob, as a stream and by range. It belongs to one thread at a time. */
class blob_reader : public detail::handle<lode_blob_reader, lode_blob_reader_free> {
public:
    /** Takes ownership of a reader of lode.h. */
    explicit blob_reader(lode_blob_reader *raw) noexcept : handle(raw) {}

    /** The next bytes of the stream, as many as there is room for; 0 at the end. Throws lode::error. */
    std::size_t read(void *to, std::size_t capacity) { return try_read(to, capacity).value(); }
    /** As read, with the error in the result. */
    result<std::size_t> try_read(void *to, std::size_t capacity)
    {
        std::size_t len = 0;
        auto got = detail::call(lode_blob_reader_read, get(), to, capacity, &len);
        return got ? result<std::size_t>(len) : result<std::size_t>(got.error());
    }

    /** The bytes from an offset on; 0 at the end and beyond. The stream does not move. Throws lode::error. */
    std::size_t read_at(std::uint64_t offset, void *to, std::size_t capacity)
    {
        return try_read_at(offset, to, capacity).value();
    }
    /** As read_at, with the error in the result. */
    result<std::size_t> try_read_at(std::uint64_t offset, void *to, std::size_t capacity)
    {
        std::size_t len = 0;
        auto got = detail::call(lode_blob_reader_read_at, get(), offset, to, capacity, &len);
        return got ? result<std::size_t>(len) : result<std::size_t>(got.error());
    }

    /** Writes the bytes that are left to a file descriptor. Throws lode::error. */
    void read_to_fd(int fd) { try_read_to_fd(fd).value(); }
    /** As read_to_fd, with the error in the result. */
    result<void> try_read_to_fd(int fd) { return detail::run(lode_blob_reader_read_to_fd, get(), fd); }
};

/**
 * A blob reader as a std::streambuf: `std::istream in(&buffer);`. It does not seek.
 *
 * A read that fails throws lode::error, which a std::istream turns into badbit, unless its
 * exceptions(std::ios::badbit) are on; failure() has it either way. The verdict of the checksum comes with
 * the end: a stream that ended without badbit is verified.
 */
class blob_reader_streambuf : public std::streambuf {
public:
    /** Reads from this reader, through a buffer of its own of so many bytes. */
    explicit blob_reader_streambuf(blob_reader reader, std::size_t capacity = std::size_t{1} << 16)
        : reader_(std::move(reader)), buffer_(capacity == 0 ? 1 : capacity)
    {
    }

    /** The error that ended the stream; none if none did. */
    const std::optional<error> &failure() const noexcept { return failure_; }

protected:
    /** @cond */
    int_type underflow() override
    {
        if (gptr() < egptr()) {
            return traits_type::to_int_type(*gptr());
        }
        auto got = reader_.try_read(buffer_.data(), buffer_.size());
        if (!got) {
            failure_ = got.error();
            detail::raise(got.error());
        }
        setg(buffer_.data(), buffer_.data(), buffer_.data() + *got);
        return *got == 0 ? traits_type::eof() : traits_type::to_int_type(*gptr());
    }
    /** @endcond */

private:
    blob_reader reader_;
    std::vector<char> buffer_;
    std::optional<error> failure_;
};

} // namespace lode

#endif
