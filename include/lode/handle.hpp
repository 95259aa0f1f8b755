/**
 * @file
 * What the handles share: ownership, texts, cancel tokens, deadlines, the options of calls. Part of lode.hpp.
 */
#ifndef LODE_HANDLE_HPP
#define LODE_HANDLE_HPP

#include <lode/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>

namespace lode {

/** A time of a record or snapshot: nanoseconds since the Unix epoch. */
using timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/**
 * A text that a call takes: an id, a key, JSON. Made from C text, from a std::string or from a
 * std::string_view (which is copied, since lode.h wants an end); it borrows the first two for the call. A
 * text with a NUL byte in it is refused with lode::status::invalid_argument.
 */
class text {
public:
    /** C text; NULL is what it is for the call of lode.h, which refuses it by name. */
    text(const char *value) noexcept : data_(value) {}
    /** A string, borrowed. */
    text(const std::string &value) noexcept : data_(value.c_str()), nul_(std::strlen(data_) != value.size()) {}
    /** A view, copied. */
    text(std::string_view value) : owned_(value), data_(owned_.c_str()), nul_(std::strlen(data_) != owned_.size()) {}
    text(const text &) = delete;
    text &operator=(const text &) = delete;

    /** NUL-terminated; NULL if it was made so. */
    const char *c_str() const noexcept { return data_; }
    /** Whether it has a NUL byte before its end. */
    bool has_nul() const noexcept { return nul_; }

private:
    std::string owned_;
    const char *data_;
    bool nul_ = false;
};

namespace detail {

/** Owns one handle of lode.h. Moving leaves an empty one, whose calls are refused with invalid_argument. */
template <class T, void (*Free)(T *)>
class handle {
public:
    /** The type of lode.h. */
    using raw_type = T;

    /** The handle of lode.h, for its functions; it stays owned. NULL if this was moved from. */
    T *get() const noexcept { return raw_.get(); }
    /** The handle of lode.h, whose owner is then the caller. */
    T *release() noexcept { return raw_.release(); }
    /** Whether there is a handle: false if this was moved from. */
    explicit operator bool() const noexcept { return raw_ != nullptr; }

protected:
    explicit handle(T *raw) noexcept : raw_(raw) {}

private:
    struct deleter {
        void operator()(T *raw) const noexcept { Free(raw); }
    };

    std::unique_ptr<T, deleter> raw_;
};

inline bool has_nul(const text &value) noexcept { return value.has_nul(); }
template <class T>
bool has_nul(const T &) noexcept
{
    return false;
}

inline const char *to_c(const text &value) noexcept { return value.c_str(); }
template <class T>
T to_c(T value) noexcept
{
    return value;
}

inline error nul_refused()
{
    error::facts facts;
    facts.status = status::invalid_argument;
    facts.message = "a text has a NUL byte before its end: ids, paths and JSON are texts without one";
    return error(std::move(facts));
}

/** Calls a function of lode.h whose last argument is the error. */
template <class F, class... Arguments>
result<status> call(F function, const Arguments &...arguments)
{
    if ((has_nul(arguments) || ...)) {
        return nul_refused();
    }
    lode_error *raw = nullptr;
    const lode_status got = function(to_c(arguments)..., &raw);
    if (got < 0) {
        return error::take(got, raw);
    }
    return static_cast<status>(got);
}

/** The same, of a function whose success says nothing more. */
template <class F, class... Arguments>
result<void> run(F function, const Arguments &...arguments)
{
    auto got = call(function, arguments...);
    return got ? result<void>() : result<void>(got.error());
}

/** The same, of a function that makes a handle, its output before the error. */
template <class Handle, class F, class... Arguments>
result<Handle> make(F function, const Arguments &...arguments)
{
    typename Handle::raw_type *made = nullptr;
    auto got = call(function, arguments..., &made);
    if (!got) {
        return got.error();
    }
    return Handle(made);
}

inline std::string_view view(const char *value) noexcept { return value == nullptr ? std::string_view() : value; }

inline std::optional<std::string_view> optional_view(const char *value) noexcept
{
    return value == nullptr ? std::optional<std::string_view>() : std::optional<std::string_view>(value);
}

inline std::string_view view(lode_bytes bytes) noexcept
{
    return {reinterpret_cast<const char *>(bytes.data), bytes.len};
}

inline lode_bytes bytes(std::string_view value) noexcept
{
    return {reinterpret_cast<const std::uint8_t *>(value.data()), value.size()};
}

inline std::optional<timestamp> optional_timestamp(std::int64_t unix_nanos) noexcept
{
    return unix_nanos == LODE_NO_TIMESTAMP ? std::optional<timestamp>()
                                           : std::optional<timestamp>(timestamp(std::chrono::nanoseconds(unix_nanos)));
}

inline std::int64_t unix_nanos(std::optional<timestamp> time) noexcept
{
    return time ? time->time_since_epoch().count() : LODE_NO_TIMESTAMP;
}

/** An exception that came out of a callback of the caller's, kept until the call has returned. */
class caught {
public:
    /** Keeps the exception that is being handled. */
    void keep() noexcept { exception_ = std::current_exception(); }
    /** Throws what was kept, if anything was. */
    void rethrow() const
    {
        if (exception_) {
            std::rethrow_exception(exception_);
        }
    }

private:
    std::exception_ptr exception_;
};

} // namespace detail

/** Cancels calls: once cancelled it stays so. Threads may share it; a call that runs keeps its own hold. */
class cancel_token : public detail::handle<lode_cancel_token, lode_cancel_token_free> {
public:
    /** A token that is not cancelled. */
    cancel_token() : cancel_token(try_new().value()) {}
    /** Takes ownership of a token of lode.h. */
    explicit cancel_token(lode_cancel_token *raw) noexcept : handle(raw) {}
    /** A token that is not cancelled, or the error. */
    static result<cancel_token> try_new() { return detail::make<cancel_token>(lode_cancel_token_new); }

