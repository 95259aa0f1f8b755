/**
 * @file
 * Stores: a directory, this process's memory, or a class of the program's own. Part of lode.hpp.
 */
#ifndef LODE_STORE_HPP
#define LODE_STORE_HPP

#include <lode/snapshot.hpp>

namespace lode {

/** Takes the keys that backend::list finds. It lives for that call alone. */
class key_sink {
public:
    /** @cond */
    explicit key_sink(lode_key_sink *raw) noexcept : raw_(raw) {}
    /** @endcond */

    /**
     * Gives one key, whole, not only what follows the prefix.
     * @return whether more are wanted; if not, list may return. Throws lode::error if the key can be none.
     */
    bool add(const text &key)
    {
        if (key.has_nul()) {
            detail::raise(detail::nul_refused());
        }
        const std::int32_t answer = lode_key_sink_add(raw_, key.c_str());
        if (answer < 0) {
            detail::raise(error(static_cast<status>(answer), "list gave what can be no key"));
        }
        return answer == 0;
    }

private:
    lode_key_sink *raw_;
};

/**
 * A store of the program's own: objects under keys, written once and whole, and swapped by comparison. A
 * class that derives from it is opened by store::open_backend; lode_store_callbacks of lode.h says what each
 * function must keep, and store::check_conformance tries it.
 *
 * A function fails by throwing lode::error with the status that lode.h lists for it, such as not_found or
 * path_exists; status and message are then in the error of the call. Any other exception becomes
 * lode::status::store, or no_memory for std::bad_alloc, with its what() as message; but out of upload::finish
 * and compare_and_swap it becomes commit_unknown, since it does not say whether the object has changed. In a
 * program that is compiled without exceptions such a class cannot report failures.
 *
 * The functions come on the threads whose calls need them, on several at once unless the store is opened as
 * serial. They may use any handle but those over their own store.
 */
class backend {
public:
    /**
     * An object that is being written. Destroyed without finish it is given up; its destructor must not
     * throw.
     */
    class upload {
    public:
        virtual ~upload() = default;
        /** Adds bytes, at least one, at the object's end. After no_space the same bytes may come again. */
        virtual void write(std::string_view bytes) = 0;
        /**
         * Makes the object appear under its key, whole. path_exists if the key is taken; commit_unknown if it
         * cannot be told whether it appeared. Nothing else is called afterwards.
         */
        virtual void finish() = 0;
    };

    virtual ~backend() = default;
    /** Begins an object that must not replace one; it is not seen before upload::finish. */
    virtual std::unique_ptr<upload> begin_put(const std::string &key) = 0;
    /** An object's size in bytes; not_found. */
    virtual std::uint64_t size(const std::string &key) = 0;
    /** Reads at an offset; how many bytes were read, 0 only at or beyond the end; not_found. */
    virtual std::size_t read(const std::string &key, std::uint64_t offset, char *buffer, std::size_t capacity) = 0;
    /** Gives every key that begins with the prefix (empty, or ending in '/'), each once, in any order. */
    virtual void list(const std::string &prefix, key_sink &keys) = 0;
    /** Removes an object; that there is none is fine. */
    virtual void remove(const std::string &key) = 0;
    /**
     * Replaces an object's bytes if they are the expected ones (empty: if there is no object, or an empty
     * one), in one step; else conflict. busy: try again a little later. commit_unknown: it cannot be told.
     */
    virtual void compare_and_swap(const std::string &key, std::string_view expected, std::string_view value) = 0;
};

/** How severe a log line is. */
enum class log_level : std::int32_t {
    warning = LODE_LOG_WARNING, /**< Something that an operator should look at. */
    info = LODE_LOG_INFO,       /**< Worth knowing. */
};

/** How to open a store. */
struct store_options {
    /**
     * Told what is worth knowing but fails no call, on the thread whose call it is about, so perhaps on
     * several at once. It must not throw: an exception is dropped.
     */
    std::function<void(log_level, std::string_view)> log = nullptr;
};

namespace detail {

/** lode_store_options; the log function lives until the library lets go of it. */
class c_store_options {
public:
    explicit c_store_options(const store_options &options)
    {
        if (options.log) {
            options_.log_ctx = new std::function<void(log_level, std::string_view)>(options.log);
            options_.log = [](void *ctx, std::int32_t level, const char *message) {
                LODE_DETAIL_TRY
                {
                    (*static_cast<std::function<void(log_level, std::string_view)> *>(ctx))(static_cast<log_level>(level),
                                                                                         message);
                }
                LODE_DETAIL_CATCH_ALL {}
            };
            options_.log_release = [](void *ctx) {
                delete static_cast<std::function<void(log_level, std::string_view)> *>(ctx);
            };
        }
    }

