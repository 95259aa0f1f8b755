/* Uploads a file as a raw blob, a snapshot of a dataset without a codec; reads it back whole and by range.
 *
 *   blob_upload [--zstd] ROOT DATASET FILE
 *
 * Memory does not grow with the file: lode pulls the bytes through one buffer. Prints the snapshot's id, and
 * what was read back. Exit status: 0 uploaded and verified; 1 failed, with the reason on standard error; 2
 * wrong usage.
 */
#define _POSIX_C_SOURCE 200809L

#include <lode.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 18 };

static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "blob_upload: %s: %s (%s)\n", what, lode_error_message(error), lode_status_name(status));
    lode_error_free(error);
    return 1;
}

/* ---- The source: a file. It could as well be a socket, or a pipe from another program. ---- */

struct file {
    int fd;
    uint64_t bytes;
};

static int64_t read_file(void *ctx, uint8_t *buffer, size_t capacity)
{
    struct file *file = ctx;
    ssize_t got;
    do {
        got = read(file->fd, buffer, capacity);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return -errno; /* the caller's own code; it comes back from lode_error_callback_code */
    }
    file->bytes += (uint64_t)got;
    return got;
}

static int upload(lode_dataset *dataset, const char *name, struct file *file, lode_snapshot **snapshot)
{
    lode_error *error = NULL;
    lode_byte_source bytes = LODE_BYTE_SOURCE_INIT;
    bytes.ctx = file;
    bytes.read = read_file;
    lode_status status =
        lode_dataset_stream_write_blob(dataset, &bytes, "{\"content_type\":\"application/octet-stream\"}", NULL, snapshot, &error);
    if (status == LODE_ERR_ITERATOR) {
        fprintf(stderr, "blob_upload: cannot read %s: %s; nothing was committed\n", name,
                strerror(-lode_error_callback_code(error)));
        lode_error_free(error);
        return 1;
    }
    if (status == LODE_ERR_COMMIT_UNKNOWN) {
        fprintf(stderr, "blob_upload: snapshot %s is perhaps committed; lode_dataset_resolve_commit finds out\n",
                lode_error_snapshot_id(error));
    }
    if (status < 0) {
        return failed("cannot upload", status, error);
    }
    printf("uploaded %s: %" PRIu64 " bytes, stored as %" PRId64 "\n", lode_snapshot_id(*snapshot), file->bytes,
           lode_snapshot_file_size(*snapshot, 0));
    printf("object   %s\n", lode_snapshot_file_path(*snapshot, 0));
    return 0;
}

/* Reads the blob to its end beside the file, which must be the same. */
static int compare(lode_blob_reader *reader, const char *name, int fd)
{
    static uint8_t stored[BUFFER];
    static uint8_t original[BUFFER];
    lode_error *error = NULL;
    lode_status status;
    size_t len = 0;
    uint64_t bytes = 0;
    while ((status = lode_blob_reader_read(reader, stored, sizeof stored, &len, &error)) == LODE_ITEM) {
        for (size_t have = 0; have < len;) {
            ssize_t got = pread(fd, original + have, len - have, (off_t)(bytes + have));
            if (got <= 0) {
                fprintf(stderr, "blob_upload: %s has changed meanwhile\n", name);
                return 1;
            }
            have += (size_t)got;
        }
        if (memcmp(stored, original, len) != 0) {
            fprintf(stderr, "blob_upload: other bytes than those of %s after %" PRIu64 "\n", name, bytes);
            return 1;
        }
        bytes += len;
    }
    if (status < 0) {
        return failed("cannot read back", status, error);
    }
    printf("read     %" PRIu64 " bytes, equal, checksum verified\n", bytes);
    return 0;
}

/* A range is read where it is, without what is before it, unless the blob is compressed. */
static int show_end(lode_blob_reader *reader, uint64_t size)
{
    enum { WANTED = 16 };
    uint8_t bytes[WANTED];
    size_t len = 0;
    lode_error *error = NULL;
    uint64_t offset = size > WANTED ? size - WANTED : 0;
    lode_status status = lode_blob_reader_read_at(reader, offset, bytes, sizeof bytes, &len, &error);
    if (status < 0) {
        return failed("cannot read the last bytes", status, error);
    }
    printf("range    %zu bytes at %" PRIu64 ":", len, offset);
    for (size_t i = 0; i < len; i++) {
        printf(" %02x", bytes[i]);
    }
    printf("\n");
    return 0;
}

static int run(lode_dataset *dataset, const char *name)
{
    struct file file = {.fd = open(name, O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0) {
        fprintf(stderr, "blob_upload: cannot open %s: %s\n", name, strerror(errno));
        return 1;
    }
    lode_snapshot *snapshot = NULL;
    lode_blob_reader *reader = NULL;
    lode_error *error = NULL;
    int result = upload(dataset, name, &file, &snapshot);
    if (result == 0) {
        lode_status status = lode_dataset_open_blob_reader(dataset, snapshot, NULL, &reader, &error);
        result = status < 0 ? failed("cannot open the blob", status, error) : compare(reader, name, file.fd);
    }
    if (result == 0) {
        result = show_end(reader, file.bytes);
    }
    lode_blob_reader_free(reader);
    lode_snapshot_free(snapshot);
    close(file.fd);
    return result;
}

int main(int argc, char **argv)
{
    lode_dataset_options options; /* no codec: a dataset of raw blobs */
    lode_dataset_options_init(&options, sizeof options);
    if (argc > 1 && strcmp(argv[1], "--zstd") == 0) {
        options.compressor = LODE_COMPRESSOR_ZSTD;
        argc--;
        argv++;
    }
    if (argc != 4) {
        fprintf(stderr, "usage: blob_upload [--zstd] ROOT DATASET FILE\n");
        return 2;
    }
    if (mkdir(argv[1], 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "blob_upload: cannot make the directory %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_dataset *dataset = NULL;
    lode_status status = lode_store_open_filesystem(argv[1], NULL, &store, &error);
    if (status >= 0) {
        status = lode_dataset_open(store, argv[2], &options, &dataset, &error);
    }
    int result = status < 0 ? failed("cannot open the dataset", status, error) : run(dataset, argv[3]);
    lode_dataset_free(dataset);
    lode_store_free(store);
    return result;
}
