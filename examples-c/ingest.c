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

/* A line may be longer than a record: the default limit of a record is 10 MiB, and white space around it is
 * free. */
enum { FIRST_CAPACITY = 1 << 20, LAST_CAPACITY = 1 << 24, COMMIT_TRIES = 3 };

static const char USAGE[] =
    "usage: ingest [--compress none|gzip|zstd] [--checksum xxh3|md5|sha256|none] ROOT DATASET [FILE]\n"
    "\n"
    "Streams JSON lines from FILE (standard input without it, or as -) into one new snapshot of DATASET in the\n"
    "directory ROOT, which is made if it is missing. Prints the snapshot's id.\n";

/* ---- Ctrl-C: stop reading, or cancel the commit. Both are safe from a signal handler. ---- */

static volatile sig_atomic_t interrupted;
static lode_cancel_token *cancel_token;

/* A pipe that the handler writes into: a wait for input ends even if the signal comes just before it. */
static int wake[2];

static void on_signal(int number)
{
    int kept = errno;
    interrupted = number;
    lode_cancel_token_cancel(cancel_token);
    ssize_t written = write(wake[1], "", 1);
    (void)written; /* a full pipe wakes as well */
    errno = kept;
}

/* Catches SIGINT and SIGTERM, but what the caller of the program has ignored stays ignored. Gives 0, or
 * -1. */
static int catch_interrupts(void)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    if (pipe(wake) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        if (fcntl(wake[i], F_SETFD, FD_CLOEXEC) != 0 || fcntl(wake[i], F_SETFL, O_NONBLOCK) != 0) {
            return -1;
        }
    }
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

/* Waits until the descriptor can be read or written, or the program is interrupted. Gives 0, or -1. */
static int wait_for(int fd, short events)
{
    struct pollfd descriptors[2] = {{.fd = fd, .events = events}, {.fd = wake[0], .events = POLLIN}};
    while (poll(descriptors, 2, -1) < 0) {
        if (errno != EINTR && errno != EAGAIN) {
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
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (wait_for(fd, POLLOUT) != 0) {
                return -1;
            }
            if (interrupted) {
                errno = EINTR;
                return -1;
            }
        } else if (errno != EINTR || interrupted) {
            return -1;
        }
    }
    return 0;
}

/* ---- Input: a buffer that holds whole lines and the beginning of one more. ---- */

struct input {
    const char *name;
    int fd;
    uint8_t *buffer;
    size_t capacity;
    size_t len;       /* bytes in the buffer */
    uint64_t offset;  /* of the buffer's first byte in the input */
    uint64_t lines;   /* line ends before the buffer's first byte */
    int at_end;
};

static uint64_t count_line_ends(const uint8_t *data, size_t len)
{
    uint64_t count = 0;
    const uint8_t *end = data + len;
    while (data < end && (data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
        count++;
        data++;
    }
    return count;
}

/* Fills the buffer once more; makes it larger when one line fills it all. Gives 0, or -1 with a message
 * printed. */
static int input_fill(struct input *in)
{
    if (in->len == LAST_CAPACITY) {
        fprintf(stderr, "ingest: %s:%" PRIu64 ": no line end within %zu bytes; a record has one line of at most 10 MiB\n",
                in->name, in->lines + 1, in->len);
        return -1;
    }
    if (in->len == in->capacity) {
        uint8_t *larger = realloc(in->buffer, in->capacity * 2);
        if (larger == NULL) {
            fprintf(stderr, "ingest: %s:%" PRIu64 ": no memory for a line of more than %zu bytes\n", in->name,
                    in->lines + 1, in->len);
            return -1;
        }
        in->buffer = larger;
        in->capacity *= 2;
    }
    /* The input may be non-blocking: another reader may have taken what poll has seen. */
    ssize_t got;
    do {
        got = wait_for(in->fd, POLLIN);
        if (interrupted) {
            return 0;
        }
        if (got == 0) {
            got = read(in->fd, in->buffer + in->len, in->capacity - in->len);
        }
    } while (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK));
    if (got < 0) {
        fprintf(stderr, "ingest: cannot read %s: %s\n", in->name, strerror(errno));
        return -1;
    }
    in->at_end = got == 0;
    in->len += (size_t)got;
    return 0;
}

/* Takes `count` bytes off the buffer's beginning. */
static void input_consume(struct input *in, size_t count)
{
    in->lines += count_line_ends(in->buffer, count);
    in->offset += count;
    in->len -= count;
    memmove(in->buffer, in->buffer + count, in->len);
}

/* ---- Messages ---- */

static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "ingest: %s: %s (%s)\n", what, lode_error_message(error), lode_status_name(status));
    lode_error_free(error);
    return 1;
}

