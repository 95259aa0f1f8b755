/* Streams JSON lines from a file or standard input into one new snapshot of a dataset.
 *
 *   ingest [--compress none|gzip|zstd] [--checksum xxh3|md5|sha256|none] ROOT DATASET [FILE]
 *
 * All of the input becomes one snapshot, or nothing does: a bad line, a full disk or Ctrl-C leaves the
 * dataset as it was. Prints the snapshot's id on standard output, and progress on standard error when that is
 * a terminal. Exit status: 0 committed; 1 failed, with the reason on standard error; 2 wrong usage; 130
 * interrupted.
 */
#define _POSIX_C_SOURCE 200809L

#include <lode.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { COMMIT_TRIES = 3 };

static const char USAGE[] =
    "usage: ingest [--compress none|gzip|zstd] [--checksum xxh3|md5|sha256|none] ROOT DATASET [FILE]\n"
    "\n"
    "Streams JSON lines from FILE (standard input without it, or as -) into one new snapshot of DATASET in the\n"
    "directory ROOT, which is made if it is missing. Prints the snapshot's id.\n";

/* ---- Ctrl-C: stop reading, or cancel the commit. Both are safe from a signal handler. ---- */

static volatile sig_atomic_t interrupted;
static lode_cancel_token *cancel_token;

static void on_signal(int number)
{
    interrupted = number;
    lode_cancel_token_cancel(cancel_token);
}

/* Catches SIGINT and SIGTERM, but what the caller of the program has ignored stays ignored. Gives 0, or
 * -1. */
static int catch_interrupts(void)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        struct sigaction action, before;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_signal;
        sigemptyset(&action.sa_mask);
        if (sigaction(numbers[i], NULL, &before) != 0 ||
            (before.sa_handler != SIG_IGN && sigaction(numbers[i], &action, NULL) != 0)) {
            return -1;
        }
    }
    return 0;
}

/* Writes all of the text, to a descriptor that may be non-blocking. Gives 0, or -1. */
static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, text, len);
        if (written >= 0) {
            text += written;
            len -= (size_t)written;
        } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            return -1;
        } else if (interrupted) {
            errno = EINTR;
            return -1;
        } else {
            /* Not for ever: a signal may come just before. */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 100);
        }
    }
    return 0;
}

/* ---- Messages ---- */

static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "ingest: %s: %s (%s)\n", what, lode_error_message(error), lode_status_name(status));
    lode_error_free(error);
    return 1;
}

/* Shows how far it is, at most five times a second. */
struct progress {
    int shown;
    struct timespec next;
};

static int32_t show_progress(void *ctx, int64_t records, int64_t bytes_in, int64_t bytes_stored)
{
    (void)records, (void)bytes_stored;
    struct progress *progress = ctx;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (progress->shown && (now.tv_sec < progress->next.tv_sec ||
                            (now.tv_sec == progress->next.tv_sec && now.tv_nsec < progress->next.tv_nsec))) {
        return 0;
    }
    progress->next = now;
    progress->next.tv_nsec += 200000000;
    if (progress->next.tv_nsec >= 1000000000) {
        progress->next.tv_nsec -= 1000000000;
        progress->next.tv_sec++;
    }
    progress->shown = 1;
    fprintf(stderr, "\r%" PRId64 " bytes", bytes_in);
    return 0;
}

/* ---- The work ---- */

/* Makes the directory and those above it that are missing, and makes them durable. Gives 0, or -1 with a
 * message. */
static int make_directories(const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL) {
        fprintf(stderr, "ingest: no memory\n");
        return -1;
    }
    int result = 0;
    for (char *end = copy; result == 0 && *end != '\0';) {
        end += strspn(end, "/");
        size_t parent_len = (size_t)(end - copy);
        end += strcspn(end, "/");
        char kept = *end;
        *end = '\0';
        if (mkdir(copy, 0777) == 0) {
            /* The new name is in the parent directory, so that is what has to reach the disk. */
            char begins = copy[parent_len];
            copy[parent_len] = '\0';
            int fd = open(parent_len == 0 ? "." : copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            copy[parent_len] = begins;
            if (fd < 0 || fsync(fd) != 0) {
                fprintf(stderr, "ingest: cannot make the directory %s durable: %s\n", copy, strerror(errno));
                result = -1;
            }
            if (fd >= 0) {
                close(fd);
            }
        } else if (errno != EEXIST && errno != EISDIR) {
            fprintf(stderr, "ingest: cannot make the directory %s: %s\n", copy, strerror(errno));
            result = -1;
        }
        *end = kept;
    }
    free(copy);
    return result;
}

/* Gives the whole input to the writer. */
static int append_all(lode_record_writer *writer, int fd, const char *name)
{
    struct progress progress = {0};
    lode_call_options options;
    lode_call_options_init(&options, sizeof options);
    options.cancel = cancel_token;
    if (isatty(STDERR_FILENO)) {
        options.progress = show_progress;
        options.progress_ctx = &progress;
    }
    lode_error *error = NULL;
    lode_status status = lode_record_writer_append_from_fd(writer, fd, &options, &error);
    if (progress.shown) {
        fprintf(stderr, "\r\033[K");
    }
    if (status >= 0) {
        return 0;
    }
    if (interrupted) {
        lode_error_free(error);
        return 130;
    }
    failed(name, status, error); /* the message names the line */
    fprintf(stderr, "ingest: nothing was written to the dataset\n");
    return 1;
}

