/* A store of one's own: objects in a directory, reached through callbacks. The suite of the library checks
 * it; then a dataset is written to it and read back. A store over a database, a device or a protocol is made
 * the same way.
 *
 *   custom_store            in a temporary directory, which is removed at the end
 *   custom_store DIRECTORY  in that directory, which must exist; what was written stays
 *
 * To keep it short, one process at a time may use the directory (a lock among threads guards the swap), and a
 * swapped object is synced but its directory is not. The library's own filesystem store does all that is
 * needed.
 */
#define _GNU_SOURCE /* nftw, asprintf */

#include <lode.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct directory {
    const char *root;
    pthread_mutex_t swapping;
    unsigned long uploads; /* names the temporary files */
};

struct upload {
    int file;
    char *temporary;
    char *path;
};

/* ---- What the callbacks share ---- */

/* Describes an errno, and gives its status. */
static int32_t failed(lode_callback_error *error, const char *what, const char *path)
{
    int number = errno;
    char text[512];
    snprintf(text, sizeof text, "%s %s: %s", what, path, strerror(number));
    lode_callback_error_set(error, text);
    return number == ENOSPC || number == EDQUOT ? LODE_ERR_NO_SPACE : LODE_ERR_IO;
}

static char *path_of(const struct directory *directory, const char *key)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", directory->root, key) < 0 ? NULL : path;
}

/* Makes the directories above a path. */
static int make_parents(const char *root, char *path)
{
    for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        int made = mkdir(path, 0777);
        *at = '/';
        if (made != 0 && errno != EEXIST) {
            return -1;
        }
    }
    return 0;
}

static int write_all(int file, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t count = write(file, data, len);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        data += count;
        len -= (size_t)count;
    }
    return 0;
}

/* Makes the names in a file's directory durable. */
static int sync_parent(const char *path)
{
    char *parent = strdup(path);
    if (parent == NULL) {
        return -1;
    }
    *strrchr(parent, '/') = '\0';
    int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(parent);
    if (directory < 0) {
        return -1;
    }
    int status = fsync(directory);
    close(directory);
    return status;
}

static void upload_free(struct upload *upload)
{
    if (upload == NULL) {
        return;
    }
    if (upload->file >= 0) {
        close(upload->file);
    }
    if (upload->temporary != NULL) {
        unlink(upload->temporary);
    }
    free(upload->temporary);
    free(upload->path);
    free(upload);
}

/* A temporary file beside the object that is to be. */
static struct upload *upload_begin(struct directory *directory, const char *key)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (upload == NULL) {
        return NULL;
    }
    upload->file = -1;
    upload->path = path_of(directory, key);
    unsigned long number = __atomic_add_fetch(&directory->uploads, 1, __ATOMIC_RELAXED);
    char *temporary = NULL;
    if (upload->path == NULL || make_parents(directory->root, upload->path) != 0 ||
        asprintf(&temporary, "%s.new-%ld-%lu", upload->path, (long)getpid(), number) < 0) {
        upload_free(upload);
        return NULL;
    }
    upload->file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (upload->file < 0) {
        free(temporary);
        upload_free(upload);
        return NULL;
    }
    upload->temporary = temporary;
    return upload;
}

/* ---- The callbacks ---- */

static int32_t put_begin(void *ctx, const char *key, int32_t if_absent, void **upload, lode_callback_error *error)
{
    (void)if_absent; /* always 1: put_finish never replaces */
    struct upload *begun = upload_begin(ctx, key);
    if (begun == NULL) {
        return failed(error, "cannot begin", key);
    }
    *upload = begun;
    return 0;
}

static int32_t put_write(void *ctx, void *upload, const uint8_t *data, size_t len, lode_callback_error *error)
{
    (void)ctx;
    struct upload *begun = upload;
    off_t before = lseek(begun->file, 0, SEEK_CUR);
    if (write_all(begun->file, data, len) == 0) {
        return 0;
    }
    int32_t code = failed(error, "cannot write", begun->path);
    /* The same bytes may be offered again when there is space: what has arrived of them goes. */
    if (ftruncate(begun->file, before) != 0 || lseek(begun->file, before, SEEK_SET) != before) {
        return LODE_ERR_IO;
    }
    return code;
}

static int32_t put_finish(void *ctx, void *upload, lode_callback_error *error)
{
    (void)ctx;
    struct upload *begun = upload;
    int32_t code = 0;
    if (fsync(begun->file) != 0) {
        code = failed(error, "cannot sync", begun->path);
    } else if (link(begun->temporary, begun->path) != 0) {
        /* link never replaces: this one call decides between two writers. */
        code = errno == EEXIST ? LODE_ERR_PATH_EXISTS : failed(error, "cannot name", begun->path);
    } else if (sync_parent(begun->path) != 0) {
        /* It is there, but perhaps not after a power cut: neither yes nor no. */
        failed(error, "cannot sync the directory of", begun->path);
        code = LODE_ERR_COMMIT_UNKNOWN;
    }
    upload_free(begun);
    return code;
}

