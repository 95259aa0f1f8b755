/* Fills a volume from a file, piece by piece and in any order, as a download that resumes does; then reads it
 * back.
 *
 *   volume ROOT VOLUME FILE [PIECE]
 *
 * The volume is as long as the file. Each run stages and commits those pieces of PIECE bytes (1 MiB) that the
 * newest snapshot does not have yet, the last piece first, a few to a commit: a run that was killed is
 * repeated with the same command and goes on where the holes are. Prints what each commit brought. Exit
 * status: 0 the volume is complete and verified; 1 failed, with the reason on standard error; 2 wrong usage.
 */
#define _POSIX_C_SOURCE 200809L

#include <lode.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCKS_A_COMMIT = 4 };

static int failed(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "volume: %s: %s (%s)\n", what, lode_error_message(error), lode_status_name(status));
    lode_error_free(error);
    return 1;
}

/* ---- The source: a part of a file. It could as well be a range request. ---- */

struct part {
    int fd;
    off_t at;
    size_t left;
};

static int64_t read_part(void *ctx, uint8_t *buffer, size_t capacity)
{
    struct part *part = ctx;
    size_t most = part->left < capacity ? part->left : capacity;
    ssize_t got;
    do {
        got = pread(part->fd, buffer, most, part->at);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return -errno; /* the caller's own code; it comes back from lode_error_callback_code */
    }
    part->at += got;
    part->left -= (size_t)got;
    return got;
}

/* Stages the last `piece` bytes of the hole [offset, offset + len), or all of it. */
static int stage(lode_volume *volume, int fd, uint64_t offset, uint64_t *len, uint64_t piece, lode_volume_block **block)
{
    lode_error *error = NULL;
    uint64_t count = *len < piece ? *len : piece;
    uint64_t at = offset + *len - count;
    struct part part = {fd, (off_t)at, (size_t)count};
    lode_byte_source source = LODE_BYTE_SOURCE_INIT;
    source.ctx = &part;
    source.read = read_part;
    lode_status status = lode_volume_stage_stream_at(volume, at, count, &source, NULL, block, &error);
    *len -= count;
    return status < 0 ? failed("cannot stage a block", status, error) : 0;
}

/* Fills the last hole of the snapshot (NULL: all is a hole), a few blocks of it; the new snapshot replaces
 * it. */
static int fill(lode_volume *volume, int fd, uint64_t offset, uint64_t len, uint64_t piece, lode_snapshot **snapshot)
{
    lode_error *error = NULL;
    lode_volume_block *blocks[BLOCKS_A_COMMIT] = {NULL};
    size_t count = 0;
    int code = 0;
    while (code == 0 && len > 0 && count < BLOCKS_A_COMMIT) {
        code = stage(volume, fd, offset, &len, piece, &blocks[count]);
        count += code == 0;
    }
    if (code == 0) {
        lode_snapshot *next = NULL;
        lode_status status = lode_volume_commit(volume, (const lode_volume_block *const *)blocks, count, "{}", NULL, &next, &error);
        if (status < 0) {
            code = failed("cannot commit", status, error);
        } else {
            printf("%s: %zu blocks more, %zu in all\n", lode_snapshot_id(next), count, lode_snapshot_block_count(next));
            lode_snapshot_free(*snapshot);
            *snapshot = next;
        }
    }
    for (size_t i = 0; i < count; i++) {
        lode_volume_block_free(blocks[i]);
    }
    return code;
}

/* Compares the volume with the file. */
static int compare(lode_volume *volume, const lode_snapshot *snapshot, int fd, uint64_t size)
{
    static uint8_t theirs[1 << 16], ours[1 << 16];
    lode_error *error = NULL;
    for (uint64_t at = 0; at < size; at += sizeof ours) {
        size_t count = size - at < sizeof ours ? (size_t)(size - at) : sizeof ours;
        lode_status status = lode_volume_read_at(volume, snapshot, at, ours, count, NULL, &error);
        if (status < 0) {
            return failed("cannot read it back", status, error);
        }
        if (pread(fd, theirs, count, (off_t)at) != (ssize_t)count || memcmp(ours, theirs, count) != 0) {
            fprintf(stderr, "volume: what was read back differs from the file near byte %" PRIu64 "\n", at);
            return 1;
        }
    }
    printf("%" PRIu64 " bytes are as in the file\n", size);
    return 0;
}

static int run(lode_volume *volume, int fd, uint64_t size, uint64_t piece)
{
    lode_error *error = NULL;
    lode_snapshot *snapshot = NULL;
    lode_status status = lode_volume_find_latest(volume, NULL, &snapshot, &error);
    if (status < 0 && status != LODE_ERR_NO_SNAPSHOTS) {
        return failed("cannot find the newest snapshot", status, error);
    }
    lode_error_free(error);
    error = NULL;
    if (snapshot != NULL && lode_snapshot_total_length(snapshot) != size) {
        fprintf(stderr, "volume: the volume is %" PRIu64 " bytes long, the file %" PRIu64 ": it is another one\n",
                lode_snapshot_total_length(snapshot), size);
        lode_snapshot_free(snapshot);
        return 1;
    }
    int code = snapshot == NULL ? fill(volume, fd, 0, size, piece, &snapshot) : 0;
    uint64_t offset = 0, len = 0;
    while (code == 0) {
        status = lode_snapshot_next_gap(snapshot, 0, &offset, &len, &error);
        if (status < 0) {
            code = failed("cannot find a gap", status, error);
        }
        if (status != LODE_ITEM) {
            break;
        }
        code = fill(volume, fd, offset, len, piece, &snapshot);
    }
    if (code == 0) {
        code = compare(volume, snapshot, fd, size);
    }
    lode_snapshot_free(snapshot);
    return code;
}

int main(int argc, char **argv)
{
    uint64_t piece = argc > 4 ? strtoull(argv[4], NULL, 10) : 1 << 20;
    if (argc < 4 || argc > 5 || piece == 0) {
        fprintf(stderr, "usage: volume ROOT VOLUME FILE [PIECE]\n");
        return 2;
    }
    struct stat info;
    int fd = open(argv[3], O_RDONLY);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
        fprintf(stderr, "volume: cannot open %s: %s\n", argv[3], fd < 0 ? strerror(errno) : "it is no file with bytes");
        return 1;
    }
    if (mkdir(argv[1], 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "volume: cannot make the directory %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    lode_error *error = NULL;
    lode_store *store = NULL;
    lode_volume *volume = NULL;
    lode_volume_options options = LODE_VOLUME_OPTIONS_INIT;
    options.total_length = (uint64_t)info.st_size;
    lode_status status = lode_store_open_filesystem(argv[1], NULL, &store, &error);
    if (status >= 0) {
        status = lode_volume_open(store, argv[2], &options, &volume, &error);
    }
    int code = status < 0 ? failed("cannot open the volume", status, error) : run(volume, fd, options.total_length, piece);
    lode_volume_free(volume);
    lode_store_free(store);
    close(fd);
    return code;
}
