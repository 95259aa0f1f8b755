/* A store of callbacks over memory, with every way to misbehave: what the tests of callback stores share. */
#ifndef LODE_TESTS_MEMORY_STORE_H
#define LODE_TESTS_MEMORY_STORE_H

#include "check.h"

#include <pthread.h>

struct object {
    char *key;
    uint8_t *data;
    size_t len;
    struct object *next;
};

enum callback {
    NONE,
    PUT_BEGIN,
    PUT_WRITE,
    PUT_FINISH,
    STAT,
    READ,
    LIST,
    REMOVE,
    SWAP
};

struct memory_store {
    pthread_mutex_t lock;
    struct object *objects;
    int uploads;             /* begun, and neither finished nor aborted */
    int released;
    int calls;

    enum callback fails;     /* this one answers `code` without doing its work */
    enum callback loses;     /* this one does its work, and answers `code` all the same */
    const char *only;        /* both only for keys that have this; NULL: all */
    int32_t code;
    int times;               /* how often; below 0: always */

    /* How it is broken. */
    int overwrites;          /* a put replaces what is there */
    int ignores_expected;    /* a swap always happens */
    int lists_stale;         /* a listing lacks the object that was put last */
    int loses_a_byte;        /* an object of more than one lacks its last */
    int stores_nothing;      /* a put answers success and keeps nothing */
    int truncates;           /* a read at an offset ends too early */
    int no_upload;           /* put_begin gives none */
    int64_t boast;           /* added to what read answers */
    const char *besides;     /* a key that every listing has */
    const char *latest_put;
    void (*inside)(struct memory_store *memory, enum callback callback, const char *key);
    void *inside_ctx;
};

static MAYBE_UNUSED int answers_instead(struct memory_store *memory, enum callback callback, const char *key,
                                        lode_callback_error *error, int after)
{
    if (!after) {
        memory->calls++;
        if (memory->inside != NULL) {
            memory->inside(memory, callback, key);
        }
    }
    if ((after ? memory->loses : memory->fails) != callback || memory->times == 0) {
        return 0;
    }
    if (memory->only != NULL && strstr(key, memory->only) == NULL) {
        return 0;
    }
    if (memory->times > 0) {
        memory->times--;
    }
    lode_callback_error_set(error, "replaced");
    lode_callback_error_set(error, "as the test wants it");
    return memory->code;
}

static MAYBE_UNUSED struct object *memory_find(struct memory_store *memory, const char *key)
{
    for (struct object *object = memory->objects; object != NULL; object = object->next) {
        if (strcmp(object->key, key) == 0) {
            return object;
        }
    }
    return NULL;
}

static MAYBE_UNUSED void memory_set(struct memory_store *memory, const char *key, const void *data, size_t len)
{
    struct object *object = memory_find(memory, key);
    if (object == NULL) {
        object = calloc(1, sizeof *object);
        object->key = strdup(key);
        object->next = memory->objects;
        memory->objects = object;
    }
    free(object->data);
    object->data = malloc(len + 1);
    if (len > 0) {
        memcpy(object->data, data, len);
    }
    object->len = len;
    memory->latest_put = object->key;
}

struct upload {
    char *key;
    int if_absent;
    uint8_t *data;
    size_t len;
};

static MAYBE_UNUSED int32_t memory_put_begin(void *ctx, const char *key, int32_t if_absent, void **upload,
                                             lode_callback_error *error)
{
    struct memory_store *memory = (struct memory_store *)ctx;
    int32_t code = answers_instead(memory, PUT_BEGIN, key, error, 0);
    if (code < 0) {
        return code;
    }
    if (memory->no_upload) {
        return 0;
    }
    struct upload *begun = calloc(1, sizeof *begun);
    begun->key = strdup(key);
    begun->if_absent = if_absent;
    *upload = begun;
    pthread_mutex_lock(&memory->lock);
    memory->uploads++;
    pthread_mutex_unlock(&memory->lock);
    return 0;
}