static void put_abort(void *ctx, void *upload)
{
    (void)ctx;
    upload_free(upload);
}

static int32_t stat_object(void *ctx, const char *key, uint64_t *size, lode_callback_error *error)
{
    char *path = path_of(ctx, key);
    struct stat info;
    int32_t code = 0;
    if (path == NULL) {
        return LODE_ERR_NO_MEMORY;
    }
    if (stat(path, &info) != 0) {
        code = errno == ENOENT || errno == ENOTDIR ? LODE_ERR_NOT_FOUND : failed(error, "cannot read the size of", path);
    } else if (!S_ISREG(info.st_mode)) {
        code = LODE_ERR_NOT_FOUND;
    } else {
        *size = (uint64_t)info.st_size;
    }
    free(path);
    return code;
}

static int64_t read_object(void *ctx, const char *key, uint64_t offset, uint8_t *buffer, size_t capacity,
                           lode_callback_error *error)
{
    char *path = path_of(ctx, key);
    if (path == NULL) {
        return LODE_ERR_NO_MEMORY;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    int64_t answer = -1;
    if (file >= 0) {
        do {
            answer = pread(file, buffer, capacity, (off_t)offset);
        } while (answer < 0 && errno == EINTR);
    }
    if (answer < 0) {
        answer = errno == ENOENT || errno == ENOTDIR ? LODE_ERR_NOT_FOUND : failed(error, "cannot read", path);
    }
    if (file >= 0) {
        close(file);
    }
    free(path);
    return answer;
}

/* Lists the keys below one directory; `prefix` ends in '/', or is empty. */
static int32_t list_below(const struct directory *directory, const char *prefix, lode_key_sink *keys,
                          lode_callback_error *error)
{
    char *path = path_of(directory, prefix);
    DIR *names = path != NULL ? opendir(path) : NULL;
    if (names == NULL) {
        int32_t code = path == NULL                             ? LODE_ERR_NO_MEMORY
                       : errno == ENOENT || errno == ENOTDIR    ? 0
                                                                : failed(error, "cannot list", path);
        free(path);
        return code;
    }
    int32_t code = 0;
    struct dirent *entry;
    while (code == 0 && (entry = readdir(names)) != NULL) {
        char *key = NULL, *below = NULL;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strstr(entry->d_name, ".new-") != NULL) {
            continue;
        }
        if (asprintf(&key, "%s%s", prefix, entry->d_name) < 0 || asprintf(&below, "%s/", key) < 0) {
            free(key);
            code = LODE_ERR_NO_MEMORY;
            break;
        }
        if (entry->d_type == DT_DIR) {
            code = list_below(directory, below, keys, error);
        } else {
            code = lode_key_sink_add(keys, key); /* 1: enough */
        }
        free(key);
        free(below);
    }
    closedir(names);
    free(path);
    return code;
}

static int32_t list(void *ctx, const char *prefix, lode_key_sink *keys, lode_callback_error *error)
{
    return list_below(ctx, prefix, keys, error);
}

static int32_t remove_object(void *ctx, const char *key, lode_callback_error *error)
{
    char *path = path_of(ctx, key);
    if (path == NULL) {
        return LODE_ERR_NO_MEMORY;
    }
    int32_t code = 0;
    if (unlink(path) != 0) {
        code = errno == ENOENT || errno == ENOTDIR ? LODE_ERR_NOT_FOUND : failed(error, "cannot remove", path);
    } else {
        const struct directory *directory = ctx;
        size_t root = strlen(directory->root);
        /* Directories that are empty now go with it; rmdir leaves the others. */
        for (char *slash = strrchr(path, '/'); slash > path + root; slash = strrchr(path, '/')) {
            *slash = '\0';
            if (rmdir(path) != 0) {
                break;
            }
        }
    }
    free(path);
    return code;
}

static int32_t compare_and_swap(void *ctx, const char *key, const uint8_t *expected, size_t expected_len,
                                const uint8_t *value, size_t value_len, lode_callback_error *error)
{
    struct directory *directory = ctx;
    pthread_mutex_lock(&directory->swapping);
    uint8_t current[4096];
    int64_t len = read_object(ctx, key, 0, current, sizeof current, error);
    int32_t code = 0;
    if (len < 0 && len != LODE_ERR_NOT_FOUND) {
        code = (int32_t)len;
    } else if ((len < 0 ? 0 : (size_t)len) != expected_len ||
               (expected_len > 0 && memcmp(current, expected, expected_len) != 0)) {
        code = LODE_ERR_CONFLICT;
    } else {
        struct upload *fresh = upload_begin(directory, key);
        if (fresh == NULL || write_all(fresh->file, value, value_len) != 0 || fsync(fresh->file) != 0 ||
            rename(fresh->temporary, fresh->path) != 0) {
            code = failed(error, "cannot replace", key);
        } else {
            free(fresh->temporary); /* it has its name now */
            fresh->temporary = NULL;
        }
        upload_free(fresh);
    }
    pthread_mutex_unlock(&directory->swapping);
    return code;
}

