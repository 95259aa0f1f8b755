/* liblode is a guest in its caller's process: it starts no thread, prints nothing, leaves signals and
 * environment alone, leaks no descriptor, works on both sides of a fork and after a chdir. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* The program's own getenv is found before the C library's, by liblode too. */
static int environment_reads;

char *getenv(const char *name)
{
    (void)name;
    environment_reads++;
    return NULL;
}

char *secure_getenv(const char *name)
{
    (void)name;
    environment_reads++;
    return NULL;
}

static int entries(const char *path)
{
    DIR *directory = opendir(path);
    REQUIRE(directory != NULL, "cannot open %s", path);
    int count = 0;
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

/* A bit of everything, failures included. */
static void work(const char *root)
{
    for (int32_t compressor = LODE_COMPRESSOR_NONE; compressor <= LODE_COMPRESSOR_ZSTD; compressor++) {
        lode_store *store = open_directory(root);
        lode_dataset_options options = jsonl_options();
        options.compressor = compressor;
        lode_dataset *dataset = open_dataset(store, "guest", &options);

        lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
        size_t count = 0;
        GIVES(LODE_OK, read_all(dataset, snapshot, 0, &count, error));
        CHECK(count == 5, "read %zu records", count);

        /* A writer left half way, a reader too. */
        lode_record_writer *writer = NULL;
        lode_record_reader *reader = NULL;
        lode_bytes record;
        GIVES(LODE_OK, lode_dataset_open_record_writer(dataset, NULL, &writer, error));
        GIVES(LODE_OK, lode_record_writer_append(writer, "1", 1, NULL, error));
        GIVES(LODE_OK, lode_dataset_open_record_reader(dataset, snapshot, NULL, &reader, error));
        GIVES(LODE_ITEM, lode_record_reader_next(reader, &record, error));
        lode_record_writer_free(writer);
        lode_record_reader_free(reader);

        /* Failures. */
        const char *bad[] = {"{", "}"};
        struct feed feed = feed_of(bad, 2);
        lode_record_iterator iterator = feed_iterator(&feed);
        REFUSED(LODE_ERR_INVALID_RECORD, "record",
                lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, NULL, error));
        lode_commit_options commit;
        lode_commit_options_init(&commit, sizeof commit);
        commit.expected_parent = "";
        feed = feed_of(FIVE, 5);
        REFUSED(LODE_ERR_CONFLICT, "the head", lode_dataset_stream_write_records(dataset, &iterator, "{}", &commit, NULL, error));
        lode_snapshot_free(snapshot);
        lode_dataset_free(dataset);
        lode_store_free(store);
    }
    lode_store *nowhere = NULL;
    lode_error *error = NULL;
    if (lode_store_open_filesystem("/proc/no/such/place", NULL, &nowhere, &error) >= 0) {
        lode_dataset *dataset = open_dataset(nowhere, "guest", NULL);
        struct feed feed = feed_of(FIVE, 5);
        lode_record_iterator iterator = feed_iterator(&feed);
        lode_status status = lode_dataset_stream_write_records(dataset, &iterator, "{}", NULL, NULL, &error);
        CHECK(status < 0, "wrote to a place that does not exist");
        lode_dataset_free(dataset);
        lode_store_free(nowhere);
    }
    lode_error_free(error);
}

/* ---- Quiet: nothing printed, no thread, no handler, no environment, no descriptor kept. ---- */

static int redirect(int fd, const char *path)
{
    int saved = dup(fd);
    int file = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    REQUIRE(saved >= 0 && file >= 0 && dup2(file, fd) == fd, "cannot redirect descriptor %d", fd);
    close(file);
    return saved;
}

static off_t restore(int fd, int saved)
{
    off_t printed = lseek(fd, 0, SEEK_END);
    dup2(saved, fd);
    close(saved);
    return printed;
}

