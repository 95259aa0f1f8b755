// A daemon that commits the JSON lines of its standard input, each exactly once, however often it is killed.
//
//   daemon ROOT DATASET PRODUCER [RECORDS [SECONDS]]
//
// A snapshot is committed when it has RECORDS records (1000), when its oldest waited SECONDS (5), at the end
// of the input, and at SIGTERM or SIGINT. Its commit carries the producer, a sequence, and as position the
// number of input lines that are in it or before it. After a restart the daemon leaves out so many lines:
// feed it the same input from its beginning. Lines that are no record are left out, named on standard error,
// and counted in the snapshot's metadata.
//
// Each commit is a line on standard output: "committed SNAPSHOT RECORDS POSITION". Exit status: 0 all is
// committed; 1 it failed, start it again; 2 wrong usage.
#include <lode.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>

#include <poll.h>
#include <unistd.h>

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

namespace {

volatile std::sig_atomic_t stopping = 0;

class line_daemon {
public:
    // `while_waiting`: the signals that stay blocked while it waits for input. SIGTERM and SIGINT arrive
    // there only.
    line_daemon(lode::dataset dataset, std::string producer, std::int64_t most, std::chrono::seconds longest,
                sigset_t while_waiting)
        : dataset_(std::move(dataset)), producer_(std::move(producer)), most_(most), longest_(longest),
          while_waiting_(while_waiting)
    {
        if (const auto snapshot = dataset_.find_producer(producer_)) {
            const auto known = snapshot->find_producer(producer_).value();
            sequence_ = known.sequence;
            committed_lines_ = std::stoull(known.position);
        }
    }

    void run()
    {
        std::string pending;
        std::array<char, 1 << 16> piece;
        for (bool ended = false; !ended && stopping == 0;) {
            pollfd input = {STDIN_FILENO, POLLIN, 0};
            const timespec wait = longest_wait();
            const int ready = ppoll(&input, 1, lines_ > committed_lines_ ? &wait : nullptr, &while_waiting_);
            if (ready < 0 && errno != EINTR) {
                throw std::runtime_error(std::string("ppoll: ") + std::strerror(errno));
            }
            if (ready > 0) {
                const ssize_t len = read(STDIN_FILENO, piece.data(), piece.size());
                if (len < 0 && errno != EINTR && errno != EAGAIN) {
                    throw std::runtime_error(std::string("standard input: ") + std::strerror(errno));
                }
                ended = len == 0;
                pending.append(piece.data(), len > 0 ? static_cast<std::size_t>(len) : 0);
            }
            take_lines(pending, ended);
            if (lines_ > committed_lines_ && steady::now() >= due_) {
                commit();
            }
        }
        if (lines_ > committed_lines_) {
            commit();
        }
    }

private:
    // Until the oldest record is due.
    timespec longest_wait() const
    {
        const auto left = std::max(std::chrono::nanoseconds(due_ - steady::now()), 0ns);
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        timespec wait = {};
        wait.tv_sec = static_cast<std::time_t>(seconds.count());
        wait.tv_nsec = static_cast<long>((left - seconds).count());
        return wait;
    }

    // Gives the whole lines to the writer, and at the end of the input what is left.
    void take_lines(std::string &pending, bool ended)
    {
        std::size_t begin = 0;
        for (;;) {
            const std::size_t end = pending.find('\n', begin);
            if (end == std::string::npos && !(ended && begin < pending.size())) {
                break;
            }
            take(std::string_view(pending).substr(begin, end == std::string::npos ? end : end - begin));
            if (records_ >= most_) {
                commit();
            }
            begin = end == std::string::npos ? pending.size() : end + 1;
        }
        pending.erase(0, begin);
    }

    void take(std::string_view line)
    {
        if (++lines_ <= committed_lines_) {
            return; // committed before a restart
        }
        if (!writer_) {
            writer_ = dataset_.open_record_writer();
            due_ = steady::now() + longest_;
        }
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            return;
        }
        for (auto pause = 50ms;; pause = std::min(pause * 2, 2000ms)) {
            const auto appended = writer_->try_append(line);
            if (appended) {
                ++records_;
                return;
            }
            const lode::status status = appended.status();
            if (status == lode::status::invalid_record || status == lode::status::record_too_large) {
                ++invalid_;
                std::cerr << "daemon: line " << lines_ << " is left out: " << appended.error().message() << '\n';
                return;
            }
            if (status != lode::status::no_space) {
                throw appended.error();
            }
            std::cerr << "daemon: the disk is full; waiting\n"; // the writer has taken nothing of the record
            const timespec wait = {pause.count() / 1000, pause.count() % 1000 * 1000000};
            ppoll(nullptr, 0, &wait, &while_waiting_);
            if (stopping != 0) {
                throw appended.error();
            }
        }
    }

    void commit()
    {
        lode::commit_options options;
        options.producer_id = producer_;
        options.sequence = sequence_ + 1;
        options.position = std::to_string(lines_);
        options.deadline = 10s;
        options.attempts = 10; // a commit in doubt is resolved by the next try
        const auto snapshot = writer_->commit(R"({"invalid_records":)" + std::to_string(invalid_) + "}", options);
        if (snapshot.already_committed()) {
            throw std::runtime_error("another daemon commits as producer " + producer_);
        }
        std::cout << "committed " << snapshot.id() << ' ' << snapshot.row_count() << ' ' << lines_ << std::endl;
        writer_.reset();
        sequence_ = options.sequence;
        committed_lines_ = lines_;
        records_ = 0;
        invalid_ = 0;
    }

    lode::dataset dataset_;
    std::string producer_;
    std::int64_t most_;
    std::chrono::seconds longest_;
    sigset_t while_waiting_;
    std::optional<lode::record_writer> writer_;
    std::uint64_t sequence_ = 0, lines_ = 0, committed_lines_ = 0;
    std::int64_t records_ = 0, invalid_ = 0;
    steady::time_point due_{};
};

} // namespace

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 6) {
        std::cerr << "usage: daemon ROOT DATASET PRODUCER [RECORDS [SECONDS]]\n";
        return 2;
    }
    struct sigaction action = {};
    action.sa_handler = [](int) { stopping = 1; };
    sigset_t ours, before;
    sigemptyset(&ours);
    for (const int number : {SIGTERM, SIGINT}) {
        sigaction(number, &action, nullptr);
        sigaddset(&ours, number);
    }
    sigprocmask(SIG_BLOCK, &ours, &before); // a signal that comes just before a wait still ends it
    try {
        lode::dataset_options options;
        options.codec = lode::codec::jsonl;
        auto dataset = lode::dataset::open(lode::store::open_filesystem(argv[1]), argv[2], options);
        line_daemon(std::move(dataset), argv[3], argc > 4 ? std::stoll(argv[4]) : 1000,
                    std::chrono::seconds(argc > 5 ? std::stoll(argv[5]) : 5), before)
            .run();
        return 0;
    } catch (const std::exception &failure) {
        std::cerr << "daemon: " << failure.what() << '\n';
        return 1;
    }
}