/* A record was refused; the buffer begins at it. */
static int bad_record(const struct input *in, lode_status status, lode_error *error)
{
    int64_t in_record = lode_error_offset(error);
    fprintf(stderr, "ingest: %s:%" PRIu64 " (byte %" PRIu64 " of the input): %s (%s)\n", in->name, in->lines + 1,
            in->offset + (uint64_t)(in_record > 0 ? in_record : 0), lode_error_message(error),
            lode_status_name(status));
    fprintf(stderr, "ingest: nothing was written to the dataset\n");
    lode_error_free(error);
    return 1;
}

struct progress {
    int wanted;
    int shown;
    struct timespec next;
};

static void show_progress(struct progress *progress, const lode_record_writer *writer)
{
    if (!progress->wanted) {
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (progress->shown && (now.tv_sec < progress->next.tv_sec ||
                            (now.tv_sec == progress->next.tv_sec && now.tv_nsec < progress->next.tv_nsec))) {
        return;
    }
    progress->next = now;
    progress->next.tv_nsec += 200000000;
    if (progress->next.tv_nsec >= 1000000000) {
        progress->next.tv_nsec -= 1000000000;
        progress->next.tv_sec++;
    }
    progress->shown = 1;
    fprintf(stderr, "\r%" PRId64 " records, %" PRId64 " bytes", lode_record_writer_record_count(writer),
            lode_record_writer_byte_count(writer));
}

static void end_progress(struct progress *progress)
{
    if (progress->shown) {
        fprintf(stderr, "\r\033[K");
    }
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
static int append_all(lode_record_writer *writer, struct input *in, struct progress *progress)
{
    lode_error *error = NULL;
    while (!in->at_end) {
        if (input_fill(in) != 0) {
            return 1;
        }
        if (interrupted) {
            return 130;
        }
        if (in->at_end && in->len > 0) {
            in->buffer[in->len++] = '\n'; /* the last line has no line end; the read that found that had room for one */
        }
        size_t consumed = 0;
        lode_status status = lode_record_writer_append_lines(writer, in->buffer, in->len, &consumed, &error);
        input_consume(in, consumed);
        if (status == LODE_ERR_INVALID_RECORD || status == LODE_ERR_RECORD_TOO_LARGE) {
            return bad_record(in, status, error);
        }
        if (status < 0) {
            return failed("cannot write", status, error);
        }
        show_progress(progress, writer);
    }
    return 0;
}

static int commit(lode_record_writer *writer)
{
    lode_commit_options options;
    lode_commit_options_init(&options, sizeof options);
    options.cancel = cancel_token;

    lode_status status;
    char line[128];
    for (int tries = 1;; tries++) {
        lode_error *error = NULL;
        lode_snapshot *snapshot = NULL;
        status = lode_record_writer_commit(writer, "{}", &options, &snapshot, &error);
        if (status >= 0) {
            snprintf(line, sizeof line, "%s\n", lode_snapshot_id(snapshot));
            lode_snapshot_free(snapshot);
            break;
        }
        /* The writer keeps the data; its next commit begins by reading what became of this one. */
        int again = lode_error_action(error) == LODE_ACTION_RESOLVE ||
                    (lode_error_action(error) == LODE_ACTION_RETRY && !interrupted);
        if (!again || tries == COMMIT_TRIES) {
            if (status == LODE_ERR_COMMIT_UNKNOWN) {
                fprintf(stderr, "ingest: snapshot %s is perhaps committed; check whether it exists before trying again\n",
                        lode_error_snapshot_id(error));
            }
            failed("cannot commit", status, error);
            return interrupted ? 130 : 1;
        }
        lode_error_free(error);
    }
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

static int ingest(const char *root, const char *dataset_id, const lode_dataset_options *options, struct input *in)
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
        struct progress progress = {.wanted = isatty(STDERR_FILENO)};
        result = append_all(writer, in, &progress);
        end_progress(&progress);
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

    struct input in = {.name = "standard input", .fd = STDIN_FILENO, .capacity = FIRST_CAPACITY};
    if (given == 3 && strcmp(argv[optind + 2], "-") != 0) {
        in.name = argv[optind + 2];
        in.fd = open(in.name, O_RDONLY | O_CLOEXEC);
        if (in.fd < 0) {
            fprintf(stderr, "ingest: cannot open %s: %s\n", in.name, strerror(errno));
            return 1;
        }
    }
    in.buffer = malloc(in.capacity);
    if (in.buffer == NULL) {
        fprintf(stderr, "ingest: no memory for a buffer of %zu bytes\n", in.capacity);
        return 1;
    }
    int result = ingest(argv[optind], argv[optind + 1], &options, &in);
    free(in.buffer);
    if (in.fd != STDIN_FILENO) {
        close(in.fd);
    }
    return result;
}
