/**
 * @file
 * Records as the calls take them: ranges, with or without times, as the iterator of lode.h. Part of lode.hpp.
 */
#ifndef LODE_RECORDS_HPP
#define LODE_RECORDS_HPP

#include <lode/snapshot.hpp>

#include <istream>
#include <type_traits>
#include <vector>

namespace lode {

/** A record with its time: what a range may hold in place of mere texts. */
struct timed_record {
    std::string_view record;            /**< One JSON document. */
    std::optional<timestamp> time = {}; /**< Its time, if it has one. */
};

namespace detail {

/**
 * The record of what a range gives, which may be a timed_record. NULL C text is an empty record, which is
 * refused.
 */
template <class T>
std::string_view record_of(const T &item)
{
    if constexpr (std::is_convertible_v<const T &, const timed_record &>) {
        return static_cast<const timed_record &>(item).record;
    } else if constexpr (std::is_convertible_v<const T &, const char *>) {
        return view(static_cast<const char *>(item));
    } else {
        static_assert(std::is_convertible_v<const T &, std::string_view>,
                      "lode: the range must hold what converts to std::string_view, or lode::timed_record");
        return static_cast<std::string_view>(item);
    }
}

template <class T>
constexpr bool is_timed = std::is_convertible_v<const std::remove_reference_t<T> &, const timed_record &>;

template <class T>
std::int64_t time_of(const T &item)
{
    if constexpr (is_timed<T>) {
        return unix_nanos(static_cast<const timed_record &>(item).time);
    } else {
        return LODE_NO_TIMESTAMP;
    }
}

template <class Iterator, class = void>
struct category {
    using type = std::input_iterator_tag;
};
template <class Iterator>
struct category<Iterator, std::void_t<typename std::iterator_traits<Iterator>::iterator_category>> {
    using type = typename std::iterator_traits<Iterator>::iterator_category;
};

template <class Range>
auto begin_of(Range &range)
{
    using std::begin;
    return begin(range);
}

template <class Range>
auto end_of(Range &range)
{
    using std::end;
    return end(range);
}

/**
 * A range as the iterator of lode.h. What the range throws is kept, the iterator then says that it failed,
 * and the exception is thrown again once the call has returned.
 *
 * A forward range of objects that stay is given in batches. Of any other an item lives until the next step,
 * and it is given one at a time.
 */
template <class Iterator, class Sentinel>
class range_iterator {
public:
    using reference = decltype(*std::declval<Iterator &>());
    static constexpr bool in_batches = std::is_lvalue_reference_v<reference> &&
                                       std::is_base_of_v<std::forward_iterator_tag, typename category<Iterator>::type>;

    range_iterator(Iterator at, Sentinel end) : at_(std::move(at)), end_(std::move(end)) {}
    range_iterator(const range_iterator &) = delete;
    range_iterator &operator=(const range_iterator &) = delete;

    lode_record_iterator c() noexcept
    {
        lode_record_iterator records = LODE_RECORD_ITERATOR_INIT;
        records.ctx = this;
        if constexpr (in_batches) {
            records.next_batch = next_batch;
        } else {
            records.next = next;
            records.record = record;
            if constexpr (is_timed<reference>) {
                records.timestamp = time;
            }
        }
        return records;
    }

    const caught &thrown() const noexcept { return thrown_; }

private:
    // What the range gives, kept as long as the record is used: a reference by its address, a value by
    // itself.
    using kept = std::conditional_t<std::is_lvalue_reference_v<reference>, std::remove_reference_t<reference> *,
                                    std::optional<std::remove_cv_t<std::remove_reference_t<reference>>>>;

    static std::int64_t next_batch(void *ctx, lode_bytes *records, std::int64_t *unix_nanos, std::size_t capacity) noexcept
    {
        auto *self = static_cast<range_iterator *>(ctx);
        LODE_DETAIL_TRY
        {
            std::size_t count = 0;
            for (; count < capacity && self->at_ != self->end_; ++self->at_, ++count) {
                const auto &item = *self->at_;
                records[count] = bytes(record_of(item));
                unix_nanos[count] = time_of(item);
            }
            return static_cast<std::int64_t>(count);
        }
        LODE_DETAIL_CATCH_ALL
        {
            self->thrown_.keep();
        }
        return -1;
    }

