// Wrong use is an error, never a crash.
#include "check.hpp"

#include <atomic>
#include <condition_variable>

namespace {

void what_was_moved_from_is_refused()
{
    auto store = lode::store::open_memory();
    auto dataset = events(store);
    auto snapshot = lode::snapshot(dataset.stream_write_records(ONE, "{}"));
    auto reader = dataset.read(snapshot);
    auto writer = dataset.open_record_writer();
    auto blobs = lode::dataset::open(store, "blobs");
    auto blob_writer = blobs.open_blob_writer();
    auto blob_reader = blobs.read_blob(blobs.write_blob("x", "{}"));
    auto catalog = lode::catalog::open(store);
    auto keys = store.list("");
    auto snapshots = dataset.list_snapshots();
    auto buffer = store.read("datasets/events/latest");
    lode::cancel_token token;
    // Each is moved away, and used.
    const auto gone = [](auto &handle) { const auto taken = std::move(handle); };
    gone(snapshot), gone(reader), gone(writer), gone(blob_writer), gone(blob_reader), gone(catalog), gone(keys),
        gone(snapshots), gone(buffer), gone(token);
    CHECK(snapshot.id().empty() && !snapshot.parent_id() && snapshot.row_count() == 0 && !snapshot.file(0) &&
          snapshot.manifest_json().empty() && !snapshot.min_timestamp() && buffer.view().empty() && !snapshot);
    REFUSED(invalid_argument, "snapshot", dataset.read(snapshot));
    REFUSED(invalid_argument, "", reader.next());
    REFUSED(invalid_argument, "", reader.begin());
    REFUSED(invalid_argument, "", reader.position());
    REFUSED(invalid_argument, "", writer.append("1"));
    REFUSED(invalid_argument, "", writer.commit("{}"));
    CHECK(writer.record_count() == -1);
    REFUSED(invalid_argument, "", blob_writer.write("x"));
    char byte = 0;
    REFUSED(invalid_argument, "", blob_reader.read(&byte, 1));
    REFUSED(invalid_argument, "", catalog.list_datasets());
    REFUSED(invalid_argument, "", keys.next());
    REFUSED(invalid_argument, "", snapshots.begin());
    token.cancel(); // does nothing
    lode::call_options options;
    options.cancel = &token; // none
    CHECK(dataset.find_latest(options).row_count() == 1);
    gone(dataset), gone(store);
    REFUSED(invalid_argument, "", dataset.find_latest());
    REFUSED(invalid_argument, "", dataset.stream_write_records(ONE, "{}"));
    REFUSED(invalid_argument, "", events(store));
    REFUSED(invalid_argument, "", store.put("x", "1"));
}

void texts_are_checked()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    using namespace std::string_literals;
    const std::string nul = "a\0b"s;
    REFUSED(invalid_argument, "NUL", store.put(nul, "1"));
    REFUSED(invalid_argument, "NUL", store.put(std::string_view(nul), "1"));
    REFUSED(invalid_argument, "NUL", lode::store::open_filesystem(nul));
    REFUSED(invalid_argument, "NUL", lode::dataset::open(store, nul));
    REFUSED(invalid_argument, "NUL", dataset.stream_write_records(ONE, "{}\0"s));
    lode::commit_options options;
    options.position = nul;
    REFUSED(invalid_argument, "NUL", dataset.stream_write_records(ONE, "{}", options));
    options = {};
    options.producer_id = nul;
    REFUSED(invalid_argument, "NUL", dataset.open_record_writer().commit("{}", options));
    lode::dataset_options hive = jsonl();
    hive.layout = lode::layout::hive;
    hive.partition_keys = {nul};
    REFUSED(invalid_argument, "NUL", lode::dataset::open(store, "x", hive));
    REFUSED(invalid_argument, "", dataset.find_snapshot("\xff"));
    REFUSED(invalid_argument, "", dataset.find_snapshot(nullptr));
    const std::string view_of_more = "events and more";
    CHECK(lode::dataset::try_open(store, std::string_view(view_of_more).substr(0, 6)).has_value());
    hive.partition_keys.clear();
    REFUSED(invalid_argument, "partition", lode::dataset::open(store, "x", hive));
    lode::dataset_options garbage;
    garbage.codec = static_cast<lode::codec>(99);
    REFUSED(invalid_argument, "99", lode::dataset::open(store, "x", garbage));
}

void a_writer_of_two_threads_is_refused()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    auto writer = dataset.open_record_writer();
    writer.append("1");
    std::mutex mutex;
    std::condition_variable changed;
    bool committing = false, tried = false;
    lode::commit_options options;
    options.progress = [&](const lode::progress &) {
        std::unique_lock<std::mutex> lock(mutex);
        committing = true;
        changed.notify_all();
        changed.wait(lock, [&] { return tried; });
        return true;
    };
    std::thread other([&] {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return committing; });
        REFUSED(state, "", writer.append("2"));
        CHECK(writer.record_count() == -1);
        tried = true;
        changed.notify_all();
    });
    const auto snapshot = writer.commit("{}", options);
    other.join();
    CHECK(snapshot.row_count() == 1);
    REFUSED(state, "", writer.append("3"));
    REFUSED(state, "", writer.commit("{}"));
}

void a_range_may_use_the_library_but_not_its_own_writer()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    auto writer = dataset.open_record_writer();
    writer.append("1");
    lode::commit_options options;
    int refusals = 0;
    options.progress = [&](const lode::progress &) {
        refusals += writer.try_append("2").status() == lode::status::state;
        return events(store, "others").try_stream_write_records(ONE, "{}").has_value();
    };
    CHECK(writer.commit("{}", options).row_count() == 1 && refusals > 0);
    CHECK(!has_no_snapshot(events(store, "others")));
}

void many_threads_share_a_dataset()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    std::vector<std::thread> threads;
    std::atomic<int> committed{0};
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&, i] {
            const std::vector<std::string> own = {std::to_string(i)};
            for (int n = 0; n < 5; n++) {
                committed += static_cast<int>(dataset.stream_write_records(own, "{}").row_count());
            }
        });
    }
    for (auto &thread : threads) {
        thread.join();
    }
    int listed = 0;
    for (const lode::snapshot &snapshot : dataset.list_snapshots()) {
        listed += static_cast<int>(snapshot.row_count());
    }
    CHECK(committed == 20 && listed == 20);
}

void handles_go_to_lode_h_and_back()
{
    auto store = lode::store::open_memory();
    const auto dataset = events(store);
    auto snapshot = lode::snapshot(dataset.stream_write_records(ONE, "{}"));
    CHECK(std::string_view(lode_snapshot_id(snapshot.get())) == snapshot.id());
    lode_snapshot *raw = snapshot.release();
    CHECK(!snapshot);
    const lode::snapshot owned(raw);
    CHECK(read_all(dataset, owned) == ONE);
    lode_error *error = nullptr;
    const lode_status status = lode_dataset_find_snapshot(dataset.get(), "x", nullptr, &raw, &error);
    CHECK(lode::error::take(status, error).status() == lode::status::snapshot_not_found);
    CHECK(lode::error::take(LODE_ERR_BUSY, nullptr).message() == "LODE_ERR_BUSY");
}

} // namespace

void misuse()
{
    what_was_moved_from_is_refused();
    texts_are_checked();
    a_writer_of_two_threads_is_refused();
    a_range_may_use_the_library_but_not_its_own_writer();
    many_threads_share_a_dataset();
    handles_go_to_lode_h_and_back();
}
