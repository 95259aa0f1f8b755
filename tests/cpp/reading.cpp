// Readers, iterators, snapshots, catalogs, stores.
#include "check.hpp"

#if __cplusplus >= 202002L
#include <ranges>
static_assert(std::ranges::input_range<lode::record_reader>);
static_assert(std::ranges::input_range<lode::string_iterator>);
static_assert(std::ranges::input_range<lode::snapshot_iterator>);
#endif

using namespace std::chrono_literals;

namespace {

void records_come_one_at_a_time_or_in_batches()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    std::vector<std::string> many;
    for (int i = 0; i < 1000; i++) {
        many.push_back(std::to_string(i));
    }
    const auto snapshot = dataset.stream_write_records(many, "{}");
    CHECK(read_all(dataset, snapshot) == many);
    auto reader = dataset.read(snapshot);
    lode::record_batch batch(300);
    std::vector<std::string> batched;
    while (reader.next_batch(batch)) {
        for (std::size_t i = 0; i < batch.size(); i++) {
            batched.emplace_back(batch[i]);
        }
    }
    CHECK(batched == many && batch.size() == 0 && !reader.next_batch(batch));

    // A loop that is left goes on where it was, in another reader too.
    auto first = dataset.read_since("");
    std::size_t seen = 0;
    for (std::string_view record : first) {
        CHECK(record == many[seen]);
        if (++seen == 10) {
            break;
        }
    }
    CHECK(*first.next() == "10");
    const auto more = dataset.stream_write_records(std::vector<std::string>{"\"new\""}, "{}");
    auto rest = dataset.read_since(first.position());
    std::vector<std::string> after;
    for (std::string_view record : rest) {
        after.emplace_back(record);
    }
    CHECK(after.size() == 1000 - 11 + 1 && after.front() == "11" && after.back() == "\"new\"");
    CHECK(dataset.find_latest().id() == more.id());

    lode::read_options options;
    options.deadline = -1s;
    REFUSED(deadline, "", dataset.read(snapshot, options).next());
    lode::cancel_token token;
    options = {};
    options.cancel = &token;
    auto cancelled = dataset.read(snapshot, options);
    CHECK(cancelled.next().has_value());
    token.cancel();
    REFUSED(cancelled, "", cancelled.next());
    REFUSED(snapshot_not_found, "", dataset.find_snapshot("1700000000000000000-0123456789abcdef"));
    REFUSED(invalid_argument, "the snapshot is of the dataset", events(store, "others").read(snapshot));
}

void damage_is_thrown_in_the_loop()
{
    const directory root;
    const auto store = lode::store::open_filesystem(root.path());
    const auto dataset = events(store);
    const auto snapshot = dataset.stream_write_records(std::vector<std::string>{"111", "222"}, "{}");
    const auto file = snapshot.file(0);
    CHECK(file && file->location && file->size == 8 && file->row_count == 2 && file->checksum && !snapshot.file(1));
    std::filesystem::permissions(std::string(*file->location), std::filesystem::perms::owner_all);
    std::FILE *stored = std::fopen(std::string(*file->location).c_str(), "r+");
    std::fputs("9", stored);
    std::fclose(stored);
    REFUSED(corrupt, "checksum", read_all(dataset, snapshot));
    const auto failed = [&] {
        try {
            (void)read_all(dataset, snapshot);
        } catch (const lode::error &error) {
            return error;
        }
        return lode::error(lode::status::unknown, "no error");
    }();
    CHECK(failed.path() && failed.path()->find(file->path) != std::string::npos);
    CHECK(dataset.verify(lode::verify_level::sizes).empty());
    const auto found = dataset.verify();
    CHECK(found.size() == 1 && found[0].kind == LODE_FINDING_FILE_CHECKSUM && found[0].path == file->path &&
          found[0].snapshot_id == snapshot.id() && !found[0].message.empty());
    REFUSED(no_snapshots, "", events(store, "none").verify());
    lode::read_options first;
    first.verify = lode::verify::first;
    REFUSED(corrupt, "", dataset.read(snapshot, first).next());
    first.verify = lode::verify::sizes;
    CHECK(dataset.read(snapshot, first).next() == "911");
}

void snapshots_are_listed_in_order()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    CHECK(dataset.list_snapshots().begin() == lode::snapshot_iterator::iterator());
    const std::vector<std::string> one = {"1"};
    std::vector<std::string> ids;
    for (int i = 0; i < 3; i++) {
        ids.emplace_back(dataset.stream_write_records(one, "{}").id());
    }
    std::vector<lode::snapshot> kept;
    for (lode::snapshot &snapshot : dataset.list_snapshots()) {
        kept.push_back(std::move(snapshot));
    }
    CHECK(kept.size() == 3 && kept[0].id() == ids[0] && kept[2].id() == ids[2]);
    auto changes = dataset.list_changes(ids[1]);
    CHECK(changes.next()->id() == ids[2] && !changes.next());
    CHECK(dataset.list_changes(nullptr).next()->id() == ids[0]);
    CHECK(kept[1].dataset_id() == "events" && kept[1].codec() == "jsonl" && kept[1].compressor() == "noop");
    CHECK(kept[1].created_at() > lode::timestamp() && kept[1].manifest_json().find(ids[1]) != std::string::npos);
    CHECK(dataset.adopt(ids[2]).id() == ids[2]);

    // The progress function lives as long as the iterator that calls it.
    lode::call_options options;
    int told = 0;
    auto *moved = &told;
    options.progress = [moved, padding = std::string(100, 'x')](const lode::progress &) {
        ++*moved;
        return padding.size() == 100;
    };
    auto listed = dataset.list_snapshots(options);
    options = {};
    CHECK(listed.next().has_value() && listed.next().has_value() && told > 0);
}

