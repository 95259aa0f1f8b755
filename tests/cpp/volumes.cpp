// Volumes, clean-up, threads of the caller's, and Arrow streams.
#include "check.hpp"

#include <fstream>

namespace {

lode::volume_options hundred_bytes()
{
    lode::volume_options options;
    options.total_length = 100;
    options.durability = lode::durability::process;
    return options;
}

void a_volume_is_filled_block_by_block()
{
    const auto store = lode::store::open_memory();
    const auto volume = lode::volume::open(store, "disk", hundred_bytes());
    const std::string first(40, 'a'), second(60, 'b');
    std::vector<lode::volume_block> blocks;
    blocks.push_back(volume.stage_write_at(0, first));
    const auto snapshot = volume.commit(blocks, R"({"by":"cpp"})");
    CHECK(snapshot.total_length() == 100 && snapshot.block_count() == 1 && snapshot.metadata_json() == R"({"by":"cpp"})");
    const auto block = snapshot.block(0);
    CHECK(block && block->offset == 0 && block->length == 40 && !block->path.empty() && block->checksum &&
          !block->location && !snapshot.block(1));
    const auto gap = snapshot.next_gap();
    CHECK(gap && gap->offset == 40 && gap->length == 60);
    CHECK(volume.commit(blocks, "{}").already_committed());

    char bytes[100];
    volume.read_at(snapshot, 10, bytes, 30);
    CHECK(std::string_view(bytes, 30) == std::string(30, 'a'));
    const auto hole = volume.try_read_at(snapshot, 10, bytes, 31);
    CHECK(hole.status() == lode::status::range_missing && hole.error().offset() == 40);

    // A block of another process is known by its JSON.
    std::istringstream stream(second);
    const auto staged = volume.stage_stream_at(40, 60, stream);
    CHECK(staged.offset() == 40 && staged.length() == 60);
    std::vector<lode::volume_block> rest;
    rest.push_back(volume.block_from_json(staged.json()));
    const auto whole = volume.commit(rest, "{}");
    CHECK(whole.block_count() == 2 && !whole.next_gap() && whole.parent_id() == snapshot.id());
    volume.read_at(whole, 0, bytes, 100);
    CHECK(std::string_view(bytes, 100) == first + second);
    volume.verify_snapshot(whole);
    CHECK(volume.verify().empty() && volume.find_latest().id() == whole.id());
    int listed = 0;
    for (const lode::snapshot &one : volume.list_changes(std::string(snapshot.id()))) {
        listed += one.id() == whole.id();
    }
    CHECK(listed == 1 && volume.adopt(std::string(whole.id())).id() == whole.id());
    CHECK(!volume.find_producer("none"));
    const auto dataset_snapshot = events(store).stream_write_records(ONE, "{}");
    CHECK(dataset_snapshot.total_length() == 0 && dataset_snapshot.block_count() == 0 && !dataset_snapshot.next_gap());
}

void wrong_use_of_a_volume_is_refused()
{
    const auto store = lode::store::open_memory();
    auto volume = lode::volume::open(store, "disk", hundred_bytes());
    std::vector<lode::volume_block> blocks;
    REFUSED(invalid_argument, "", volume.commit(blocks, "{}"));
    REFUSED(invalid_argument, "", volume.stage_write_at(90, "12345678901"));
    REFUSED(invalid_argument, "", volume.stage_write_at(0, ""));
    REFUSED(invalid_argument, "", volume.block_from_json("{}"));
    REFUSED(no_snapshots, "", volume.find_latest());
    blocks.push_back(volume.stage_write_at(0, "0123456789"));
    blocks.push_back(volume.stage_write_at(5, "0123456789"));
    REFUSED(overlapping_blocks, "", volume.commit(blocks, "{}"));
    // What a source throws comes out, and one that ends early is refused.
    struct broken {};
    try {
        (void)volume.stage_stream_at(0, 10, [](char *, std::size_t) -> std::size_t { throw broken(); });
        CHECK(false);
    } catch (const broken &) {
        CHECK(true);
    }
    REFUSED(invalid_argument, "", volume.stage_stream_at(0, 10, [](char *, std::size_t) { return std::size_t{0}; }));
    auto block = std::move(blocks[0]);
    REFUSED(invalid_argument, "", volume.commit(blocks, "{}")); // the first was moved from
    CHECK(blocks[0].json().empty() && blocks[0].length() == 0);
    const auto gone = std::move(volume);
    REFUSED(invalid_argument, "volume", volume.find_latest());
    REFUSED(invalid_argument, "volume", volume.stage_write_at(0, "1"));
}

void clean_up_tells_what_it_removes()
{
    const directory root;
    const auto store = lode::store::open_filesystem(root.path());
    const auto dataset = events(store);
    (void)dataset.stream_write_records(ONE, "{}");
    // A data file that nothing names, as a writer leaves it that died a month ago.
    const std::string key = "datasets/events/snapshots/1700000000000000000-0123456789abcdef/data/data";
    const auto old = std::filesystem::path(root.path()) / key;
    std::filesystem::create_directories(old.parent_path());
    std::ofstream(old) << "1\n";
    std::filesystem::last_write_time(old, std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 30));
    lode::collect_options options;
    options.dry_run = true;
    std::vector<std::string> told;
    options.removed = [&](const lode::garbage &one) {
        CHECK(one.kind == LODE_GARBAGE_DATA_FILE && one.size == 2 && one.age > std::chrono::hours(24 * 29));
        told.emplace_back(one.path);
        return true;
    };
    auto sum = dataset.collect(options);
    CHECK(sum.objects == 1 && sum.bytes == 2 && told == std::vector<std::string>{key});
    CHECK(std::filesystem::exists(old));
    // An answer of no, and an exception, end it before more is removed.
    options.removed = [](const lode::garbage &) { return false; };
    REFUSED(aborted, "", dataset.collect(options));
    struct broken {};
    options.removed = [](const lode::garbage &) -> bool { throw broken(); };
    try {
        (void)dataset.collect(options);
        CHECK(false);
    } catch (const broken &) {
        CHECK(true);
    }
    sum = dataset.collect();
    CHECK(sum.objects == 1 && !std::filesystem::exists(old));
    options = {};
    options.min_age = std::chrono::hours(47);
    REFUSED(invalid_argument, "48 hours", dataset.collect(options));
    REFUSED(unsupported, "", events(lode::store::open_memory()).collect());
    CHECK(lode::volume::open(store, "disk", hundred_bytes()).collect().objects == 0);
}

