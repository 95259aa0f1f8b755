/**
 * @file
 * Statuses, errors and results. Part of lode.hpp.
 */
#ifndef LODE_ERROR_HPP
#define LODE_ERROR_HPP

#include <lode.h>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

/** @cond */
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define LODE_DETAIL_EXCEPTIONS 1
#define LODE_DETAIL_TRY try
#define LODE_DETAIL_CATCH_ALL catch (...)
#else
#define LODE_DETAIL_EXCEPTIONS 0
#define LODE_DETAIL_TRY if constexpr (true)
#define LODE_DETAIL_CATCH_ALL else
#endif
/** @endcond */

/** Everything of lode for C++. */
namespace lode {

/** The outcome of a call: the LODE_* statuses of lode.h. Below 0 is a failure. */
enum class status : std::int32_t {
    ok = LODE_OK,                                                           /**< LODE_OK */
    item = LODE_ITEM,                                                       /**< LODE_ITEM */
    already_committed = LODE_ALREADY_COMMITTED,                             /**< LODE_ALREADY_COMMITTED */
    committed_unpublished = LODE_COMMITTED_UNPUBLISHED,                     /**< LODE_COMMITTED_UNPUBLISHED */
    committed_beside_foreign = LODE_COMMITTED_BESIDE_FOREIGN,               /**< LODE_COMMITTED_BESIDE_FOREIGN */
    none = LODE_NONE,                                                       /**< LODE_NONE */
    not_committed = LODE_NOT_COMMITTED,                                     /**< LODE_NOT_COMMITTED */
    unknown = LODE_ERR_UNKNOWN,                                             /**< LODE_ERR_UNKNOWN */
    internal = LODE_ERR_INTERNAL,                                           /**< LODE_ERR_INTERNAL */
    invalid_argument = LODE_ERR_INVALID_ARGUMENT,                           /**< LODE_ERR_INVALID_ARGUMENT */
    state = LODE_ERR_STATE,                                                 /**< LODE_ERR_STATE */
    no_memory = LODE_ERR_NO_MEMORY,                                         /**< LODE_ERR_NO_MEMORY */
    unsupported = LODE_ERR_UNSUPPORTED,                                     /**< LODE_ERR_UNSUPPORTED */
    forked = LODE_ERR_FORKED,                                               /**< LODE_ERR_FORKED */
    io = LODE_ERR_IO,                                                       /**< LODE_ERR_IO */
    no_space = LODE_ERR_NO_SPACE,                                           /**< LODE_ERR_NO_SPACE */
    not_found = LODE_ERR_NOT_FOUND,                                         /**< LODE_ERR_NOT_FOUND */
    path_exists = LODE_ERR_PATH_EXISTS,                                     /**< LODE_ERR_PATH_EXISTS */
    invalid_path = LODE_ERR_INVALID_PATH,                                   /**< LODE_ERR_INVALID_PATH */
    store = LODE_ERR_STORE,                                                 /**< LODE_ERR_STORE */
    access_denied = LODE_ERR_ACCESS_DENIED,                                 /**< LODE_ERR_ACCESS_DENIED */
    no_snapshots = LODE_ERR_NO_SNAPSHOTS,                                   /**< LODE_ERR_NO_SNAPSHOTS */
    snapshot_not_found = LODE_ERR_SNAPSHOT_NOT_FOUND,                       /**< LODE_ERR_SNAPSHOT_NOT_FOUND */
    manifest_invalid = LODE_ERR_MANIFEST_INVALID,                           /**< LODE_ERR_MANIFEST_INVALID */
    corrupt = LODE_ERR_CORRUPT,                                             /**< LODE_ERR_CORRUPT */
    datasets_not_modeled = LODE_ERR_DATASETS_NOT_MODELED,                   /**< LODE_ERR_DATASETS_NOT_MODELED */
    invalid_format = LODE_ERR_INVALID_FORMAT,                               /**< LODE_ERR_INVALID_FORMAT */
    nil_iterator = LODE_ERR_NIL_ITERATOR,                                   /**< LODE_ERR_NIL_ITERATOR */
    iterator = LODE_ERR_ITERATOR,                                           /**< LODE_ERR_ITERATOR */
    iterator_contract = LODE_ERR_ITERATOR_CONTRACT,                         /**< LODE_ERR_ITERATOR_CONTRACT */
    metadata_required = LODE_ERR_METADATA_REQUIRED,                         /**< LODE_ERR_METADATA_REQUIRED */
    metadata_invalid = LODE_ERR_METADATA_INVALID,                           /**< LODE_ERR_METADATA_INVALID */
    metadata_reserved = LODE_ERR_METADATA_RESERVED,                         /**< LODE_ERR_METADATA_RESERVED */
    codec_required = LODE_ERR_CODEC_REQUIRED,                               /**< LODE_ERR_CODEC_REQUIRED */
    codec_not_streamable = LODE_ERR_CODEC_NOT_STREAMABLE,                   /**< LODE_ERR_CODEC_NOT_STREAMABLE */
    partitioning_not_supported = LODE_ERR_PARTITIONING_NOT_SUPPORTED,       /**< LODE_ERR_PARTITIONING_NOT_SUPPORTED */
    schema_required = LODE_ERR_SCHEMA_REQUIRED,                             /**< LODE_ERR_SCHEMA_REQUIRED */
    schema_invalid = LODE_ERR_SCHEMA_INVALID,                               /**< LODE_ERR_SCHEMA_INVALID */
    arrow_type = LODE_ERR_ARROW_TYPE,                                       /**< LODE_ERR_ARROW_TYPE */
    invalid_record = LODE_ERR_INVALID_RECORD,                               /**< LODE_ERR_INVALID_RECORD */
    record_too_large = LODE_ERR_RECORD_TOO_LARGE,                           /**< LODE_ERR_RECORD_TOO_LARGE */
    schema_violation = LODE_ERR_SCHEMA_VIOLATION,                           /**< LODE_ERR_SCHEMA_VIOLATION */
    conflict = LODE_ERR_CONFLICT,                                           /**< LODE_ERR_CONFLICT */
    commit_unknown = LODE_ERR_COMMIT_UNKNOWN,                               /**< LODE_ERR_COMMIT_UNKNOWN */
    deadline = LODE_ERR_DEADLINE,                                           /**< LODE_ERR_DEADLINE */
    cancelled = LODE_ERR_CANCELLED,                                         /**< LODE_ERR_CANCELLED */
    aborted = LODE_ERR_ABORTED,                                             /**< LODE_ERR_ABORTED */
    busy = LODE_ERR_BUSY,                                                   /**< LODE_ERR_BUSY */
    needs_repair = LODE_ERR_NEEDS_REPAIR,                                   /**< LODE_ERR_NEEDS_REPAIR */
    sequence_too_old = LODE_ERR_SEQUENCE_TOO_OLD,                           /**< LODE_ERR_SEQUENCE_TOO_OLD */
    layout_mismatch = LODE_ERR_LAYOUT_MISMATCH,                             /**< LODE_ERR_LAYOUT_MISMATCH */
    unorderable_parent = LODE_ERR_UNORDERABLE_PARENT,                       /**< LODE_ERR_UNORDERABLE_PARENT */
    staged_too_old = LODE_ERR_STAGED_TOO_OLD,                               /**< LODE_ERR_STAGED_TOO_OLD */
    part_committed = LODE_ERR_PART_COMMITTED,                               /**< LODE_ERR_PART_COMMITTED */
    range_missing = LODE_ERR_RANGE_MISSING,                                 /**< LODE_ERR_RANGE_MISSING */
    overlapping_blocks = LODE_ERR_OVERLAPPING_BLOCKS,                       /**< LODE_ERR_OVERLAPPING_BLOCKS */
    volume_length_mismatch = LODE_ERR_VOLUME_LENGTH_MISMATCH,               /**< LODE_ERR_VOLUME_LENGTH_MISMATCH */
    volume_too_fragmented = LODE_ERR_VOLUME_TOO_FRAGMENTED,                 /**< LODE_ERR_VOLUME_TOO_FRAGMENTED */
};

/** What to do about a failure: the LODE_ACTION_* of lode.h. */
enum class action : std::int32_t {
    none = LODE_ACTION_NONE,       /**< Nothing to do: there is no error. */
    retry = LODE_ACTION_RETRY,     /**< Certainly not committed; the same call may work later. */
    resolve = LODE_ACTION_RESOLVE, /**< Perhaps committed: resolve it, or repeat the writer's commit. */
    rebase = LODE_ACTION_REBASE,   /**< Read the head and decide again. */
    give_up = LODE_ACTION_GIVE_UP, /**< The same call will fail again. */
};

/** The status's name in lode.h, such as "LODE_ERR_CONFLICT". A static string. */
inline const char *name(status value) noexcept { return lode_status_name(static_cast<lode_status>(value)); }

/** The action's name in lode.h, such as "LODE_ACTION_RETRY". A static string. */
inline const char *name(action value) noexcept { return lode_action_name(static_cast<std::int32_t>(value)); }

/** The version of the library that is running, such as "0.1.0". A static string. */
inline const char *version() noexcept { return lode_version(); }

/** Whether the library that is running has an optional feature, such as "parquet" or "object-store". */
inline bool has_feature(const char *feature) noexcept { return lode_has_feature(feature) != 0; }

/**
 * What went wrong in one call, with its facts as values. Throwing calls throw it; the calls whose names begin
 * with `try_` give it in a result. Copies share the facts and cannot fail; any thread may read them.
 */
class error : public std::exception {
public:
    /** The facts of an error, as plain values. */
    struct facts {
        lode::status status = lode::status::unknown; /**< Below 0. */
        lode::action action = lode::action::give_up; /**< What to do. */
        std::string message;                         /**< One line of English. */
        std::optional<std::string> path;             /**< The path or key that it is about. */
        std::optional<std::string> snapshot_id;      /**< The snapshot in doubt, or the head of a conflict. */
        std::optional<std::uint64_t> record;         /**< The record's number in its stream, from 0. */
        std::optional<std::uint64_t> offset;         /**< Bytes from the beginning of the record or file. */
        int system_errno = 0;                        /**< The operating system's number; 0: none. */
        std::int32_t callback_code = 0;              /**< The caller's own callback's number; 0: none. */
    };