    const lode_store_options *get() const noexcept { return &options_; }

private:
    lode_store_options options_ = LODE_STORE_OPTIONS_INIT;
};

/** A lode::backend as the callbacks of lode.h. */
struct backend_callbacks {
    using owner = std::shared_ptr<backend>;

    static backend &of(void *ctx) noexcept { return **static_cast<owner *>(ctx); }

    /**
     * Runs what may throw; an exception becomes a status and a text. `other`: the status of one that is no
     * error.
     */
    template <class F>
    static std::int64_t guard(lode_callback_error *report, lode::status other, F body) noexcept
    {
        LODE_DETAIL_TRY { return body(); }
#if LODE_DETAIL_EXCEPTIONS
        catch (const error &failure) {
            lode_callback_error_set(report, failure.what());
            return static_cast<std::int32_t>(failure.status());
        }
        catch (const std::bad_alloc &failure) {
            lode_callback_error_set(report, failure.what());
            return static_cast<std::int32_t>(other == status::commit_unknown ? other : status::no_memory);
        }
        catch (const std::exception &failure) {
            lode_callback_error_set(report, failure.what());
            return static_cast<std::int32_t>(other);
        }
#endif
        LODE_DETAIL_CATCH_ALL
        {
            lode_callback_error_set(report, "the backend threw what is no std::exception");
        }
        return static_cast<std::int32_t>(other);
    }

    static std::int32_t put_begin(void *ctx, const char *key, std::int32_t, void **upload,
                                  lode_callback_error *report) noexcept
    {
        return static_cast<std::int32_t>(guard(report, status::store, [&]() -> std::int64_t {
            auto begun = of(ctx).begin_put(key);
            if (begun == nullptr) {
                lode_callback_error_set(report, "begin_put gave no upload");
                return LODE_ERR_STORE;
            }
            *upload = begun.release();
            return 0;
        }));
    }

    static std::int32_t put_write(void *, void *upload, const std::uint8_t *data, std::size_t len,
                                  lode_callback_error *report) noexcept
    {
        return static_cast<std::int32_t>(guard(report, status::store, [&]() -> std::int64_t {
            static_cast<backend::upload *>(upload)->write(view(lode_bytes{data, len}));
            return 0;
        }));
    }

    static std::int32_t put_finish(void *, void *upload, lode_callback_error *report) noexcept
    {
        const std::unique_ptr<backend::upload> owned(static_cast<backend::upload *>(upload));
        return static_cast<std::int32_t>(guard(report, status::commit_unknown, [&]() -> std::int64_t {
            owned->finish();
            return 0;
        }));
    }

    static void put_abort(void *, void *upload) noexcept { delete static_cast<backend::upload *>(upload); }

    static std::int32_t stat(void *ctx, const char *key, std::uint64_t *size, lode_callback_error *report) noexcept
    {
        return static_cast<std::int32_t>(guard(report, status::store, [&]() -> std::int64_t {
            *size = of(ctx).size(key);
            return 0;
        }));
    }

    static std::int64_t read(void *ctx, const char *key, std::uint64_t offset, std::uint8_t *buffer,
                             std::size_t capacity, lode_callback_error *report) noexcept
    {
        return guard(report, status::store, [&]() -> std::int64_t {
            const std::size_t count = of(ctx).read(key, offset, reinterpret_cast<char *>(buffer), capacity);
            return count > static_cast<std::size_t>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(count);
        });
    }

    static std::int32_t list(void *ctx, const char *prefix, lode_key_sink *keys, lode_callback_error *report) noexcept
    {
        return static_cast<std::int32_t>(guard(report, status::store, [&]() -> std::int64_t {
            key_sink sink(keys);
            of(ctx).list(prefix, sink);
            return 0;
        }));
    }

    static std::int32_t remove(void *ctx, const char *key, lode_callback_error *report) noexcept
    {
        return static_cast<std::int32_t>(guard(report, status::store, [&]() -> std::int64_t {
            of(ctx).remove(key);
            return 0;
        }));
    }

