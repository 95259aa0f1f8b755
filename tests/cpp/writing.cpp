// Ranges, writers, commits.
#include "check.hpp"

#include <array>
#include <deque>
#include <forward_list>
#include <iterator>
// Clang before 16 cannot compile the views of libstdc++.
#if __cplusplus >= 202002L && (!defined(__clang__) || __clang_major__ >= 16)
#include <ranges>
#define HAS_VIEWS 1
#endif

using namespace std::chrono_literals;

namespace {

const std::vector<std::string> THREE = {R"({"id":1})", "[2]", "\"three\""};

// What a range of the test throws.
struct broken_range {
    int number;
};

// An input range of strings made on the way, which throws where it is told to.
class counting_range {
public:
    enum place { nowhere, at_begin, at_step, at_item, at_compare };

    counting_range(int count, place throws = nowhere, int when = 0) : count_(count), throws_(throws), when_(when) {}

    struct iterator {
        using iterator_category = std::input_iterator_tag;
        using value_type = std::string;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = std::string;

        counting_range *range;
        int at;

        std::string operator*() const
        {
            range->reach(at_item, at);
            return std::to_string(at);
        }
        iterator &operator++()
        {
            ++at;
            range->reach(at_step, at);
            return *this;
        }
        void operator++(int) { ++*this; }
    };
    struct sentinel {
        friend bool operator==(const iterator &a, sentinel)
        {
            a.range->reach(at_compare, a.at);
            return a.at == a.range->count();
        }
        friend bool operator!=(const iterator &a, sentinel end) { return !(a == end); }
    };

    iterator begin()
    {
        reach(at_begin, 0);
        return {this, 0};
    }
    sentinel end() const { return {}; }

    void reach(place where, int at) const
    {
        if (where == throws_ && at == when_) {
            throw broken_range{at};
        }
    }
    int count() const { return count_; }

private:
    int count_;
    place throws_;
    int when_;
};

void any_input_range_is_a_stream_of_records()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    const auto round_trips = [&](auto &&range) {
        return read_all(dataset, dataset.stream_write_records(range, "{}")) == THREE &&
               read_all(dataset, dataset.write_records(range, "{}")) == THREE;
    };
    CHECK(round_trips(THREE));
    CHECK(round_trips(std::list<std::string>(THREE.begin(), THREE.end())));
    CHECK(round_trips(std::forward_list<std::string_view>(THREE.begin(), THREE.end())));
    CHECK(round_trips(std::deque<std::string>(THREE.begin(), THREE.end())));
    const char *array[] = {THREE[0].c_str(), THREE[1].c_str(), THREE[2].c_str()};
    CHECK(round_trips(array));
    CHECK(round_trips(std::array<std::string, 3>{THREE[0], THREE[1], THREE[2]}));
    CHECK(round_trips(std::initializer_list<std::string_view>{THREE[0], THREE[1], THREE[2]}));
    const auto made = read_all(dataset, dataset.stream_write_records(counting_range(1000), "{}"));
    CHECK(made.size() == 1000 && made[0] == "0" && made[999] == "999");
    CHECK(read_all(dataset, dataset.write_records(counting_range(1000), "{}")) == made);
    // An iterator that lends what it overwrites with the next step.
    std::istringstream words("1 22 333");
    struct {
        std::istream_iterator<std::string> first;
        auto begin() const { return first; }
        auto end() const { return std::istream_iterator<std::string>(); }
    } borrowed{std::istream_iterator<std::string>(words)};
    CHECK(read_all(dataset, dataset.stream_write_records(borrowed, "{}")) ==
          std::vector<std::string>{"1", "22", "333"});
    CHECK(dataset.stream_write_records(std::vector<std::string>(), "{}").row_count() == 0);
    CHECK(dataset.write_records(std::vector<std::string>(), "{}").row_count() == 0);
#if defined(HAS_VIEWS)
    std::istringstream more("1 22 333");
    CHECK(read_all(dataset, dataset.stream_write_records(std::views::istream<std::string>(more), "{}")).size() == 3);
    auto odd = std::views::iota(0, 10) | std::views::filter([](int i) { return i % 2 == 1; }) |
               std::views::transform([](int i) { return std::to_string(i); });
    CHECK(read_all(dataset, dataset.stream_write_records(odd, "{}")) ==
          std::vector<std::string>{"1", "3", "5", "7", "9"});
#endif
}

void exceptions_of_a_range_come_out_unchanged_and_nothing_is_committed()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    for (const auto place : {counting_range::at_begin, counting_range::at_step, counting_range::at_item,
                             counting_range::at_compare}) {
        const int when = place == counting_range::at_begin ? 0 : 700;
        for (const int form : {0, 1, 2}) {
            int caught = -1;
            try {
                counting_range range(1000, place, when);
                if (form == 0) {
                    (void)dataset.stream_write_records(range, "{}");
                } else if (form == 1) {
                    (void)dataset.try_stream_write_records(range, "{}");
                } else {
                    (void)dataset.write_records(range, "{}");
                }
            } catch (const broken_range &broken) {
                caught = broken.number;
            }
            CHECK(caught == when);
        }
    }
    CHECK(has_no_snapshot(dataset));
}

