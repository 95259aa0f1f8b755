/* Streams the records of a snapshot to standard output as JSON lines.
 *
 *   cat ROOT DATASET [SNAPSHOT]
 *
 * Without SNAPSHOT the latest one. Size, checksum and row count are checked as the records stream, so the
 * verdict comes with the end: an exit status of 0 says that every byte was as written. Memory does not grow
 * with the snapshot. Exit status: 0 all printed and verified; 1 failed, with the reason on standard error; 2
 * wrong usage.
 */
#define _POSIX_C_SOURCE 200809L

#include <lode.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 256, OUTPUT_BUFFER = 1 << 18 };

/* ---- Standard output, which may be a non-blocking pipe: stdio would lose what does not fit at once. ---- */

static struct {
    uint8_t buffer[OUTPUT_BUFFER];
    size_t len;
} output;

/* Waits until something can be written, or there is an error to find by writing. */
static void wait_for_room(int fd)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    while (poll(&room, 1, -1) < 0 && (errno == EINTR || errno == EAGAIN)) {
    }
}

static int write_all(const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDOUT_FILENO, data, len);
        if (written >= 0) {
            data += written;
            len -= (size_t)written;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_for_room(STDOUT_FILENO);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* Writes what is in the buffer. Gives 0, or -1 with the reason in errno; so do the next. */
static int output_flush(void)
{
    size_t len = output.len;
    output.len = 0;
    return write_all(output.buffer, len);
}

static int output_put(const uint8_t *data, size_t len)
{
    if (len > OUTPUT_BUFFER - output.len && output_flush() != 0) {
        return -1;
    }
    if (len > OUTPUT_BUFFER) {
        return write_all(data, len);
    }
    memcpy(output.buffer + output.len, data, len);
    output.len += len;
    return 0;
}

/* Standard output failed. A reader that has closed its end is no error worth a message. */
static int output_failed(void)
{
    if (errno != EPIPE) {
        fprintf(stderr, "cat: cannot write to standard output: %s\n", strerror(errno));
    }
    return 1;
}

/* ---- Records ---- */

static int failed(const char *what, lode_status status, lode_error *error)
{
    if (output_flush() != 0) { /* records before the failure come first */
        output_failed();
    }
    wait_for_room(STDERR_FILENO); /* it may be the same pipe */
    fprintf(stderr, "cat: %s: %s (%s)\n", what, lode_error_message(error), lode_status_name(status));
    lode_error_free(error);
    return 1;
}

static int print_records(lode_record_reader *reader)
{
    static const uint8_t line_end[] = {'\n'};
    lode_error *error = NULL;
    lode_bytes records[BATCH];
    size_t count = 0;
    lode_status status;
    while ((status = lode_record_reader_next_batch(reader, records, BATCH, &count, &error)) == LODE_ITEM) {
        for (size_t i = 0; i < count; i++) {
            if (output_put(records[i].data, records[i].len) != 0 || output_put(line_end, sizeof line_end) != 0) {
                return output_failed();
            }
        }
    }
    if (status < 0) {
        return failed("cannot read", status, error);
    }
    return output_flush() == 0 ? 0 : output_failed();
}

static int print_snapshot(lode_dataset *dataset, const char *snapshot_id)
{
    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;
    lode_record_reader *reader = NULL;
    lode_status status;
    if (snapshot_id != NULL) {
        status = lode_dataset_find_snapshot(dataset, snapshot_id, NULL, &snapshot, &error);
    } else {
        status = lode_dataset_find_latest(dataset, NULL, &snapshot, &error);
    }
    if (status < 0) {
        return failed("cannot find the snapshot", status, error);
    }
    status = lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, &error);
    lode_snapshot_free(snapshot); /* the reader keeps what it needs */
    if (status < 0) {
        return failed("cannot open the snapshot", status, error);
    }
    int result = print_records(reader);
    lode_record_reader_free(reader);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: cat ROOT DATASET [SNAPSHOT]\n");
        return 2;
    }
    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL; /* of what would be written; what is read follows the snapshot's manifest */

    lode_status status = lode_store_open_filesystem(argv[1], NULL, &store, &error);
    if (status >= 0) {
        status = lode_dataset_open(store, argv[2], &options, &dataset, &error);
    }
    int result;
    if (status < 0) {
        result = failed("cannot open the dataset", status, error);
    } else {
        result = print_snapshot(dataset, argc == 4 ? argv[3] : NULL);
    }
    lode_dataset_free(dataset);
    lode_store_free(store);
    return result;
}
