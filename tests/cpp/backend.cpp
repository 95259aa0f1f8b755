// Stores of the program's own.
#include "check.hpp"

#include <stdexcept>

namespace {

// Objects in a map, which fails where it is told to.
class map_backend : public lode::backend {
public:
    enum place { nowhere, at_begin, at_write, at_finish, at_size, at_read, at_list, at_remove, at_swap };

    place fails = nowhere;
    std::function<void()> fail;
    bool reads_too_much = false, gives_no_upload = false, gives_bad_key = false;
    int *destroyed = nullptr;

    ~map_backend() override
    {
        if (destroyed != nullptr) {
            ++*destroyed;
        }
    }

    std::unique_ptr<upload> begin_put(const std::string &key) override
    {
        reach(at_begin);
        return gives_no_upload ? nullptr : std::make_unique<object>(*this, key);
    }
    std::uint64_t size(const std::string &key) override
    {
        reach(at_size);
        const std::lock_guard<std::mutex> lock(mutex_);
        return find(key).size();
    }
    std::size_t read(const std::string &key, std::uint64_t offset, char *buffer, std::size_t capacity) override
    {
        reach(at_read);
        const std::lock_guard<std::mutex> lock(mutex_);
        const std::string &value = find(key);
        if (reads_too_much) {
            return capacity + 1;
        }
        return offset >= value.size() ? 0 : value.copy(buffer, capacity, static_cast<std::size_t>(offset));
    }
    void list(const std::string &prefix, lode::key_sink &keys) override
    {
        reach(at_list);
        const std::lock_guard<std::mutex> lock(mutex_);
        if (gives_bad_key) {
            keys.add("../escape");
        }
        for (const auto &entry : objects_) {
            if (entry.first.compare(0, prefix.size(), prefix) == 0 && !keys.add(entry.first)) {
                return;
            }
        }
    }
    void remove(const std::string &key) override
    {
        reach(at_remove);
        const std::lock_guard<std::mutex> lock(mutex_);
        objects_.erase(key);
    }
    void compare_and_swap(const std::string &key, std::string_view expected, std::string_view value) override
    {
        reach(at_swap);
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = objects_.find(key);
        if ((found == objects_.end() ? std::string_view() : std::string_view(found->second)) != expected) {
            throw lode::error(lode::status::conflict, "it has something else");
        }
        objects_[key] = value;
    }

private:
    class object : public upload {
    public:
        object(map_backend &in, std::string key) : in_(in), key_(std::move(key)) {}
        void write(std::string_view bytes) override
        {
            in_.reach(at_write);
            value_ += bytes;
        }
        void finish() override
        {
            in_.reach(at_finish);
            const std::lock_guard<std::mutex> lock(in_.mutex_);
            if (!in_.objects_.emplace(key_, value_).second) {
                throw lode::error(lode::status::path_exists, "the key is taken");
            }
        }

    private:
        map_backend &in_;
        std::string key_, value_;
    };

    void reach(place where) const
    {
        if (where == fails && fail) {
            fail();
        }
    }
    const std::string &find(const std::string &key) const
    {
        const auto found = objects_.find(key);
        if (found == objects_.end()) {
            throw lode::error(lode::status::not_found, "no such object");
        }
        return found->second;
    }

