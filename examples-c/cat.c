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
#include <stdio.h>
#include <unistd.h>

/* Says what failed; the records before it have been written. */
static int failed(const char *what, lode_status status, lode_error *error)
{
    /* Standard error may be a pipe that does not block: stdio would lose what does not fit at once. */
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    while (poll(&room, 1, -1) < 0 && (errno == EINTR || errno == EAGAIN)) {
    }
    fprintf(stderr, "cat: %s: %s (%s)\n", what, lode_error_message(error), lode_status_name(status));
    lode_error_free(error);
    return 1;
}

static int print_records(lode_record_reader *reader)
{
    lode_error *error = NULL;
    lode_status status = lode_record_reader_read_to_fd(reader, STDOUT_FILENO, &error);
    if (status >= 0) {
        return 0;
    }
    if (lode_error_errno(error) == EPIPE) { /* who read has enough: no error worth a message */
        lode_error_free(error);
        return 1;
    }
    return failed("cannot print the records", status, error);
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