// An input range of timed records, which are made on the way.
struct one_at_a_time {
    const std::vector<lode::timed_record> &from;
    struct iterator {
        using iterator_category = std::input_iterator_tag;
        using value_type = lode::timed_record;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = lode::timed_record;
        std::vector<lode::timed_record>::const_iterator at;
        lode::timed_record operator*() const { return *at; }
        iterator &operator++()
        {
            ++at;
            return *this;
        }
        bool operator!=(const iterator &other) const { return at != other.at; }
        bool operator==(const iterator &other) const { return at == other.at; }
    };
    iterator begin() const { return {from.begin()}; }
    iterator end() const { return {from.end()}; }
};

void times_come_with_their_records()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    const auto at = [](int seconds) { return lode::timestamp(std::chrono::seconds(seconds)); };
    const std::vector<lode::timed_record> records = {{"1", at(50)}, {"2"}, {"3", at(20)}};
    const auto same = [&](const lode::snapshot &snapshot) {
        return snapshot.min_timestamp() == at(20) && snapshot.max_timestamp() == at(50) && snapshot.row_count() == 3;
    };
    CHECK(same(dataset.stream_write_records(records, "{}")));
    CHECK(same(dataset.write_records(records, "{}")));
    CHECK(same(dataset.stream_write_records(one_at_a_time{records}, "{}")));
    auto writer = dataset.open_record_writer();
    writer.append("1", at(50));
    writer.append("2");
    writer.append("3", at(20));
    CHECK(same(writer.commit("{}")));
    CHECK(!dataset.stream_write_records(THREE, "{}").min_timestamp());
}

void a_refused_record_is_named()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    const std::vector<std::string> bad = {"1", "2", "{\"a\":x}", "4"};
    const auto failed = dataset.try_stream_write_records(bad, "{}");
    CHECK(!failed && failed.status() == lode::status::invalid_record);
    CHECK(failed.error().record() == 2u && failed.error().offset() == 5u);
    CHECK(failed.error().action() == lode::action::give_up);
    const char *null_text[] = {"1", nullptr};
    const auto null = dataset.try_stream_write_records(null_text, "{}");
    CHECK(null.status() == lode::status::invalid_record && null.error().record() == 1u);

    auto writer = dataset.open_record_writer();
    writer.append("1");
    REFUSED(invalid_record, "JSON", writer.append("nonsense"));
    const std::string batch = "12,34";
    const std::size_t lengths[] = {1, 1, 1, 2};
    std::size_t taken = 99;
    REFUSED(invalid_record, "", writer.append_batch(batch, lengths, 4, taken));
    CHECK(taken == 2);
    REFUSED(invalid_argument, "add up", writer.append_batch("12", lengths, 4, taken));
    std::vector<std::string_view> apart(100, "6");
    apart[70] = "bad";
    REFUSED(invalid_record, "", writer.append_records(apart.data(), apart.size(), taken));
    CHECK(taken == 70);
    writer.append_records(apart.data(), 0, taken);
    CHECK(taken == 0 && writer.record_count() == 73);
    std::size_t consumed = 0;
    REFUSED(invalid_record, "", writer.append_lines("7\n\nx\n8\n", consumed));
    CHECK(consumed <= 3);
    writer.append_lines("8\n9", consumed);
    CHECK(consumed == 2 && writer.record_count() == 75 && writer.byte_count() > 0);
    std::vector<std::string> all{"1", "1", "2", "7", "8"};
    all.insert(all.begin() + 3, 70, "6");
    CHECK(read_all(dataset, writer.commit("{}")) == all);

    lode::record_writer_options skipping;
    skipping.bad_records = lode::bad_records::skip;
    auto lenient = dataset.open_record_writer(skipping);
    lenient.append("x");
    CHECK(lenient.skipped_count() == 1 && lenient.record_count() == 0);
    lenient.abort();
    REFUSED(state, "", lenient.append("1"));
}

