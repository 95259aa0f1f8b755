// See README.md.
#include <lode.hpp>

#include <iostream>
#include <iterator>

namespace {

struct line : std::string {
    friend std::istream &operator>>(std::istream &in, line &to) { return std::getline(in, to); }
};

struct lines {
    std::istream_iterator<line> begin() const { return std::istream_iterator<line>(std::cin); }
    std::istream_iterator<line> end() const { return {}; }
};

} // namespace

int main(int argc, char **argv)
{
    if (argc != 4) {
        return 2;
    }
    try {
        lode::dataset_options options;
        options.codec = lode::codec::jsonl;
        options.compressor = lode::compressor::gzip;
        const auto dataset = lode::dataset::open(lode::store::open_filesystem(argv[2]), argv[3], options);
        if (std::string_view(argv[1]) == "write") {
            (void)dataset.stream_write_records(lines(), R"({"by":"c++"})");
        } else {
            for (std::string_view record : dataset.read(dataset.find_latest())) {
                std::cout << record << '\n';
            }
        }
        return 0;
    } catch (const lode::error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