static int commit(lode_record_writer *writer)
{
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.cancel = cancel_token;
    options.attempts = COMMIT_TRIES; /* each begins by reading what became of the one before */

    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;
    lode_status status = lode_record_writer_commit(writer, "{}", &options, &snapshot, &error);
    if (status < 0) {
        if (status == LODE_ERR_COMMIT_UNKNOWN) {
            fprintf(stderr, "ingest: snapshot %s is perhaps committed; check whether it exists before trying again\n",
                    lode_error_snapshot_id(error));
        }
        failed("cannot commit", status, error);
        return interrupted ? 130 : 1;
    }
    char line[128];
    snprintf(line, sizeof line, "%s\n", lode_snapshot_id(snapshot));
    lode_snapshot_free(snapshot);
    if (status == LODE_COMMITTED_UNPUBLISHED) {
        fprintf(stderr, "ingest: committed; the next writer publishes it\n");
    } else if (status == LODE_COMMITTED_BESIDE_FOREIGN) {
        fprintf(stderr, "ingest: committed, but another program that ignores lode's commit slots writes to this dataset\n");
    }
    if (write_all(STDOUT_FILENO, line, strlen(line)) != 0) {
        fprintf(stderr, "ingest: committed, but cannot print the snapshot's id: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}

static int ingest(const char *root, const char *dataset_id, const lode_dataset_options *options, int fd, const char *name)
{
    if (make_directories(root) != 0) {
        return 1;
    }
    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_record_writer *writer = NULL;
    lode_status status = lode_cancel_token_new(&cancel_token, &error);
    if (status >= 0) {
        if (catch_interrupts() != 0) {
            fprintf(stderr, "ingest: cannot catch signals: %s\n", strerror(errno));
            return 1;
        }
        status = lode_store_open_filesystem(root, NULL, &store, &error);
    }
    if (status >= 0) {
        status = lode_dataset_open(store, dataset_id, options, &dataset, &error);
    }
    if (status >= 0) {
        status = lode_dataset_open_record_writer(dataset, NULL, &writer, &error);
    }

    int result;
    if (status < 0) {
        result = failed("cannot open the dataset", status, error);
    } else {
        result = append_all(writer, fd, name);
        if (result == 0) {
            result = commit(writer);
        }
        if (result == 130) {
            fprintf(stderr, "ingest: interrupted\n");
        }
    }
    lode_record_writer_free(writer); /* discards what was not committed */
    lode_dataset_free(dataset);
    lode_store_free(store);
    return result; /* the token stays: the signal handler may still run */
}

/* ---- The command line ---- */

struct choice {
    const char *name;
    int32_t value;
};

static int choose(const char *option, const char *text, const struct choice *choices, size_t count, int32_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, choices[i].name) == 0) {
            *value = choices[i].value;
            return 0;
        }
    }
    fprintf(stderr, "ingest: --%s does not know \"%s\"; it knows", option, text);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, " %s", choices[i].name);
    }
    fprintf(stderr, "\n");
    return -1;
}

int main(int argc, char **argv)
{
    static const struct choice compressors[] = {
        {"none", LODE_COMPRESSOR_NONE}, {"gzip", LODE_COMPRESSOR_GZIP}, {"zstd", LODE_COMPRESSOR_ZSTD}};
    static const struct choice checksums[] = {{"xxh3", LODE_CHECKSUM_XXH3},
                                              {"md5", LODE_CHECKSUM_MD5},
                                              {"sha256", LODE_CHECKSUM_SHA256},
                                              {"none", LODE_CHECKSUM_NONE}};
    static const struct option long_options[] = {{"compress", required_argument, NULL, 'c'},
                                                 {"checksum", required_argument, NULL, 's'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;

    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        int bad = 0;
        switch (option) {
        case 'c':
            bad = choose("compress", optarg, compressors, sizeof compressors / sizeof compressors[0],
                         &options.compressor);
            break;
        case 's':
            bad = choose("checksum", optarg, checksums, sizeof checksums / sizeof checksums[0], &options.checksum);
            break;
        case 'h':
            fputs(USAGE, stdout);
            return fflush(stdout) == 0 ? 0 : 1;
        default:
            bad = -1;
        }
        if (bad != 0) {
            fputs(USAGE, stderr);
            return 2;
        }
    }
    int given = argc - optind;
    if (given < 2 || given > 3) {
        fputs(USAGE, stderr);
        return 2;
    }

    const char *name = "standard input";
    int fd = STDIN_FILENO;
    if (given == 3 && strcmp(argv[optind + 2], "-") != 0) {
        name = argv[optind + 2];
        fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            fprintf(stderr, "ingest: cannot open %s: %s\n", name, strerror(errno));
            return 1;
        }
    }
    int result = ingest(argv[optind], argv[optind + 1], &options, fd, name);
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    return result;
}
