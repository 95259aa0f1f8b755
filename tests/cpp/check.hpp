// What the C++ tests share: checks that count and report, temporary directories, an event of every kind.
#ifndef LODE_TESTS_CPP_CHECK_HPP
#define LODE_TESTS_CPP_CHECK_HPP

#include <lode.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <list>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include <unistd.h>

inline int checks_made = 0;
inline int checks_failed = 0;

inline void check_at(const char *file, int line, bool holds, const std::string &message)
{
    checks_made++;
    if (!holds) {
        checks_failed++;
        std::cerr << file << ":" << line << ": " << message << "\n";
    }
}

// Counts a check; prints the expression when it does not hold.
#define CHECK(...) check_at(__FILE__, __LINE__, static_cast<bool>(__VA_ARGS__), #__VA_ARGS__)

template <class F>
void refused_at(const char *file, int line, const char *call, lode::status want, const std::string &fragment, F body)
{
    try {
        body();
        check_at(file, line, false, std::string(call) + ": succeeded, expected " + lode::name(want));
    } catch (const lode::error &error) {
        check_at(file, line, error.status() == want,
                 std::string(call) + ": gave " + lode::name(error.status()) + ", expected " + lode::name(want) + ": " +
                     error.what());
        check_at(file, line, error.message().find(fragment) != std::string::npos,
                 std::string(call) + ": the message lacks \"" + fragment + "\": " + error.what());
        check_at(file, line, error.action() != lode::action::none, std::string(call) + ": an error without an action");
    }
}

// The call must throw lode::error with this status and a message that has this fragment.
#define REFUSED(want, fragment, ...)                                                                                   \
    refused_at(__FILE__, __LINE__, #__VA_ARGS__, lode::status::want, fragment, [&] { (void)(__VA_ARGS__); })

// A directory of its own, removed with it.
class directory {
public:
    directory()
    {
        static int made;
        do {
            const std::string name = "lode-cpp-test-" + std::to_string(getpid()) + "-" + std::to_string(made++);
            path_ = std::filesystem::temp_directory_path() / name;
        } while (!std::filesystem::create_directory(path_));
    }
    ~directory() { std::filesystem::remove_all(path_); }
    directory(const directory &) = delete;
    directory &operator=(const directory &) = delete;

    std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

inline lode::dataset_options jsonl()
{
    lode::dataset_options options;
    options.codec = lode::codec::jsonl;
    return options;
}

inline lode::dataset events(const lode::store &store, const char *id = "events")
{
    return lode::dataset::open(store, id, jsonl());
}

inline std::vector<std::string> read_all(const lode::dataset &dataset, const lode::snapshot &snapshot)
{
    std::vector<std::string> records;
    for (std::string_view record : dataset.read(snapshot)) {
        records.emplace_back(record);
    }
    return records;
}

inline bool has_no_snapshot(const lode::dataset &dataset)
{
    return dataset.try_find_latest().status() == lode::status::no_snapshots;
}

inline const std::vector<std::string> ONE = {"1"};

#endif