void descriptors_feed_writers_and_take_records()
{
    const directory root;
    const auto store = lode::store::open_filesystem(root.path());
    const auto dataset = events(store);
    std::FILE *file = std::tmpfile();
    std::fputs("1\n\n[2]\n3", file);
    std::fflush(file);
    std::rewind(file);
    auto writer = dataset.open_record_writer();
    writer.append_from_fd(fileno(file));
    const auto snapshot = writer.commit("{}");
    std::FILE *out = std::tmpfile();
    dataset.read(snapshot).read_to_fd(fileno(out));
    std::rewind(out);
    char text[32] = "";
    CHECK(std::fread(text, 1, sizeof text - 1, out) == 8 && std::string_view(text) == "1\n[2]\n3\n");

    const auto blobs = lode::dataset::open(store, "blobs");
    std::rewind(file);
    auto blob = blobs.open_blob_writer();
    blob.write_from_fd(fileno(file));
    const auto stored = blob.commit("{}");
    std::rewind(out);
    blobs.read_blob(stored).read_to_fd(fileno(out));
    std::fclose(file);
    std::fclose(out);
    REFUSED(invalid_argument, "fd", dataset.open_record_writer().append_from_fd(-1));
}

void commits_do_what_their_options_say()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    lode::commit_options options;
    options.expected_parent = "";
    const auto first = dataset.stream_write_records(THREE, R"({"source":"test"})", options);
    CHECK(first.status() == lode::status::ok && !first.parent_id() && first.metadata_json() == R"({"source":"test"})");
    const auto conflict = dataset.try_stream_write_records(THREE, "{}", options);
    CHECK(conflict.status() == lode::status::conflict && conflict.error().snapshot_id() == first.id());
    CHECK(conflict.error().action() == lode::action::rebase);
    options.expected_parent = std::string(first.id());
    const auto second = dataset.stream_write_records(THREE, "{}", options);
    CHECK(second.parent_id() == first.id());

    lode::commit_options once;
    once.producer_id = "meter-7";
    once.sequence = 1;
    once.position = "byte 100";
    once.attempts = 3;
    once.attempt_base = 1ms;
    once.attempt_cap = 2ms;
    const auto committed = dataset.stream_write_records(THREE, "{}", once);
    const auto again = dataset.stream_write_records(THREE, "{}", once);
    CHECK(!committed.already_committed() && again.already_committed() && again.id() == committed.id());
    const auto known = dataset.find_producer("meter-7");
    CHECK(known && known->find_producer("meter-7")->sequence == 1 &&
          known->find_producer("meter-7")->position == "byte 100");
    CHECK(!dataset.find_producer("meter-8") && !known->find_producer("meter-8"));

    lode::cancel_token token;
    token.cancel();
    lode::commit_options ends;
    ends.cancel = &token;
    REFUSED(cancelled, "", dataset.stream_write_records(THREE, "{}", ends));
    ends.cancel = nullptr;
    ends.deadline = std::chrono::steady_clock::now() - 1s;
    REFUSED(deadline, "", dataset.stream_write_records(THREE, "{}", ends));
    ends.deadline = 0s;
    REFUSED(deadline, "", dataset.stream_write_records(THREE, "{}", ends));
    ends.deadline = std::chrono::hours::max();
    CHECK(dataset.stream_write_records(THREE, "{}", ends).row_count() == 3);
    ends.progress = [](const lode::progress &) { return false; };
    REFUSED(aborted, "", dataset.stream_write_records(THREE, "{}", ends));
    ends.progress = [](const lode::progress &) -> bool { throw broken_range{7}; };
    int caught = 0;
    try {
        (void)dataset.stream_write_records(THREE, "{}", ends);
    } catch (const broken_range &broken) {
        caught = broken.number;
    }
    CHECK(caught == 7);
    REFUSED(metadata_invalid, "", dataset.stream_write_records(THREE, "[]"));
    REFUSED(metadata_reserved, "", dataset.stream_write_records(THREE, R"({"lode.x":1})"));
    REFUSED(metadata_required, "", dataset.stream_write_records(THREE, nullptr));
    CHECK(dataset.resolve_commit(committed.id())->id() == committed.id());
}

void deadlines_keep_their_meaning()
{
    CHECK(lode::deadline().milliseconds() == 0);
    CHECK(lode::deadline(5s).milliseconds() == 5000);
    CHECK(lode::deadline(1ns).milliseconds() == 1);
    CHECK(lode::deadline(1500us).milliseconds() == 2);
    CHECK(lode::deadline(0s).milliseconds() == -1);
    CHECK(lode::deadline(-5s).milliseconds() == -1);
    CHECK(lode::deadline(std::chrono::hours::max()).milliseconds() > 0);
    CHECK(lode::deadline(std::chrono::duration<double>(0.25)).milliseconds() == 250);
    CHECK(lode::deadline(std::chrono::steady_clock::now() + 1h).milliseconds() > 3000000);
}