static void release(void *ctx)
{
    struct directory *directory = ctx;
    pthread_mutex_destroy(&directory->swapping);
    printf("The store is released.\n");
}

static lode_status open_directory(struct directory *directory, lode_store **store, lode_error **error)
{
    pthread_mutex_init(&directory->swapping, NULL);
    lode_store_callbacks callbacks;
    lode_store_callbacks_init(&callbacks, sizeof callbacks);
    callbacks.ctx = directory;
    callbacks.put_begin = put_begin;
    callbacks.put_write = put_write;
    callbacks.put_finish = put_finish;
    callbacks.put_abort = put_abort;
    callbacks.stat = stat_object;
    callbacks.read = read_object;
    callbacks.list = list;
    callbacks.remove = remove_object;
    callbacks.compare_and_swap = compare_and_swap;
    callbacks.release = release;
    return lode_store_open_callbacks(&callbacks, NULL, store, error);
}

/* ---- The demonstration ---- */

static int say(const char *what, lode_status status, lode_error *error)
{
    fprintf(stderr, "%s failed: %s: %s\n", what, lode_status_name(status), lode_error_message(error));
    lode_error_free(error);
    return 1;
}

static const char LINES[] = "{\"city\":\"Kraków\",\"temperature\":21.5}\n{\"city\":\"Łódź\",\"temperature\":19}\n";

static int write_and_read(lode_store *store)
{
    lode_error *error = NULL;
    lode_dataset_options options;
    lode_dataset_options_init(&options, sizeof options);
    options.codec = LODE_CODEC_JSONL;
    lode_dataset *dataset = NULL;
    lode_record_writer *writer = NULL;
    lode_record_reader *reader = NULL;
    lode_snapshot *snapshot = NULL;
    size_t consumed = 0, count = 0;
    lode_bytes record;
    lode_status status;
    int bad = 1;
    if ((status = lode_dataset_open(store, "weather", &options, &dataset, &error)) < 0) {
        say("lode_dataset_open", status, error);
    } else if ((status = lode_dataset_open_record_writer(dataset, NULL, &writer, &error)) < 0) {
        say("lode_dataset_open_record_writer", status, error);
    } else if ((status = lode_record_writer_append_lines(writer, LINES, strlen(LINES), &consumed, &error)) < 0) {
        say("lode_record_writer_append_lines", status, error);
    } else if ((status = lode_record_writer_commit(writer, "{}", NULL, &snapshot, &error)) < 0) {
        say("lode_record_writer_commit", status, error);
    } else if ((status = lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, &error)) < 0) {
        say("lode_dataset_open_record_reader", status, error);
    } else {
        printf("Committed snapshot %s with %lld records:\n", lode_snapshot_id(snapshot),
               (long long)lode_snapshot_row_count(snapshot));
        while ((status = lode_record_reader_next(reader, &record, &error)) == LODE_ITEM) {
            printf("  %.*s\n", (int)record.len, (const char *)record.data);
            count++;
        }
        bad = status < 0 ? say("lode_record_reader_next", status, error) : count != 2;
    }
    lode_record_reader_free(reader);
    lode_snapshot_free(snapshot);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    return bad;
}

static int show_keys(lode_store *store)
{
    lode_error *error = NULL;
    lode_string_iterator *keys = NULL;
    const char *key;
    lode_status status = lode_store_list(store, "", NULL, &keys, &error);
    printf("The store's objects:\n");
    while (status >= 0 && (status = lode_string_iterator_next(keys, &key, &error)) == LODE_ITEM) {
        printf("  %s\n", key);
    }
    lode_string_iterator_free(keys);
    return status < 0 ? say("listing the store", status, error) : 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

int main(int argc, char **argv)
{
    char temporary[256];
    const char *parent = getenv("TMPDIR");
    struct directory directory = {0};
    if (argc > 1) {
        directory.root = argv[1];
    } else {
        snprintf(temporary, sizeof temporary, "%.200s/lode-custom-store-%ld",
                 parent != NULL && *parent != '\0' ? parent : "/tmp", (long)getpid());
        if (mkdir(temporary, 0700) != 0) {
            perror(temporary);
            return 1;
        }
        directory.root = temporary;
    }

    lode_error *error = NULL;
    lode_store *store = NULL;
    int bad;
    lode_status status = open_directory(&directory, &store, &error);
    if (status < 0) {
        bad = say("lode_store_open_callbacks", status, error);
    } else if ((status = lode_store_check_conformance(store, "", NULL, &error)) < 0) {
        bad = say("lode_store_check_conformance", status, error);
    } else {
        printf("The store keeps every rule.\n");
        bad = write_and_read(store) || show_keys(store);
    }
    lode_store_free(store);
    if (argc <= 1) {
        nftw(temporary, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    return bad;
}