static MAYBE_UNUSED int32_t memory_put_write(void *ctx, void *upload, const uint8_t *data, size_t len,
                                             lode_callback_error *error)
{
    struct upload *begun = (struct upload *)upload;
    int32_t code = answers_instead((struct memory_store *)ctx, PUT_WRITE, begun->key, error, 0);
    if (code < 0) {
        return code;
    }
    begun->data = realloc(begun->data, begun->len + len);
    memcpy(begun->data + begun->len, data, len);
    begun->len += len;
    return 0;
}

static MAYBE_UNUSED void memory_put_abort(void *ctx, void *upload)
{
    struct memory_store *memory = (struct memory_store *)ctx;
    struct upload *begun = (struct upload *)upload;
    pthread_mutex_lock(&memory->lock);
    memory->uploads--;
    pthread_mutex_unlock(&memory->lock);
    free(begun->key);
    free(begun->data);
    free(begun);
}

static MAYBE_UNUSED int32_t memory_put_finish(void *ctx, void *upload, lode_callback_error *error)
{
    struct memory_store *memory = (struct memory_store *)ctx;
    struct upload *begun = (struct upload *)upload;
    int32_t code = answers_instead(memory, PUT_FINISH, begun->key, error, 0);
    pthread_mutex_lock(&memory->lock);
    if (code == 0 && begun->if_absent && !memory->overwrites && memory_find(memory, begun->key) != NULL) {
        code = LODE_ERR_PATH_EXISTS;
    }
    if (code == 0 && !memory->stores_nothing) {
        size_t len = begun->len - (memory->loses_a_byte && begun->len > 1);
        memory_set(memory, begun->key, begun->data, len);
    }
    pthread_mutex_unlock(&memory->lock);
    if (code == 0) {
        code = answers_instead(memory, PUT_FINISH, begun->key, error, 1);
    }
    memory_put_abort(memory, begun);
    return code;
}

static MAYBE_UNUSED int32_t memory_stat(void *ctx, const char *key, uint64_t *size, lode_callback_error *error)
{
    struct memory_store *memory = (struct memory_store *)ctx;
    int32_t code = answers_instead(memory, STAT, key, error, 0);
    if (code < 0) {
        return code;
    }
    pthread_mutex_lock(&memory->lock);
    struct object *object = memory_find(memory, key);
    if (object != NULL) {
        *size = object->len;
    }
    pthread_mutex_unlock(&memory->lock);
    return object != NULL ? 0 : LODE_ERR_NOT_FOUND;
}

static MAYBE_UNUSED int64_t memory_read(void *ctx, const char *key, uint64_t offset, uint8_t *buffer, size_t capacity,
                                        lode_callback_error *error)
{
    struct memory_store *memory = (struct memory_store *)ctx;
    int32_t code = answers_instead(memory, READ, key, error, 0);
    if (code < 0) {
        return code;
    }
    pthread_mutex_lock(&memory->lock);
    struct object *object = memory_find(memory, key);
    int64_t answer = LODE_ERR_NOT_FOUND;
    if (object != NULL) {
        size_t end = memory->truncates && offset > 0 && object->len > 1000 ? object->len - 1 : object->len;
        size_t left = offset < end ? end - (size_t)offset : 0;
        size_t count = left < capacity ? left : capacity;
        memcpy(buffer, object->data + (count > 0 ? offset : 0), count);
        answer = (int64_t)count + memory->boast;
    }
    pthread_mutex_unlock(&memory->lock);
    return answer;
}

static MAYBE_UNUSED int32_t memory_list(void *ctx, const char *prefix, lode_key_sink *keys, lode_callback_error *error)
{
    struct memory_store *memory = (struct memory_store *)ctx;
    int32_t code = answers_instead(memory, LIST, prefix, error, 0);
    if (code < 0) {
        return code;
    }
    pthread_mutex_lock(&memory->lock);
    for (struct object *object = memory->objects; object != NULL; object = object->next) {
        int stale = memory->lists_stale && object->key == memory->latest_put;
        if (strncmp(object->key, prefix, strlen(prefix)) == 0 && !stale) {
            lode_key_sink_add(keys, object->key);
        }
    }
    pthread_mutex_unlock(&memory->lock);
    if (memory->besides != NULL) {
        lode_key_sink_add(keys, memory->besides);
    }
    return 0;
}

