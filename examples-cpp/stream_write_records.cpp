// Streams records into a dataset as one snapshot, and reads them back.
//
//   stream_write_records [ROOT]
//
// ROOT is a directory that exists; without it the store is in memory. What a range throws comes out of the
// call, and nothing is committed then.
#include <lode.hpp>

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// Records that are made on the way: any input range will do.
class readings {
public:
    explicit readings(int count, int breaks_at = -1) : count_(count), breaks_at_(breaks_at) {}

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = std::string;
        using difference_type = std::ptrdiff_t;
        using pointer = const std::string *;
        using reference = std::string;

        iterator(int at, int breaks_at) : at_(at), breaks_at_(breaks_at) {}
        std::string operator*() const
        {
            if (at_ == breaks_at_) {
                throw std::runtime_error("sensor " + std::to_string(at_) + " does not answer");
            }
            return R"({"sensor":)" + std::to_string(at_) + R"(,"celsius":)" + std::to_string(20 + at_) + "}";
        }
        iterator &operator++()
        {
            ++at_;
            return *this;
        }
        bool operator==(const iterator &other) const { return at_ == other.at_; }
        bool operator!=(const iterator &other) const { return at_ != other.at_; }

    private:
        int at_, breaks_at_;
    };

    iterator begin() const { return {0, breaks_at_}; }
    iterator end() const { return {count_, breaks_at_}; }

private:
    int count_, breaks_at_;
};

void run(const lode::store &store)
{
    lode::dataset_options options;
    options.codec = lode::codec::jsonl;
    options.compressor = lode::compressor::zstd;
    const auto dataset = lode::dataset::open(store, "readings", options);

    const auto snapshot = dataset.stream_write_records(readings(3), R"({"site":"roof"})");
    std::cout << "committed " << snapshot.id() << ", " << snapshot.row_count() << " records\n";
    for (std::string_view record : dataset.read(snapshot)) {
        std::cout << "  " << record << '\n';
    }

    try {
        (void)dataset.stream_write_records(readings(3, 2), "{}");
    } catch (const std::runtime_error &failure) {
        std::cout << "nothing was committed: " << failure.what() << '\n';
    }
    const std::vector<std::string> bad = {R"({"sensor":1})", R"({"sensor":)"};
    if (const auto refused = dataset.try_stream_write_records(bad, "{}"); !refused) {
        std::cout << lode::name(refused.status()) << ", record " << refused.error().record().value() << ": "
                  << refused.error().message() << '\n';
    }
    std::cout << "the newest snapshot is still " << dataset.find_latest().id() << '\n';
}

} // namespace

int main(int argc, char **argv)
{
    try {
        run(argc > 1 ? lode::store::open_filesystem(argv[1]) : lode::store::open_memory());
        return 0;
    } catch (const lode::error &error) {
        std::cerr << "stream_write_records: " << error.what() << '\n';
        return 1;
    }
}