    static std::int32_t next(void *ctx) noexcept
    {
        auto *self = static_cast<range_iterator *>(ctx);
        LODE_DETAIL_TRY
        {
            if (self->begun_) {
                ++self->at_;
            }
            self->begun_ = true;
            if (self->at_ == self->end_) {
                return 0;
            }
            if constexpr (std::is_lvalue_reference_v<reference>) {
                self->item_ = std::addressof(*self->at_);
            } else {
                self->item_.emplace(*self->at_);
            }
            self->record_ = record_of(*self->item_);
            return 1;
        }
        LODE_DETAIL_CATCH_ALL
        {
            self->thrown_.keep();
        }
        return -1;
    }

    static void record(void *ctx, lode_bytes *record) noexcept
    {
        *record = bytes(static_cast<range_iterator *>(ctx)->record_);
    }

    static std::int32_t time(void *ctx, std::int64_t *unix_nanos) noexcept
    {
        *unix_nanos = time_of(*static_cast<range_iterator *>(ctx)->item_);
        return *unix_nanos == LODE_NO_TIMESTAMP ? 0 : 1;
    }

    Iterator at_;
    Sentinel end_;
    kept item_{};
    std::string_view record_;
    bool begun_ = false;
    caught thrown_;
};

/** A range in memory as the arrays of lode_dataset_write_records. Items that do not stay are copied. */
class record_arrays {
public:
    template <class Range>
    explicit record_arrays(Range &range)
    {
        using iterator = decltype(begin_of(range));
        using reference = decltype(*std::declval<iterator &>());
        constexpr bool stay = std::is_lvalue_reference_v<reference> &&
                              std::is_base_of_v<std::forward_iterator_tag, typename category<iterator>::type>;
        auto at = begin_of(range);
        const auto end = end_of(range);
        for (; at != end; ++at) {
            auto &&item = *at;
            const std::string_view bytes = record_of(item);
            offsets_.push_back(copies_.size());
            if (!stay) {
                copies_.append(bytes);
            }
            records_.push_back(detail::bytes(bytes));
            times_.push_back(time_of(item));
            timed_ = timed_ || times_.back() != LODE_NO_TIMESTAMP;
        }
        if (!stay) {
            for (std::size_t i = 0; i < records_.size(); i++) {
                records_[i].data = reinterpret_cast<const std::uint8_t *>(copies_.data()) + offsets_[i];
            }
        }
    }

    const lode_bytes *records() const noexcept { return records_.data(); }
    const std::int64_t *times() const noexcept { return timed_ ? times_.data() : nullptr; }
    std::size_t count() const noexcept { return records_.size(); }

private:
    std::vector<lode_bytes> records_;
    std::vector<std::int64_t> times_;
    std::vector<std::size_t> offsets_;
    std::string copies_;
    bool timed_ = false;
};

/** A function that fills a buffer, as the byte source of lode.h; what it throws is kept. */
template <class F>
class function_source {
public:
    explicit function_source(F &function) : function_(function) {}

    lode_byte_source c() noexcept
    {
        lode_byte_source source = LODE_BYTE_SOURCE_INIT;
        source.ctx = this;
        source.read = read;
        return source;
    }

    const caught &thrown() const noexcept { return thrown_; }

private:
    static std::int64_t read(void *ctx, std::uint8_t *buffer, std::size_t capacity) noexcept
    {
        auto *self = static_cast<function_source *>(ctx);
        LODE_DETAIL_TRY
        {
            const std::size_t count = self->function_(reinterpret_cast<char *>(buffer), capacity);
            return count > static_cast<std::size_t>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(count);
        }
        LODE_DETAIL_CATCH_ALL
        {
            self->thrown_.keep();
        }
        return -1;
    }

    F &function_;
    caught thrown_;
};

/**
 * Calls a function with a std::istream or a function as the byte source of lode.h; what it throws is thrown.
 */
template <class Made, class Source, class F>
result<Made> pull_bytes(Source &source, F call)
{
    const auto pull = [&call](auto &function) {
        function_source<std::remove_reference_t<decltype(function)>> pulled(function);
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

} // namespace detail

} // namespace lode

#endif