    std::mutex mutex_;
    std::map<std::string, std::string> objects_;
};

void a_class_can_be_a_store()
{
    int destroyed = 0;
    {
        auto own = std::make_shared<map_backend>();
        own->destroyed = &destroyed;
        auto store = lode::store::open_backend(std::move(own));
        store.check_conformance();
        const auto dataset = events(store);
        store = lode::store::open_memory(); // the dataset keeps the backend
        CHECK(destroyed == 0);
        const auto snapshot = dataset.stream_write_records(ONE, "{}");
        CHECK(read_all(dataset, snapshot) == ONE && !snapshot.file(0)->location);
    }
    CHECK(destroyed == 1);
    REFUSED(invalid_argument, "no backend", lode::store::open_backend(nullptr));
}

void exceptions_of_a_store_are_errors_of_the_call()
{
    const auto own = std::make_shared<map_backend>();
    const auto store = lode::store::open_backend(own, true);
    store.put("first", "1"); // tries the store's conditions, once
    own->fail = [] { throw std::runtime_error("the network is down"); };
    own->fails = map_backend::at_size;
    REFUSED(store, "the network is down", store.exists("x"));
    own->fails = map_backend::at_list;
    REFUSED(store, "the network is down", store.list("").next());
    own->fails = map_backend::at_remove;
    REFUSED(store, "the network is down", store.remove("x"));
    own->fails = map_backend::at_begin;
    REFUSED(store, "the network is down", store.put("x", "1"));
    own->fails = map_backend::at_write;
    REFUSED(store, "the network is down", store.put("x", "1"));
    // What these two have done is not known.
    own->fails = map_backend::at_finish;
    REFUSED(commit_unknown, "the network is down", store.put("x", "1"));
    own->fails = map_backend::at_swap;
    REFUSED(commit_unknown, "the network is down", store.compare_and_swap("x", "", "1"));
    // Statuses of its own, memory, and what is no exception class at all.
    own->fails = map_backend::at_size;
    own->fail = [] { throw lode::error(lode::status::io, "the cable is cut"); };
    REFUSED(io, "the cable is cut", store.exists("x"));
    own->fail = [] { throw std::bad_alloc(); };
    REFUSED(no_memory, "", store.exists("x"));
    own->fail = [] { throw 5; };
    REFUSED(store, "no std::exception", store.exists("x"));
    const auto failed = store.try_exists("x");
    CHECK(failed.error().callback_code() == LODE_ERR_STORE);
}

void garbage_of_a_store_is_refused()
{
    const auto own = std::make_shared<map_backend>();
    const auto store = lode::store::open_backend(own);
    store.put("x", "1");
    own->reads_too_much = true;
    char bytes[4];
    REFUSED(store, "", store.read_at("x", 0, bytes, sizeof bytes));
    own->reads_too_much = false;
    own->gives_no_upload = true;
    REFUSED(store, "no upload", store.put("y", "1"));
    own->gives_no_upload = false;
    own->gives_bad_key = true;
    REFUSED(store, "../escape", store.list("").next());
    own->gives_bad_key = false;
    own->fails = map_backend::at_size;
    own->fail = [] { throw lode::error(lode::status::ok, "a success is no failure"); };
    REFUSED(store, "a success is no failure", store.exists("x"));
}

void a_blob_with_a_gap_is_not_committed()
{
    const auto own = std::make_shared<map_backend>();
    const auto store = lode::store::open_backend(own);
    const auto dataset = lode::dataset::open(store, "blobs");
    lode::blob_writer_streambuf out(dataset.open_blob_writer());
    std::ostream stream(&out);
    own->fails = map_backend::at_write;
    own->fail = [] { throw lode::error(lode::status::no_space, "full"); };
    stream << std::string(1 << 20, 'x') << std::flush;
    CHECK(stream.bad() && out.failure() && out.failure()->status() == lode::status::no_space);
    own->fails = map_backend::nowhere;
    stream.clear();
    stream << "more" << std::flush;
    CHECK(stream.bad());
    REFUSED(no_space, "full", out.commit("{}"));
    CHECK(has_no_snapshot(dataset));

    lode::blob_writer_streambuf loud(dataset.open_blob_writer());
    std::ostream throwing(&loud);
    throwing.exceptions(std::ios::badbit);
    own->fails = map_backend::at_write;
    REFUSED(no_space, "full", throwing << std::string(1 << 20, 'x') << std::flush);
}

} // namespace

void backends()
{
    a_class_can_be_a_store();
    exceptions_of_a_store_are_errors_of_the_call();
    garbage_of_a_store_is_refused();
    a_blob_with_a_gap_is_not_committed();
}