    static std::int32_t compare_and_swap(void *ctx, const char *key, const std::uint8_t *expected,
                                         std::size_t expected_len, const std::uint8_t *value, std::size_t value_len,
                                         lode_callback_error *report) noexcept
    {
        return static_cast<std::int32_t>(guard(report, status::commit_unknown, [&]() -> std::int64_t {
            of(ctx).compare_and_swap(key, view(lode_bytes{expected, expected_len}), view(lode_bytes{value, value_len}));
            return 0;
        }));
    }

    static void release(void *ctx) noexcept { delete static_cast<owner *>(ctx); }

    static lode_store_callbacks table(std::shared_ptr<backend> owned, bool serial)
    {
        lode_store_callbacks callbacks = LODE_STORE_CALLBACKS_INIT;
        callbacks.ctx = new owner(std::move(owned));
        callbacks.flags = serial ? LODE_STORE_SERIAL : 0;
        callbacks.put_begin = put_begin;
        callbacks.put_write = put_write;
        callbacks.put_finish = put_finish;
        callbacks.put_abort = put_abort;
        callbacks.stat = stat;
        callbacks.read = read;
        callbacks.list = list;
        callbacks.remove = remove;
        callbacks.compare_and_swap = compare_and_swap;
        callbacks.release = release;
        return callbacks;
    }
};

} // namespace detail

/**
 * Where objects live. Threads may share it. What is opened on it keeps what it needs of it: the store may be
 * destroyed before.
 */
class store : public detail::handle<lode_store, lode_store_free> {
public:
    /** Takes ownership of a store of lode.h. */
    explicit store(lode_store *raw) noexcept : handle(raw) {}

    /** Opens a store in a directory, which must exist. Throws lode::error. */
    static store open_filesystem(const text &root, const store_options &options = {})
    {
        return try_open_filesystem(root, options).value();
    }
    /** As open_filesystem, with the error in the result. */
    static result<store> try_open_filesystem(const text &root, const store_options &options = {})
    {
        if (root.has_nul()) {
            return detail::nul_refused(); // before the library is given the log
        }
        return detail::make<store>(lode_store_open_filesystem, root, detail::c_store_options(options).get());
    }

    /** Makes a store in this process's memory, gone with its last handle. Throws lode::error. */
    static store open_memory(const store_options &options = {}) { return try_open_memory(options).value(); }
    /** As open_memory, with the error in the result. */
    static result<store> try_open_memory(const store_options &options = {})
    {
        return detail::make<store>(lode_store_open_memory, detail::c_store_options(options).get());
    }

    /**
     * Opens a store by its URL: `file:///path`, `memory:`, or a bucket, such as `s3://bucket/prefix`.
     * @param url the URL.
     * @param settings_json a JSON object of the settings that lode_store_open_url of lode.h lists; NULL:
     *        none.
     * @param options the log.
     * @param call the call's limits.
     * Throws lode::error.
     */
    static store open_url(const text &url, const text &settings_json = nullptr, const store_options &options = {},
                          const call_options &call = {})
    {
        return try_open_url(url, settings_json, options, call).value();
    }
    /** As open_url, with the error in the result. */
    static result<store> try_open_url(const text &url, const text &settings_json = nullptr,
                                      const store_options &options = {}, const call_options &call = {})
    {
        if (url.has_nul() || settings_json.has_nul()) {
            return detail::nul_refused(); // before the library is given the log
        }
        const detail::c_store_options c(options);
        return detail::make_within<store>(call, lode_store_open_url, url, settings_json, c.get());
    }

    /**
     * Makes a store of the program's own class, which lives until the last handle over the store is
     * destroyed.
     * @param own the class. NULL is refused with invalid_argument.
     * @param serial whether its functions are never to be called two at once.
     * @param options the log.
     * Throws lode::error.
     */
    static store open_backend(std::shared_ptr<backend> own, bool serial = false, const store_options &options = {})
    {
        return try_open_backend(std::move(own), serial, options).value();
    }
    /** As open_backend, with the error in the result. */
    static result<store> try_open_backend(std::shared_ptr<backend> own, bool serial = false,
                                          const store_options &options = {})
    {
        if (own == nullptr) {
            return error(status::invalid_argument, "open_backend: there is no backend");
        }
        const lode_store_callbacks callbacks = detail::backend_callbacks::table(std::move(own), serial);
        return detail::make<store>(lode_store_open_callbacks, &callbacks, detail::c_store_options(options).get());
    }

