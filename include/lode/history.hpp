/**
 * @file
 * What datasets and volumes have in common: a history of snapshots, its checks and its clean-up. Part of
 * lode.hpp.
 */
#ifndef LODE_HISTORY_HPP
#define LODE_HISTORY_HPP

#include <lode/snapshot.hpp>

#include <vector>

namespace lode {

/** How much of a dataset verify checks; each level includes those before it. */
enum class verify_level : std::int32_t {
    structure = LODE_VERIFY_LEVEL_STRUCTURE, /**< That its history is one unbroken chain. */
    sizes = LODE_VERIFY_LEVEL_SIZES,         /**< That its files are there, of the right sizes. */
    checksums = LODE_VERIFY_LEVEL_CHECKSUMS, /**< That they are what was written. */
    records = LODE_VERIFY_LEVEL_RECORDS,     /**< That they hold their records. */
};

/** What verify has found to be wrong. */
struct finding {
    std::int32_t kind;                      /**< One of LODE_FINDING_* of lode.h. */
    std::string path;                       /**< The key of the object. */
    std::optional<std::string> snapshot_id; /**< The snapshot that it concerns, if it is about one. */
    std::string message;                    /**< What is wrong, in words. */
};

/** What collect has removed, or would remove. */
struct garbage {
    std::int32_t kind;        /**< One of LODE_GARBAGE_* of lode.h. */
    std::string_view path;    /**< Its key in the store; lives for the call of the function that is told. */
    std::uint64_t size;       /**< In bytes. */
    std::chrono::seconds age; /**< How long it had stood unchanged, by the store's own clock. */
};

/** How a clean-up is to be done. */
struct collect_options {
    std::chrono::seconds min_age{0}; /**< What has stood unchanged for less stays; at least 48 h, 0: 7 days. */
    bool dry_run = false;            /**< Whether to tell only what would be removed. */
    /** Told of each removal, on the thread of the call; false, and what it throws, end the call. */
    std::function<bool(const garbage &)> removed = nullptr;
};

/** How much a clean-up has removed. */
struct collected {
    std::uint64_t objects; /**< How many things. */
    std::uint64_t bytes;   /**< How many bytes they had. */
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

/** A function that is told of removals as a callback, with what it has thrown. */
struct removed_callback {
    const std::function<bool(const garbage &)> &function;
    caught thrown;

    static std::int32_t tell(void *ctx, std::int32_t kind, const char *path, std::uint64_t size,
                             std::int64_t age_seconds) noexcept
    {
        auto *self = static_cast<removed_callback *>(ctx);
        LODE_DETAIL_TRY
        {
            return self->function({kind, path, size, std::chrono::seconds(age_seconds)}) ? 0 : 1;
        }
        LODE_DETAIL_CATCH_ALL
        {
            self->thrown.keep();
        }
        return 1;
    }
};

} // namespace detail

/**
 * A chain of immutable snapshots: the base of dataset and volume.
 * @tparam Functions the functions of lode.h, which differ by the noun in their names.
 */
template <class Functions>
class history : public detail::handle<typename Functions::raw_type, Functions::free> {
public:
    /** The newest snapshot; no_snapshots if there is none. Throws lode::error. */
    snapshot find_latest(const call_options &options = {}) const { return try_find_latest(options).value(); }
    /** As find_latest, with the error in the result. */
    result<snapshot> try_find_latest(const call_options &options = {}) const
    {
        return blocking<snapshot>(options, Functions::find_latest, this->get());
    }

    /** The snapshot of this id; snapshot_not_found if there is none. Throws lode::error. */
    snapshot find_snapshot(const text &id, const call_options &options = {}) const
    {
        return try_find_snapshot(id, options).value();
    }
    /** As find_snapshot, with the error in the result. */
    result<snapshot> try_find_snapshot(const text &id, const call_options &options = {}) const
    {
        return blocking<snapshot>(options, Functions::find_snapshot, this->get(), id);
    }