    /** An error with these facts. */
    explicit error(facts values) : facts_(std::make_shared<const facts>(std::move(values))) {}

    /**
     * An error for a callback of the caller's to fail with, such as a function of a lode::backend.
     * @param status a failure, below 0; what is none is taken as lode::status::unknown.
     * @param message one line of English.
     */
    error(lode::status status, std::string message) : error(made(status, std::move(message))) {}

    /**
     * Takes the error of a call of lode.h.
     * @param status what the call returned.
     * @param raw the error that it gave, which is freed; NULL if none was wanted.
     */
    static error take(lode_status status, lode_error *raw);

    /** The failure's status, below 0. */
    lode::status status() const noexcept { return facts_->status; }
    /** What to do about it. A program that retries decides by this, not by the status. */
    lode::action action() const noexcept { return facts_->action; }
    /** What happened, to what, why, and what to do: one line of English, whose wording may change. */
    const std::string &message() const noexcept { return facts_->message; }
    /** The message, as C text. */
    const char *what() const noexcept override { return facts_->message.c_str(); }
    /** The path or store key that the failure is about. */
    const std::optional<std::string> &path() const noexcept { return facts_->path; }
    /** The snapshot whose commit is in doubt (commit_unknown), or the head (conflict). */
    const std::optional<std::string> &snapshot_id() const noexcept { return facts_->snapshot_id; }
    /** The number of the record that the failure is about, in its stream, counted from 0. */
    std::optional<std::uint64_t> record() const noexcept { return facts_->record; }
    /** Where in the record or file the fault lies, in bytes from its beginning. */
    std::optional<std::uint64_t> offset() const noexcept { return facts_->offset; }
    /** The operating system's error number, such as ENOSPC; 0: the failure did not come from the system. */
    int system_errno() const noexcept { return facts_->system_errno; }
    /** The number by which the caller's own callback failed; 0: none did. */
    std::int32_t callback_code() const noexcept { return facts_->callback_code; }

private:
    static facts made(lode::status status, std::string message)
    {
        facts values;
        values.status = static_cast<std::int32_t>(status) < 0 ? status : lode::status::unknown;
        values.message = std::move(message);
        return values;
    }