void blobs_are_streams()
{
    const auto store = lode::store::open_memory();
    const auto dataset = lode::dataset::open(store, "blobs");
    std::string long_text;
    for (int i = 0; i < 100000; i++) {
        long_text += std::to_string(i) + '\n';
    }
    lode::blob_writer_streambuf out(dataset.open_blob_writer(), 1000);
    std::ostream stream(&out);
    stream << "head " << 42 << '\n' << long_text << "tail" << std::flush;
    const auto snapshot = out.commit("{}");
    lode::blob_reader_streambuf in(dataset.read_blob(snapshot), 777);
    std::istream source(&in);
    std::stringstream read;
    read << source.rdbuf();
    CHECK(!source.bad() && !in.failure() && read.str() == "head 42\n" + long_text + "tail");
    // From a stream, and from a function.
    std::istringstream text(long_text);
    CHECK(dataset.stream_write_blob(text, "{}").row_count() == 1);
    std::size_t given = 0;
    const auto from_function = [&](char *to, std::size_t capacity) {
        const std::size_t count = std::min(capacity, long_text.size() - given);
        long_text.copy(to, count, given);
        given += count;
        return count;
    };
    const auto pulled = dataset.stream_write_blob(from_function, "{}");
    auto reader = dataset.read_blob(pulled);
    char bytes[4];
    CHECK(reader.read_at(4, bytes, 2) == 2 && std::string_view(bytes, 2) == "2\n");
    CHECK(reader.read_at(long_text.size(), bytes, 4) == 0);
    CHECK(reader.read(bytes, 4) == 4 && std::string_view(bytes, 4) == "0\n1\n");
    CHECK(dataset.write_blob("", "{}").file(0)->size == 0);
    int caught = 0;
    try {
        (void)dataset.stream_write_blob([](char *, std::size_t) -> std::size_t { throw broken_range{9}; }, "{}");
    } catch (const broken_range &broken) {
        caught = broken.number;
    }
    CHECK(caught == 9);
    REFUSED(iterator_contract, "",
            dataset.stream_write_blob([](char *, std::size_t capacity) { return capacity + 1; }, "{}"));
    text.setstate(std::ios::badbit);
    REFUSED(invalid_argument, "failed before", dataset.stream_write_blob(text, "{}"));
    CHECK(out.pubsync() == 0); // nothing is left to write
    REFUSED(state, "", out.commit("{}"));
    lode::blob_writer_streambuf given_up(dataset.open_blob_writer());
    given_up.abort();
}

void parts_are_committed_together()
{
    const auto store = lode::store::open_memory();
    const auto dataset = events(store);
    auto writer = dataset.open_record_writer();
    writer.append("0");
    std::vector<lode::part> parts;
    parts.push_back(writer.stage());
    parts.push_back(dataset.stage_records(THREE));
    CHECK(parts[1].record_count() == 3 && parts[1].file_count() == 1 && parts[1].size() > 0 && !parts[1].id().empty() &&
          parts[1].file_path(0).find(parts[1].id()) != std::string_view::npos && parts[1].file_path(1).empty());
    parts[1] = dataset.part_from_json(parts[1].json());
    lode::commit_options options;
    options.verify_parts = true;
    const auto snapshot = dataset.commit_parts(parts, "{}", options);
    CHECK(read_all(dataset, snapshot).size() == 4 && snapshot.file_count() == 2);
    const auto again = dataset.try_commit_parts(parts, "{}");
    CHECK(again.status() == lode::status::part_committed && again.error().snapshot_id() == snapshot.id());
    REFUSED(part_committed, "", parts[0].discard());
    const auto given_up = dataset.stage_records(THREE);
    given_up.discard();
    const std::array<std::reference_wrapper<const lode::part>, 1> gone = {given_up};
    REFUSED(not_found, "", dataset.commit_parts(gone, "{}"));
    int caught = 0;
    try {
        (void)dataset.stage_records(counting_range(9, counting_range::at_item, 5));
    } catch (const broken_range &broken) {
        caught = broken.number;
    }
    CHECK(caught == 5);
    const auto blobs = lode::dataset::open(store, "blobs");
    std::istringstream text("some bytes");
    const std::array<lode::part, 1> blob = {blobs.stage_blob(text)};
    CHECK(blobs.commit_parts(blob, "{}").file(0)->size == 10);
    auto pushed = blobs.open_blob_writer();
    pushed.write("more");
    CHECK(pushed.stage().record_count() == 1);
    REFUSED(invalid_argument, "", dataset.part_from_json("{}"));
    const auto moved = std::move(parts[0]);
    CHECK(parts[0].id().empty() && parts[0].size() == 0);
    REFUSED(invalid_argument, "", parts[0].discard());
    REFUSED(invalid_argument, "", dataset.commit_parts(parts, "{}"));
}

} // namespace

void writing()
{
    parts_are_committed_together();
    any_input_range_is_a_stream_of_records();
    exceptions_of_a_range_come_out_unchanged_and_nothing_is_committed();
    times_come_with_their_records();
    a_refused_record_is_named();
    descriptors_feed_writers_and_take_records();
    commits_do_what_their_options_say();
    deadlines_keep_their_meaning();
    blobs_are_streams();
}
