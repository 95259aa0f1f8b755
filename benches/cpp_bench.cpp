// The same work by lode.hpp, for comparison with C:
//
//   cpp_bench append|pull INPUT ROOT
//
// All lines of INPUT into one snapshot, by record_writer::append or by stream_write_records, without checksum
// and without fsync. Prints one JSON object on a line. The time, in nanoseconds, leaves out reading INPUT.
#include <lode.hpp>

#include <fstream>
#include <iostream>
#include <sstream>

int main(int argc, char **argv)
{
    const std::string form = argc == 4 ? argv[1] : "";
    if (form != "append" && form != "pull") {
        std::cerr << "usage: cpp_bench append|pull INPUT ROOT\n";
        return 2;
    }
    std::ostringstream read;
    read << std::ifstream(argv[2]).rdbuf();
    const std::string data = read.str();
    std::vector<std::string_view> records;
    for (std::size_t at = 0, end; (end = data.find('\n', at)) != std::string::npos; at = end + 1) {
        records.push_back(std::string_view(data).substr(at, end - at));
    }
    try {
        const auto begun = std::chrono::steady_clock::now();
        lode::dataset_options options;
        options.codec = lode::codec::jsonl;
        options.checksum = lode::checksum::none;
        options.durability = lode::durability::process;
        const auto dataset = lode::dataset::open(lode::store::open_filesystem(argv[3]), "bench", options);
        std::int64_t written = 0;
        if (form == "pull") {
            written = dataset.stream_write_records(records, "{}").row_count();
        } else {
            auto writer = dataset.open_record_writer();
            for (const std::string_view record : records) {
                writer.append(record);
            }
            written = writer.commit("{}").row_count();
        }
        const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
        std::cout << "{\"ns\":" << took.count() << ",\"records\":" << written << ",\"bytes\":" << data.size() << "}\n";
        return written == static_cast<std::int64_t>(records.size()) ? 0 : 1;
    } catch (const lode::error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
