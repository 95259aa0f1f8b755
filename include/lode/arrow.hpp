/**
 * @file
 * Snapshots as Arrow streams, by the structs of the Arrow C interfaces. Part of lode.hpp.
 */
#ifndef LODE_ARROW_HPP
#define LODE_ARROW_HPP

#include <lode/reader.hpp>

namespace lode {

/** How a column compares with a value. */
enum class compare : std::int32_t {
    equal = LODE_COMPARE_EQUAL,                       /**< It equals the value. */
    not_equal = LODE_COMPARE_NOT_EQUAL,               /**< It has a value and does not equal it. */
    less = LODE_COMPARE_LESS,                         /**< It is less than the value. */
    less_or_equal = LODE_COMPARE_LESS_OR_EQUAL,       /**< It is less than the value or equals it. */
    greater = LODE_COMPARE_GREATER,                   /**< It is greater than the value. */
    greater_or_equal = LODE_COMPARE_GREATER_OR_EQUAL, /**< It is greater than the value or equals it. */
};

/** A comparison of a column with a value. A null satisfies none. */
struct comparison {
    std::string column;      /**< The column's name. */
    compare operation;       /**< How it compares. */
    std::string value_json;  /**< The value as JSON; a timestamp is compared with a string, as RFC 3339. */
};

/** How to read a snapshot as an Arrow stream. */
struct arrow_read_options {
    lode::deadline deadline{};                     /**< Of each call on the stream, from its own start. */
    const cancel_token *cancel = nullptr;          /**< Ends every call when cancelled; the stream keeps a hold. */
    lode::verify verify = lode::verify::streaming; /**< What to check. */
    std::vector<std::string> columns{};            /**< The columns, in this order; empty: all. */
    /** Row groups in which no row can satisfy all of these are left out. Rows are not filtered. */
    std::vector<comparison> comparisons{};
    std::int32_t batch_rows = 0; /**< The most rows of a batch; 0: 65,536. */
};

/**
 * Owns an ArrowArrayStream, which belongs to one thread at a time.
 * `arrow::ImportRecordBatchReader(stream.get())` and what else takes a stream moves it out; what is left is
 * released with this.
 */
class arrow_stream {
public:
    /** None, to be filled through get(). */
    arrow_stream() noexcept = default;
    /** Takes a stream over, whose `release` is NULL afterwards. */
    explicit arrow_stream(ArrowArrayStream &from) noexcept : stream_(from) { from.release = nullptr; }
    /** Moving leaves none. */
    arrow_stream(arrow_stream &&other) noexcept : arrow_stream(other.stream_) {}
    /** Moving leaves none. */
    arrow_stream &operator=(arrow_stream &&other) noexcept
    {
        std::swap(stream_, other.stream_);
        return *this;
    }
    arrow_stream(const arrow_stream &) = delete;
    arrow_stream &operator=(const arrow_stream &) = delete;
    ~arrow_stream()
    {
        if (*this) {
            stream_.release(&stream_);
        }
    }

    /** The stream, for what moves it out, or calls it. */
    ArrowArrayStream *get() noexcept { return &stream_; }
    /** Whether there is a stream. */
    explicit operator bool() const noexcept { return stream_.release != nullptr; }

private:
    ArrowArrayStream stream_ = {};
};

namespace detail {

/** Releases what a call of lode.h was not reached with: lode.hpp itself has refused an argument. */
template <class Struct>
class released_at_end {
public:
    explicit released_at_end(Struct &owned) noexcept : owned_(owned) {}
    released_at_end(const released_at_end &) = delete;
    released_at_end &operator=(const released_at_end &) = delete;
    ~released_at_end()
    {
        if (owned_.release != nullptr) {
            owned_.release(&owned_);
            owned_.release = nullptr;
        }
    }

private:
    Struct &owned_;
};

/** lode_read_options with its columns and comparisons, for one call. */
class c_arrow_read_options {
public:
    explicit c_arrow_read_options(const arrow_read_options &options)
    {
        options_.deadline_ms = options.deadline.milliseconds();
        options_.cancel = options.cancel == nullptr ? nullptr : options.cancel->get();
        options_.verify = static_cast<std::int32_t>(options.verify);
        options_.batch_rows = options.batch_rows;
        for (const std::string &column : options.columns) {
            columns_.push_back(c_text(column));
        }
        for (const comparison &one : options.comparisons) {
            comparisons_.push_back(
                {c_text(one.column), c_text(one.value_json), static_cast<std::int32_t>(one.operation)});
        }
        options_.columns = columns_.empty() ? nullptr : columns_.data();
        options_.column_count = columns_.size();
        options_.comparisons = comparisons_.empty() ? nullptr : comparisons_.data();
        options_.comparison_count = comparisons_.size();
    }

    const lode_read_options *get() const noexcept { return &options_; }
    bool has_nul() const noexcept { return has_nul_; }

private:
    const char *c_text(const std::string &value) noexcept
    {
        has_nul_ = has_nul_ || value.find('\0') != std::string::npos;
        return value.c_str();
    }

    std::vector<const char *> columns_;
    std::vector<lode_comparison> comparisons_;
    bool has_nul_ = false;
    lode_read_options options_ = LODE_READ_OPTIONS_INIT;
};

inline bool has_nul(const c_arrow_read_options &value) noexcept { return value.has_nul(); }
inline const lode_read_options *to_c(const c_arrow_read_options &value) noexcept { return value.get(); }

} // namespace detail

} // namespace lode

#endif