// Runs tasks on threads, or refuses them, or throws.
class threads final : public lode::executor {
public:
    enum behaviour { take, refuse, fail };

    explicit threads(behaviour how) : how_(how) {}
    ~threads() override
    {
        for (auto &thread : running_) {
            thread.join();
        }
    }

    bool run(std::function<void()> task) override
    {
        asked++;
        if (how_ == fail) {
            throw std::runtime_error("no thread");
        }
        if (how_ == take) {
            running_.emplace_back(std::move(task));
        }
        return how_ == take;
    }

    int asked = 0;

private:
    behaviour how_;
    std::vector<std::thread> running_;
};

void an_executor_gives_the_threads()
{
    const std::vector<std::string> many(300000, R"({"record":"that compresses"})");
    for (const auto how : {threads::take, threads::refuse, threads::fail}) {
        threads executor(how);
        auto options = jsonl();
        options.compressor = lode::compressor::zstd;
        options.threads = 2;
        options.executor = &executor;
        const auto dataset = lode::dataset::open(lode::store::open_memory(), "events", options);
        const auto snapshot = dataset.stream_write_records(many, "{}");
        CHECK(snapshot.row_count() == 300000 && executor.asked > 0 && dataset.verify().empty());
    }
}

lode::dataset_options columns()
{
    lode::dataset_options options;
    options.codec = lode::codec::parquet;
    options.schema_json = R"({"fields":[{"name":"n","type":"int64"},{"name":"s","type":"string","nullable":true}]})";
    options.row_group_bytes = 1 << 20;
    options.parquet_compression = lode::parquet_compression::zstd;
    return options;
}

void arrow_streams_go_in_and_out()
{
    const auto store = lode::store::open_memory();
    if (!lode::has_feature("parquet")) {
        REFUSED(unsupported, "parquet", lode::dataset::open(store, "columns", columns()));
        ArrowArrayStream none = {};
        REFUSED(unsupported, "parquet", events(store).stream_write_arrow(none, "{}"));
        return;
    }
    const auto dataset = lode::dataset::open(store, "columns", columns());
    const std::vector<std::string> records = {R"({"n":1,"s":"one"})", R"({"n":2,"s":null})", R"({"n":3,"s":"three"})"};
    const auto snapshot = dataset.stream_write_records(records, "{}");

    // A stream goes straight into another dataset.
    auto stream = dataset.read_arrow(snapshot);
    CHECK(static_cast<bool>(stream));
    lode::dataset_options any;
    any.codec = lode::codec::parquet;
    const auto copies = lode::dataset::open(store, "copies", any);
    const auto copy = copies.stream_write_arrow(*stream.get(), "{}");
    CHECK(!stream && copy.row_count() == 3 && read_all(copies, copy) == read_all(dataset, snapshot));
    REFUSED(nil_iterator, "", copies.stream_write_arrow(*stream.get(), "{}"));

    // A text that is refused before the call releases the stream, too.
    stream = dataset.read_arrow(snapshot);
    REFUSED(invalid_argument, "NUL", copies.stream_write_arrow(*stream.get(), std::string("{}\0", 3)));
    CHECK(!stream);

    // One column, of a file in which no row group may have what is wanted.
    lode::arrow_read_options options;
    options.columns = {"n"};
    options.comparisons = {{"n", lode::compare::greater, "1000"}};
    options.batch_rows = 2;
    stream = dataset.read_arrow(snapshot, options);
    ArrowArray array = {};
    CHECK(stream.get()->get_next(stream.get(), &array) == 0 && array.release == nullptr);
    options.comparisons.clear();
    stream = dataset.read_arrow(snapshot, options);
    ArrowSchema schema = {};
    CHECK(stream.get()->get_schema(stream.get(), &schema) == 0 && schema.n_children == 1);
    schema.release(&schema);
    options.columns = {"none"};
    REFUSED(invalid_argument, "none", dataset.read_arrow(snapshot, options));
    options.columns = {std::string("n\0", 2)};
    REFUSED(invalid_argument, "NUL", dataset.read_arrow(snapshot, options));

    // Pushed.
    stream = dataset.read_arrow(snapshot);
    CHECK(stream.get()->get_schema(stream.get(), &schema) == 0 && stream.get()->get_next(stream.get(), &array) == 0);
    auto writer = dataset.open_record_writer();
    std::size_t taken = 0;
    writer.append_arrow(array, schema, taken);
    schema.release(&schema);
    CHECK(taken == 3 && array.release == nullptr && writer.commit("{}").row_count() == 3);
}

} // namespace

void volumes()
{
    a_volume_is_filled_block_by_block();
    wrong_use_of_a_volume_is_refused();
    clean_up_tells_what_it_removes();
    an_executor_gives_the_threads();
    arrow_streams_go_in_and_out();
}