    std::shared_ptr<const facts> facts_;
};

inline error error::take(lode_status status, lode_error *raw)
{
    std::unique_ptr<lode_error, void (*)(lode_error *)> owner(raw, lode_error_free);
    const auto text = [](const char *value) {
        return value == nullptr ? std::optional<std::string>() : std::optional<std::string>(value);
    };
    const auto number = [](std::int64_t value) {
        return value < 0 ? std::optional<std::uint64_t>() : std::optional<std::uint64_t>(static_cast<std::uint64_t>(value));
    };
    facts values;
    values.status = static_cast<lode::status>(status);
    if (raw == nullptr) {
        values.message = lode_status_name(status);
        return error(std::move(values));
    }
    values.status = static_cast<lode::status>(lode_error_status(raw));
    values.action = static_cast<lode::action>(lode_error_action(raw));
    values.message = lode_error_message(raw);
    values.path = text(lode_error_path(raw));
    values.snapshot_id = text(lode_error_snapshot_id(raw));
    values.record = number(lode_error_record(raw));
    values.offset = number(lode_error_offset(raw));
    values.system_errno = lode_error_errno(raw);
    values.callback_code = lode_error_callback_code(raw);
    return error(std::move(values));
}

namespace detail {

/**
 * Throws the error; in a program without exceptions it ends the process, as the standard library does there.
 */
[[noreturn]] inline void raise(const error &failure)
{
#if LODE_DETAIL_EXCEPTIONS
    throw failure;
#else
    (void)failure;
    std::abort();
#endif
}

} // namespace detail

/**
 * A value, or the error in its place: what the calls give whose names begin with `try_`.
 *
 * In a program that is compiled without exceptions these are the calls to use; value() of an error ends the
 * process there.
 */
template <class T>
class [[nodiscard]] result {
public:
    /** The type of the value. */
    using value_type = T;