    /** Writes an object, whole and durable; it never replaces one (path_exists). Throws lode::error. */
    void put(const text &key, std::string_view bytes, const call_options &options = {}) const
    {
        try_put(key, bytes, options).value();
    }
    /** As put, with the error in the result. */
    result<void> try_put(const text &key, std::string_view bytes, const call_options &options = {}) const
    {
        return blocking(options, lode_store_put, get(), key, bytes.data(), bytes.size());
    }

    /** Reads a whole object. Throws lode::error. */
    lode::buffer read(const text &key, const call_options &options = {}) const { return try_read(key, options).value(); }
    /** As read, with the error in the result. */
    result<lode::buffer> try_read(const text &key, const call_options &options = {}) const
    {
        const detail::c_call_options c(options);
        auto made = detail::make<lode::buffer>(lode_store_get, get(), key, c.get());
        c.rethrow(!made);
        return made;
    }

    /**
     * Reads from an offset until the buffer is full or the object ends; how many bytes. Throws lode::error.
     */
    std::size_t read_at(const text &key, std::uint64_t offset, void *to, std::size_t capacity,
                        const call_options &options = {}) const
    {
        return try_read_at(key, offset, to, capacity, options).value();
    }
    /** As read_at, with the error in the result. */
    result<std::size_t> try_read_at(const text &key, std::uint64_t offset, void *to, std::size_t capacity,
                                    const call_options &options = {}) const
    {
        const detail::c_call_options c(options);
        std::size_t len = 0;
        auto got = detail::call(lode_store_read_at, get(), key, offset, to, capacity, c.get(), &len);
        c.rethrow(!got);
        return got ? result<std::size_t>(len) : result<std::size_t>(got.error());
    }

    /** Whether there is an object. Throws lode::error. */
    bool exists(const text &key, const call_options &options = {}) const { return try_exists(key, options).value(); }
    /** As exists, with the error in the result. */
    result<bool> try_exists(const text &key, const call_options &options = {}) const
    {
        const detail::c_call_options c(options);
        auto got = detail::call(lode_store_exists, get(), key, c.get());
        c.rethrow(!got);
        return got ? result<bool>(*got == status::ok) : result<bool>(got.error());
    }

    /** Lists the keys of a folder in bytewise order; "": all. Throws lode::error. */
    string_iterator list(const text &prefix, const call_options &options = {}) const
    {
        return try_list(prefix, options).value();
    }
    /** As list, with the error in the result. */
    result<string_iterator> try_list(const text &prefix, const call_options &options = {}) const
    {
        return detail::make_iterator<string_iterator>(options, lode_store_list, get(), prefix);
    }

    /** Removes an object; that there is none is fine. Throws lode::error. */
    void remove(const text &key, const call_options &options = {}) const { try_remove(key, options).value(); }
    /** As remove, with the error in the result. */
    result<void> try_remove(const text &key, const call_options &options = {}) const
    {
        return blocking(options, lode_store_delete, get(), key);
    }

    /** Replaces an object's bytes if they are the expected ones, else conflict. Throws lode::error. */
    void compare_and_swap(const text &key, std::string_view expected, std::string_view value,
                          const call_options &options = {}) const
    {
        try_compare_and_swap(key, expected, value, options).value();
    }
    /** As compare_and_swap, with the error in the result. */
    result<void> try_compare_and_swap(const text &key, std::string_view expected, std::string_view value,
                                      const call_options &options = {}) const
    {
        return blocking(options, lode_store_compare_and_swap, get(), key, expected.data(), expected.size(), value.data(),
                        value.size());
    }

    /**
     * Tries every rule that a store must keep, below a prefix; the error names the first that is broken.
     * Throws it.
     */
    void check_conformance(const text &prefix = "", const call_options &options = {}) const
    {
        try_check_conformance(prefix, options).value();
    }
    /** As check_conformance, with the error in the result. */
    result<void> try_check_conformance(const text &prefix = "", const call_options &options = {}) const
    {
        return blocking(options, lode_store_check_conformance, get(), prefix);
    }

private:
    template <class F, class... Arguments>
    static result<void> blocking(const call_options &options, F function, const Arguments &...arguments)
    {
        const detail::c_call_options c(options);
        auto got = detail::run(function, arguments..., c.get());
        c.rethrow(!got);
        return got;
    }
};

} // namespace lode

#endif