    /** Cancels the calls that have it, now or later. From any thread, and in a signal handler. */
    void cancel() const noexcept { lode_cancel_token_cancel(get()); }
};

/**
 * When a call must be over: after a duration, counted from the start of the call, or at a point of time. None
 * if it is made from nothing. A commit that is decided by then stays a success.
 */
class deadline {
public:
    /** None. */
    deadline() noexcept = default;
    /** After this time; of one that is not above zero the deadline has passed. */
    template <class Rep, class Period>
    deadline(std::chrono::duration<Rep, Period> after) noexcept : kind_(relative), ms_(to_ms(after))
    {
    }
    /** At this time. */
    template <class Duration>
    deadline(std::chrono::time_point<std::chrono::steady_clock, Duration> at) noexcept
        : kind_(absolute), at_(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(at))
    {
    }

    /** As lode.h takes it for a call that begins now: milliseconds, 0 for none, below 0 if it has passed. */
    std::int64_t milliseconds() const noexcept
    {
        switch (kind_) {
        case relative: return ms_;
        case absolute: return to_ms(at_ - std::chrono::steady_clock::now());
        case none: break;
        }
        return 0;
    }

private:
    template <class Rep, class Period>
    static std::int64_t to_ms(std::chrono::duration<Rep, Period> after) noexcept
    {
        const auto ms = std::chrono::duration<long double, std::milli>(after).count();
        if (!(ms > 0)) {
            return -1;
        }
        // A part of a millisecond is a whole one: 0 would be no deadline. 2^62 is beyond any clock.
        constexpr auto most = std::int64_t{1} << 62;
        if (ms >= static_cast<long double>(most)) {
            return most;
        }
        const auto whole = static_cast<std::int64_t>(ms);
        return static_cast<long double>(whole) < ms ? whole + 1 : whole;
    }

    enum { none, relative, absolute } kind_ = none;
    std::int64_t ms_ = 0;
    std::chrono::steady_clock::time_point at_{};
};

/** How far a call has come. */
struct progress {
    std::int64_t records;      /**< Records taken, or keys and snapshots met. */
    std::int64_t bytes_in;     /**< Bytes taken or read. */
    std::int64_t bytes_stored; /**< Bytes stored, after compression. */
};

/**
 * Told from time to time, on the thread of the call; answers whether to go on. If not, or if it throws, the
 * call ends with lode::status::aborted; what it has thrown then comes out of the call.
 */
using progress_function = std::function<bool(const progress &)>;

/** How long a call that blocks but does not commit may take, and what may end it. */
struct call_options {
    lode::deadline deadline{};             /**< When it must be over. An iterator counts it for each step anew. */
    const cancel_token *cancel = nullptr;  /**< Ends the call when cancelled. Borrowed for the call. */
    progress_function progress = nullptr;  /**< Told how far it is; an iterator that the call makes keeps a copy. */
};

/** How a commit is to be made. */
struct commit_options {
    lode::deadline deadline{};            /**< When it must be over. */
    const cancel_token *cancel = nullptr; /**< Ends the call when cancelled. Borrowed for the call. */
    progress_function progress = nullptr; /**< Told how far it is. */
    /** The head that the commit needs, else conflict; "": no snapshot yet. */
    std::optional<std::string> expected_parent{};
    /** The producer, for commits that happen exactly once: see lode_commit_options in lode.h. */
    std::optional<std::string> producer_id{};
    std::uint64_t sequence = 0; /**< The producer's number of this commit: from 1, rising. */
    std::string position{};     /**< Where the producer goes on after a restart. */
    std::int32_t attempts = 0;  /**< How often the whole commit is tried; 0 or 1: once. */
    std::chrono::milliseconds attempt_base{0}; /**< Before the second try; 0: a few milliseconds. */
    std::chrono::milliseconds attempt_cap{0};  /**< The longest pause; 0: half a second. */
    bool verify_parts = false; /**< Whether dataset::commit_parts compares each file with its checksum. */
};

namespace detail {

inline std::int32_t clamped(std::chrono::milliseconds value) noexcept
{
    constexpr std::int64_t most = INT32_MAX;
    return static_cast<std::int32_t>(value.count() > most ? most : value.count());
}

/**
 * A progress function as a callback, with what it has thrown. Its address is handed out: it must not move.
 */
struct progress_callback {
    progress_function function;
    caught thrown;