void a_catalog_shows_what_is_stored()
{
    const auto store = lode::store::open_memory();
    lode::dataset_options hive = jsonl();
    hive.layout = lode::layout::hive;
    hive.partition_keys = {"day"};
    hive.compressor = lode::compressor::zstd;
    hive.compression_level = 5;
    hive.checksum = lode::checksum::sha256;
    hive.file_statistics = true;
    const auto dataset = lode::dataset::open(store, "logs", hive);
    const auto at = [](int seconds) { return lode::timestamp(std::chrono::seconds(seconds)); };
    const std::vector<lode::timed_record> records = {{R"({"day":"a"})", at(100)}, {R"({"day":"b"})", at(200)}};
    const auto snapshot = dataset.write_records(records, "{}");
    REFUSED(partitioning_not_supported, "", dataset.stream_write_records(records, "{}"));

    const auto catalog = lode::catalog::open(store, lode::layout::hive);
    std::vector<std::string> found;
    for (std::string_view id : catalog.list_datasets()) {
        found.emplace_back(id);
    }
    for (std::string_view partition : catalog.list_partitions("logs")) {
        found.emplace_back(partition);
    }
    CHECK(found == std::vector<std::string>{"logs", "day=a", "day=b"});
    CHECK(catalog.list_snapshots("logs", "day=a").next()->id() == snapshot.id());
    CHECK(!catalog.list_snapshots("logs", "day=c").next());
    CHECK(catalog.list_snapshots("logs", "", lode::time_range{at(150), {}}).next().has_value());
    CHECK(!catalog.list_snapshots("logs", "", lode::time_range{at(201), {}}).next());
    REFUSED(not_found, "", catalog.list_partitions("none").next());
    std::string key;
    for (std::string_view stored : store.list("")) {
        if (stored.find("manifest.json") != std::string_view::npos) {
            key = stored;
        }
    }
    CHECK(catalog.read_manifest(key).id() == snapshot.id());
    char byte = 0;
    CHECK(catalog.open_object(snapshot.file(0)->path).read(&byte, 1) == 1);
    REFUSED(datasets_not_modeled, "", lode::catalog::open(store, lode::layout::flat).list_datasets());
}

void a_store_keeps_objects()
{
    const directory root;
    std::vector<std::string> log;
    lode::store_options options;
    options.log = [&log](lode::log_level, std::string_view message) { log.emplace_back(message); };
    const auto store = lode::store::open_filesystem(root.path(), options);
    store.put("a/one", "first");
    REFUSED(path_exists, "a/one", store.put("a/one", "second"));
    store.put("a/none", "");
    CHECK(store.read("a/one").view() == "first" && store.read("a/none").view().empty());
    char bytes[8];
    CHECK(store.read_at("a/one", 3, bytes, sizeof bytes) == 2 && std::string_view(bytes, 2) == "st");
    CHECK(store.exists("a/one") && !store.exists("b"));
    store.compare_and_swap("c", "", "1");
    REFUSED(conflict, "", store.compare_and_swap("c", "0", "2"));
    store.compare_and_swap("c", "1", "2");
    std::string keys;
    for (std::string_view key : store.list("a")) {
        keys += std::string(key) + " ";
    }
    CHECK(keys == "a/none a/one ");
    store.remove("a/one");
    store.remove("a/one");
    REFUSED(not_found, "a/one", store.read("a/one"));
    REFUSED(invalid_path, "", store.read("../x"));
    REFUSED(not_found, "", lode::store::open_filesystem(root.path() + "/none"));
    store.check_conformance("try");
    CHECK(lode::store::open_url("file://" + root.path()).read("c").view() == "2");
    CHECK(!lode::store::open_url("memory:", "{}", options).exists("c"));
    REFUSED(invalid_argument, "nowhere", lode::store::open_url("nowhere:"));
    REFUSED(invalid_argument, "NUL", lode::store::open_url("memory:", std::string("{}\0", 3)));
    CHECK(std::string_view(lode::version()) == std::to_string(LODE_VERSION_MAJOR) + "." +
                                                   std::to_string(LODE_VERSION_MINOR) + "." +
                                                   std::to_string(LODE_VERSION_PATCH));
    CHECK(!lode::has_feature("no such feature"));
    CHECK(std::string_view(lode::name(lode::action::rebase)) == "LODE_ACTION_REBASE");
}

void a_result_has_a_value_or_an_error()
{
    auto good = lode::store::try_open_memory();
    CHECK(good && good.status() == lode::status::ok);
    const lode::store taken = std::move(good).value();
    CHECK(static_cast<bool>(taken));
    const auto bad = taken.try_read("none");
    CHECK(!bad && bad.status() == lode::status::not_found);
    const lode::error copy = bad.error(); // copies share the facts
    CHECK(copy.message() == bad.error().message() && copy.what() == bad.error().what());
    REFUSED(not_found, "none", bad.value());
    CHECK(taken.try_put("x", "1").has_value() && !taken.try_put("x", "1").has_value());
}

} // namespace

void reading()
{
    records_come_one_at_a_time_or_in_batches();
    damage_is_thrown_in_the_loop();
    snapshots_are_listed_in_order();
    a_catalog_shows_what_is_stored();
    a_store_keeps_objects();
    a_result_has_a_value_or_an_error();
}