static MAYBE_UNUSED int32_t memory_remove(void *ctx, const char *key, lode_callback_error *error)
{
    struct memory_store *memory = (struct memory_store *)ctx;
    int32_t code = answers_instead(memory, REMOVE, key, error, 0);
    if (code < 0) {
        return code;
    }
    pthread_mutex_lock(&memory->lock);
    code = LODE_ERR_NOT_FOUND;
    for (struct object **at = &memory->objects; *at != NULL; at = &(*at)->next) {
        struct object *object = *at;
        if (strcmp(object->key, key) == 0) {
            *at = object->next;
            free(object->key);
            free(object->data);
            free(object);
            code = 0;
            break;
        }
    }
    pthread_mutex_unlock(&memory->lock);
    return code;
}

static MAYBE_UNUSED int32_t memory_swap(void *ctx, const char *key, const uint8_t *expected, size_t expected_len,
                                        const uint8_t *value, size_t value_len, lode_callback_error *error)
{
    struct memory_store *memory = (struct memory_store *)ctx;
    int32_t code = answers_instead(memory, SWAP, key, error, 0);
    if (code < 0) {
        return code;
    }
    pthread_mutex_lock(&memory->lock);
    struct object *object = memory_find(memory, key);
    size_t len = object != NULL ? object->len : 0;
    int equal = len == expected_len && (len == 0 || memcmp(object->data, expected, len) == 0);
    if (equal || memory->ignores_expected) {
        memory_set(memory, key, value, value_len);
    } else {
        code = LODE_ERR_CONFLICT;
    }
    pthread_mutex_unlock(&memory->lock);
    return code == 0 ? answers_instead(memory, SWAP, key, error, 1) : code;
}

static MAYBE_UNUSED void memory_release(void *ctx)
{
    ((struct memory_store *)ctx)->released++;
}

static MAYBE_UNUSED lode_store_callbacks memory_callbacks(struct memory_store *memory)
{
    pthread_mutex_init(&memory->lock, NULL);
    lode_store_callbacks callbacks;
    lode_store_callbacks_init(&callbacks, sizeof callbacks);
    callbacks.ctx = memory;
    callbacks.put_begin = memory_put_begin;
    callbacks.put_write = memory_put_write;
    callbacks.put_finish = memory_put_finish;
    callbacks.put_abort = memory_put_abort;
    callbacks.stat = memory_stat;
    callbacks.read = memory_read;
    callbacks.list = memory_list;
    callbacks.remove = memory_remove;
    callbacks.compare_and_swap = memory_swap;
    callbacks.release = memory_release;
    return callbacks;
}

static MAYBE_UNUSED lode_store *memory_open(struct memory_store *memory)
{
    lode_store_callbacks callbacks = memory_callbacks(memory);
    lode_store *store = NULL;
    lode_error *error = NULL;
    lode_status status = lode_store_open_callbacks(&callbacks, NULL, &store, &error);
    REQUIRE(status == LODE_OK, "cannot make a store: %s", lode_error_message(error));
    return store;
}

static MAYBE_UNUSED size_t memory_count(const struct memory_store *memory)
{
    size_t count = 0;
    for (const struct object *object = memory->objects; object != NULL; object = object->next) {
        count++;
    }
    return count;
}

/* The store is closed: released once, no upload left open; its memory is freed. */
static MAYBE_UNUSED void memory_close(struct memory_store *memory, lode_store *store)
{
    lode_store_free(store);
    CHECK(memory->released == 1, "released %d times", memory->released);
    CHECK(memory->uploads == 0, "%d uploads were neither finished nor aborted", memory->uploads);
    while (memory->objects != NULL) {
        struct object *object = memory->objects;
        memory->objects = object->next;
        free(object->key);
        free(object->data);
        free(object);
    }
    pthread_mutex_destroy(&memory->lock);
}

#endif