    explicit progress_callback(const progress_function &told) : function(told) {}
    progress_callback(const progress_callback &) = delete;
    progress_callback &operator=(const progress_callback &) = delete;

    static std::int32_t tell(void *ctx, std::int64_t records, std::int64_t bytes_in, std::int64_t bytes_stored) noexcept
    {
        auto *self = static_cast<progress_callback *>(ctx);
        LODE_DETAIL_TRY
        {
            return self->function(progress{records, bytes_in, bytes_stored}) ? 0 : 1;
        }
        LODE_DETAIL_CATCH_ALL
        {
            self->thrown.keep();
        }
        return 1;
    }

    template <class Options>
    void put_into(Options &options) noexcept
    {
        if (function) {
            options.progress = tell;
            options.progress_ctx = this;
        }
    }
};

/** lode_call_options for one call, or for an iterator that outlives it. */
class c_call_options {
public:
    explicit c_call_options(const call_options &options) : progress_(options.progress)
    {
        options_.deadline_ms = options.deadline.milliseconds();
        options_.cancel = options.cancel == nullptr ? nullptr : options.cancel->get();
        progress_.put_into(options_);
    }

    const lode_call_options *get() const noexcept { return &options_; }
    /** What the progress function has thrown, out of a call that failed. */
    void rethrow(bool failed) const
    {
        if (failed) {
            progress_.thrown.rethrow();
        }
    }

private:
    progress_callback progress_;
    lode_call_options options_ = LODE_CALL_OPTIONS_INIT;
};

/** lode_commit_options for one call. */
class c_commit_options {
public:
    explicit c_commit_options(const commit_options &options)
        : progress_(options.progress), has_nul_(nul_in(options.expected_parent) || nul_in(options.producer_id) ||
                                                nul_in(options.position))
    {
        const auto c_text = [](const std::optional<std::string> &value) { return value ? value->c_str() : nullptr; };
        options_.deadline_ms = options.deadline.milliseconds();
        options_.cancel = options.cancel == nullptr ? nullptr : options.cancel->get();
        options_.expected_parent = c_text(options.expected_parent);
        options_.producer_id = c_text(options.producer_id);
        options_.sequence = options.sequence;
        options_.position = options.position.empty() ? nullptr : options.position.c_str();
        options_.attempts = options.attempts;
        options_.attempt_base_ms = clamped(options.attempt_base);
        options_.attempt_cap_ms = clamped(options.attempt_cap);
        options_.verify_parts = options.verify_parts ? 1 : 0;
        progress_.put_into(options_);
    }

    const lode_commit_options *get() const noexcept { return &options_; }
    bool has_nul() const noexcept { return has_nul_; }
    void rethrow(bool failed) const
    {
        if (failed) {
            progress_.thrown.rethrow();
        }
    }

private:
    static bool nul_in(const std::optional<std::string> &value) noexcept
    {
        return value && value->find('\0') != std::string::npos;
    }

    progress_callback progress_;
    bool has_nul_;
    lode_commit_options options_ = LODE_COMMIT_OPTIONS_INIT;
};

inline bool has_nul(const c_commit_options &value) noexcept { return value.has_nul(); }
inline const lode_commit_options *to_c(const c_commit_options &value) noexcept { return value.get(); }
inline const lode_call_options *to_c(const c_call_options &value) noexcept { return value.get(); }

} // namespace detail

} // namespace lode

#endif
