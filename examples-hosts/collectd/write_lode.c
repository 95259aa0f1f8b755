/*
 * A write plug-in of collectd: each measured value is a record of a dataset, and a snapshot is committed each
 * Interval seconds, on a flush, and as collectd ends.
 *
 *   cc -shared -fPIC -I/usr/include/collectd -I/usr/include/collectd/core \
 *       -I/usr/include/collectd/core/daemon \
 *       write_lode.c $(pkg-config --cflags --libs lode) -o /usr/lib/collectd/write_lode.so
 *
 * collectd calls write callbacks on several threads at once, so a lock stands before the writer. A commit
 * that fails keeps the records and is tried again after the next Interval.
 */
#include "collectd.h"

#include "plugin.h"

#include <inttypes.h>
#include <lode.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *root, *dataset_id;
static cdtime_t interval;
static lode_dataset *dataset;
static lode_record_writer *writer;
static cdtime_t committed_at;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Logs the failure, and frees it. */
static int failed(const char *doing, lode_error *error)
{
    plugin_log(LOG_ERR, "write_lode: %s: %s", doing, lode_error_message(error));
    lode_error_free(error);
    return -1;
}

/* Commits what the writer holds; the caller has the lock. */
static int commit(void)
{
    lode_error *error = NULL;
    if (!writer || lode_record_writer_record_count(writer) == 0)
        return 0;
    committed_at = cdtime();
    if (lode_record_writer_commit(writer, "{}", NULL, NULL, &error) < 0) {
        /* LODE_ERR_STATE says that the records are lost with the writer, and a new one is begun; else they
         * are kept. */
        if (lode_error_status(error) == LODE_ERR_STATE) {
            lode_record_writer_free(writer);
            writer = NULL;
        }
        return failed("commit", error);
    }
    lode_record_writer_free(writer);
    writer = NULL;
    return 0;
}

/* Appends the text as a JSON string; what does not fit makes the length go beyond the buffer. */
static size_t put_text(char *to, size_t size, size_t at, const char *name, const char *text)
{
    at += (size_t)snprintf(at < size ? to + at : NULL, at < size ? size - at : 0, "\"%s\":\"", name);
    for (; *text; text++) {
        int escaped = *text == '"' || *text == '\\';
        if ((unsigned char)*text < ' ')
            continue; /* no name has any */
        if (escaped && at < size)
            to[at] = '\\';
        at += (size_t)escaped;
        if (at < size)
            to[at] = *text;
        at++;
    }
    return at + (size_t)snprintf(at < size ? to + at : NULL, at < size ? size - at : 0, "\",");
}

static int write_value(const data_set_t *set, const value_list_t *list, size_t index)
{
    char record[2048], number[64];
    lode_error *error = NULL;
    int64_t unix_nanos = (int64_t)CDTIME_T_TO_NS(list->time);
    value_t value = list->values[index];
    size_t len;
    switch (set->ds[index].type) {
    case DS_TYPE_GAUGE:
        snprintf(number, sizeof number, isfinite(value.gauge) ? "%.17g" : "null", value.gauge);
        break;
    case DS_TYPE_DERIVE:
        snprintf(number, sizeof number, "%" PRId64, (int64_t)value.derive);
        break;
    default:
        snprintf(number, sizeof number, "%" PRIu64, (uint64_t)value.counter);
    }
    record[0] = '{';
    len = put_text(record, sizeof record, 1, "host", list->host);
    len = put_text(record, sizeof record, len, "plugin", list->plugin);
    len = put_text(record, sizeof record, len, "plugin_instance", list->plugin_instance);
    len = put_text(record, sizeof record, len, "type", list->type);
    len = put_text(record, sizeof record, len, "type_instance", list->type_instance);
    len = put_text(record, sizeof record, len, "name", set->ds[index].name);
    len += (size_t)snprintf(len < sizeof record ? record + len : NULL, len < sizeof record ? sizeof record - len : 0,
                            "\"time_ns\":%" PRId64 ",\"value\":%s}", unix_nanos, number);
    if (len >= sizeof record) {
        plugin_log(LOG_ERR, "write_lode: a record of %zu bytes is too long", len);
        return -1;
    }
    if (!writer && lode_dataset_open_record_writer(dataset, NULL, &writer, &error) < 0)
        return failed("begin", error);
    if (lode_record_writer_append(writer, record, len, &unix_nanos, &error) < 0)
        return failed("append", error);
    return 0;
}

static int lode_write(const data_set_t *set, const value_list_t *list, user_data_t *data)
{
    int status = 0;
    (void)data;
    pthread_mutex_lock(&lock);
    for (size_t index = 0; index < list->values_len; index++)
        status |= write_value(set, list, index);
    if (cdtime() - committed_at >= interval)
        status |= commit();
    pthread_mutex_unlock(&lock);
    return status;
}

static int lode_flush(cdtime_t timeout, const char *identifier, user_data_t *data)
{
    int status;
    (void)timeout, (void)identifier, (void)data;
    pthread_mutex_lock(&lock);
    status = commit();
    pthread_mutex_unlock(&lock);
    return status;
}

static int lode_shutdown(void)
{
    int status = lode_flush(0, NULL, NULL);
    lode_record_writer_free(writer);
    lode_dataset_free(dataset);
    writer = NULL, dataset = NULL;
    free(root), free(dataset_id);
    root = dataset_id = NULL;
    return status;
}

static int lode_init(void)
{
    lode_store *store = NULL;
    lode_error *error = NULL;
    lode_dataset_options options = LODE_DATASET_OPTIONS_INIT;
    options.codec = LODE_CODEC_JSONL;
    options.compressor = LODE_COMPRESSOR_ZSTD;
    if (!root || !dataset_id) {
        plugin_log(LOG_ERR, "write_lode: Store and Dataset are needed");
        return -1;
    }
    if (lode_store_open_filesystem(root, NULL, &store, &error) < 0)
        return failed("Store", error);
    if (lode_dataset_open(store, dataset_id, &options, &dataset, &error) < 0) {
        lode_store_free(store);
        return failed("Dataset", error);
    }
    lode_store_free(store);
    committed_at = cdtime();
    plugin_register_write("write_lode", lode_write, NULL);
    plugin_register_flush("write_lode", lode_flush, NULL);
    return 0;
}

static int lode_config(const char *key, const char *value)
{
    char *end = NULL;
    if (strcasecmp(key, "Store") == 0) {
        free(root);
        root = strdup(value);
        return root ? 0 : -1;
    }
    if (strcasecmp(key, "Dataset") == 0) {
        free(dataset_id);
        dataset_id = strdup(value);
        return dataset_id ? 0 : -1;
    }
    double seconds = strtod(value, &end);
    if (end == value || *end || !(seconds > 0)) {
        plugin_log(LOG_ERR, "write_lode: Interval is a number of seconds, not \"%s\"", value);
        return -1;
    }
    interval = DOUBLE_TO_CDTIME_T(seconds);
    return 0;
}

void module_register(void)
{
    static const char *keys[] = {"Store", "Dataset", "Interval"};
    interval = DOUBLE_TO_CDTIME_T(10.0);
    plugin_register_config("write_lode", lode_config, keys, 3);
    plugin_register_init("write_lode", lode_init);
    plugin_register_shutdown("write_lode", lode_shutdown);
}