    /** A value. */
    result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    /** An error. */
    result(lode::error failure) : held_(std::in_place_index<1>, std::move(failure)) {}

    /** Whether there is a value. */
    bool has_value() const noexcept { return held_.index() == 0; }
    /** Whether there is a value. */
    explicit operator bool() const noexcept { return has_value(); }
    /** The value; throws the error if there is none. */
    T &value() & { return checked(*this); }
    /** The value; throws the error if there is none. */
    const T &value() const & { return checked(*this); }
    /** The value, moved out; throws the error if there is none. */
    T value() && { return std::move(checked(*this)); }
    /** The value, which must be there. */
    T &operator*() noexcept { return *std::get_if<0>(&held_); }
    /** The value, which must be there. */
    const T &operator*() const noexcept { return *std::get_if<0>(&held_); }
    /** The value, which must be there. */
    T *operator->() noexcept { return std::get_if<0>(&held_); }
    /** The value, which must be there. */
    const T *operator->() const noexcept { return std::get_if<0>(&held_); }
    /** The error, which must be there. */
    const lode::error &error() const noexcept { return *std::get_if<1>(&held_); }
    /** The status: ok, or the error's. */
    lode::status status() const noexcept { return has_value() ? lode::status::ok : error().status(); }

private:
    template <class Self>
    static auto &checked(Self &self)
    {
        if (!self.has_value()) {
            detail::raise(self.error());
        }
        return *self;
    }

    std::variant<T, lode::error> held_;
};

/** Success, or an error. */
template <>
class [[nodiscard]] result<void> {
public:
    /** There is no value. */
    using value_type = void;

    /** Success. */
    result() noexcept = default;
    /** An error. */
    result(lode::error failure) noexcept : failure_(std::move(failure)) {}

    /** Whether it is a success. */
    bool has_value() const noexcept { return !failure_.has_value(); }
    /** Whether it is a success. */
    explicit operator bool() const noexcept { return has_value(); }
    /** Throws the error if there is one. */
    void value() const
    {
        if (failure_) {
            detail::raise(*failure_);
        }
    }
    /** The error, which must be there. */
    const lode::error &error() const noexcept { return *failure_; }
    /** The status: ok, or the error's. */
    lode::status status() const noexcept { return failure_ ? failure_->status() : lode::status::ok; }

private:
    std::optional<lode::error> failure_;
};

} // namespace lode

#endif
