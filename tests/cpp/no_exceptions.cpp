// lode.hpp in a program without exceptions.
#include <lode.hpp>

#include <cstdio>

int main()
{
    auto store = lode::store::try_open_memory();
    lode::dataset_options options;
    options.codec = lode::codec::jsonl;
    auto dataset = lode::dataset::try_open(*store, "events", options);
    if (!dataset) {
        return 1;
    }
    const std::vector<std::string> records = {"1", "2"};
    auto snapshot = dataset->try_stream_write_records(records, "{}");
    if (!snapshot) {
        std::fprintf(stderr, "%s\n", snapshot.error().what());
        return 1;
    }
    auto reader = dataset->try_read(*snapshot);
    int read = 0;
    for (auto record = reader->try_next(); record && *record; record = reader->try_next()) {
        read++;
    }
    const auto refused = dataset->try_stream_write_records(std::vector<std::string>{"x"}, "{}");
    return read == 2 && refused.status() == lode::status::invalid_record && refused.error().record() == 0u ? 0 : 1;
}