    /** Lists all snapshots, oldest first. Throws lode::error. */
    snapshot_iterator list_snapshots(const call_options &options = {}) const
    {
        return try_list_snapshots(options).value();
    }
    /** As list_snapshots, with the error in the result. */
    result<snapshot_iterator> try_list_snapshots(const call_options &options = {}) const
    {
        return detail::make_iterator<snapshot_iterator>(options, Functions::list_snapshots, this->get());
    }

    /** Lists the snapshots after one, oldest first; after NULL: all. Throws lode::error. */
    snapshot_iterator list_changes(const text &after, const call_options &options = {}) const
    {
        return try_list_changes(after, options).value();
    }
    /** As list_changes, with the error in the result. */
    result<snapshot_iterator> try_list_changes(const text &after, const call_options &options = {}) const
    {
        return detail::make_iterator<snapshot_iterator>(options, Functions::list_changes, this->get(), after);
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
        return found(blocking<snapshot>(options, Functions::find_producer, this->get(), producer_id));
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
        return found(blocking<snapshot>(options, Functions::resolve_commit, this->get(), snapshot_id));
    }

    /** Makes a snapshot the head: the way out of needs_repair. Throws lode::error. */
    snapshot adopt(const text &snapshot_id, const call_options &options = {}) const
    {
        return try_adopt(snapshot_id, options).value();
    }
    /** As adopt, with the error in the result. */
    result<snapshot> try_adopt(const text &snapshot_id, const call_options &options = {}) const
    {
        return blocking<snapshot>(options, Functions::adopt, this->get(), snapshot_id);
    }

    /**
     * Checks the whole history against what the format promises; nothing is written.
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
        auto got = detail::call(Functions::verify, this->get(), static_cast<std::int32_t>(level), detail::finding_list::add,
                                &list, c.get(), &count);
        list.thrown.rethrow();
        if (!got && got.status() != status::corrupt) {
            c.rethrow(true);
            return got.error();
        }
        return std::move(list.found);
    }

    /**
     * Removes what dead writers left, and tells how much that was. Never what is or becomes visible; readers,
     * writers and other clean-ups may be at work meanwhile.
     * @param what how old something must be, whether this is only a rehearsal, and what is told of each
     *        removal.
     * @param options the call's limits.
     * Throws lode::error.
     */
    collected collect(const collect_options &what = {}, const call_options &options = {}) const
    {
        return try_collect(what, options).value();
    }
    /** As collect, with the error in the result. */
    result<collected> try_collect(const collect_options &what = {}, const call_options &options = {}) const
    {
        const detail::c_call_options c(options);
        lode_collect_options given = LODE_COLLECT_OPTIONS_INIT;
        given.min_age_seconds = what.min_age.count();
        given.dry_run = what.dry_run ? 1 : 0;
        detail::removed_callback told{what.removed, {}};
        collected sum{0, 0};
        auto got = detail::call(Functions::collect, this->get(), &given,
                                what.removed ? &detail::removed_callback::tell : nullptr, &told, c.get(), &sum.objects,
                                &sum.bytes);
        told.thrown.rethrow();
        c.rethrow(!got);
        return got ? result<collected>(sum) : result<collected>(got.error());
    }

protected:
    /** @cond */
    explicit history(typename Functions::raw_type *raw) noexcept
        : detail::handle<typename Functions::raw_type, Functions::free>(raw)
    {
    }

    template <class Handle, class F, class... Arguments>
    static result<Handle> blocking(const call_options &options, F function, const Arguments &...arguments)
    {
        return detail::make_within<Handle>(options, function, arguments...);
    }
    /** @endcond */

private:
    static result<std::optional<snapshot>> found(result<snapshot> got)
    {
        if (!got) {
            return got.error();
        }
        return *got ? std::optional<snapshot>(std::move(*got)) : std::optional<snapshot>();
    }
};

} // namespace lode

#endif