static void quiet(const char *root)
{
    char out_path[300];
    char err_path[300];
    snprintf(out_path, sizeof out_path, "%s/out", root);
    snprintf(err_path, sizeof err_path, "%s/err", root);

    struct sigaction before[65];
    memset(before, 0, sizeof before);
    for (int number = 1; number <= 64; number++) {
        sigaction(number, NULL, &before[number]);
    }
    sigset_t mask_before;
    memset(&mask_before, 0, sizeof mask_before); /* the kernel fills its part of it only */
    sigprocmask(SIG_BLOCK, NULL, &mask_before);
    int descriptors = entries("/proc/self/fd");

    /* A page that cannot be read in place of the environment: reading it kills the process. */
    void *poison = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(poison != MAP_FAILED, "mmap: %s", strerror(errno));
    char **environment = environ;

    fflush(NULL);
    int saved_out = redirect(STDOUT_FILENO, out_path);
    int saved_err = redirect(STDERR_FILENO, err_path);
    environment_reads = 0;
    environ = (char **)poison;
    int failed_before = checks_failed;
    work(root);
    int failed_inside = checks_failed - failed_before;
    environ = environment;
    int reads = environment_reads;
    int threads = entries("/proc/self/task") - 2;
    fflush(NULL);
    off_t printed_out = restore(STDOUT_FILENO, saved_out);
    off_t printed_err = restore(STDERR_FILENO, saved_err);
    munmap(poison, 4096);

    CHECK(failed_inside == 0, "%d checks failed while the output was redirected:", failed_inside);
    FILE *said = failed_inside > 0 ? fopen(err_path, "r") : NULL;
    for (int c; said != NULL && (c = getc(said)) != EOF;) {
        fputc(c, stderr);
    }
    if (said != NULL) {
        fclose(said);
    }
    CHECK(failed_inside > 0 || (printed_out == 0 && printed_err == 0), "%ld bytes on stdout, %ld on stderr", (long)printed_out,
          (long)printed_err);
    CHECK(reads == 0, "the environment was read %d times", reads);
    CHECK(threads == 1, "%d threads after the work, expected the one that was there", threads);
    CHECK(entries("/proc/self/fd") == descriptors, "%d descriptors, before the work %d", entries("/proc/self/fd"), descriptors);
    for (int number = 1; number <= 64; number++) {
        struct sigaction after;
        memset(&after, 0, sizeof after);
        sigaction(number, NULL, &after);
        CHECK(after.sa_handler == before[number].sa_handler && after.sa_flags == before[number].sa_flags,
              "the action of signal %d changed", number);
    }
    sigset_t mask_after;
    memset(&mask_after, 0, sizeof mask_after);
    sigprocmask(SIG_BLOCK, NULL, &mask_after);
    CHECK(memcmp(&mask_before, &mask_after, sizeof mask_after) == 0, "the signal mask changed");
}

/* ---- Handles opened before a fork are good on both sides of it. ---- */

static void across_fork(const char *root)
{
    lode_store *store = open_directory(root);
    lode_dataset *dataset = open_dataset(store, "forked", NULL);
    lode_snapshot *first = commit_records(dataset, FIVE, 1);

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        checks_failed = 0;
        for (int i = 0; i < 3; i++) {
            lode_snapshot_free(commit_records(dataset, FIVE, 2));
        }
        lode_snapshot_free(first);
        lode_dataset_free(dataset);
        lode_store_free(store);
        _exit(checks_failed == 0 ? 0 : 1);
    }
    for (int i = 0; i < 3; i++) {
        lode_snapshot_free(commit_records(dataset, FIVE, 3));
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with wait status %d", status);

    lode_snapshot *last = commit_records(dataset, FIVE, 4);
    int length = 1;
    char parent[64];
    snprintf(parent, sizeof parent, "%s", lode_snapshot_parent_id(last));
    while (parent[0] != '\0') {
        lode_snapshot *snapshot = NULL;
        GIVES(LODE_OK, lode_dataset_find_snapshot(dataset, parent, NULL, &snapshot, error));
        length++;
        const char *next = lode_snapshot_parent_id(snapshot);
        snprintf(parent, sizeof parent, "%s", next != NULL ? next : "");
        lode_snapshot_free(snapshot);
    }
    CHECK(length == 8, "the chain of both sides has %d snapshots, expected 8", length);
    lode_snapshot_free(last);
    lode_snapshot_free(first);
    lode_dataset_free(dataset);
    lode_store_free(store);
}

/* ---- A relative root means the directory that it named when the store was opened. ---- */

static void across_chdir(const char *root)
{
    char *home = getcwd(NULL, 0);
    REQUIRE(home != NULL && chdir(root) == 0, "chdir: %s", strerror(errno));
    mkdir("relative", 0777);
    lode_store *store = open_directory("relative");
    lode_dataset *dataset = open_dataset(store, "moved", NULL);
    REQUIRE(chdir("/") == 0, "chdir: %s", strerror(errno));
    lode_snapshot *snapshot = commit_records(dataset, FIVE, 5);
    const char *location = lode_snapshot_file_location(snapshot, 0);
    CHECK(location != NULL && location[0] == '/' && access(location, R_OK) == 0, "the location %s",
          location != NULL ? location : "is none");
    CHECK(location != NULL && strstr(location, "/relative/datasets/moved/") != NULL, "the location %s",
          location != NULL ? location : "is none");
    lode_snapshot_free(snapshot);
    lode_dataset_free(dataset);
    lode_store_free(store);
    REQUIRE(chdir(home) == 0, "chdir: %s", strerror(errno));
    free(home);
}

int main(void)
{
    char root[256];
    make_root(root);
    quiet(root);
    across_fork(root);
    across_chdir(root);
    remove_tree(root);
    return finish("guest");
}
