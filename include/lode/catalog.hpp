/**
 * @file
 * Catalogs: what a store holds. Part of lode.hpp.
 */
#ifndef LODE_CATALOG_HPP
#define LODE_CATALOG_HPP

#include <lode/options.hpp>
#include <lode/reader.hpp>
#include <lode/store.hpp>

namespace lode {

/** A range of times, both ends included; an end that is left out is open. */
struct time_range {
    std::optional<timestamp> from{}; /**< The earliest. */
    std::optional<timestamp> to{};   /**< The latest. */
};

/** A store as datasets of one layout: what is stored, without a dataset's history. Nothing is written. */
class catalog : public detail::handle<lode_catalog, lode_catalog_free> {
public:
    /** Takes ownership of a catalog of lode.h. */
    explicit catalog(lode_catalog *raw) noexcept : handle(raw) {}

    /** Opens a catalog of a store; no I/O. Throws lode::error. */
    static catalog open(const store &in, lode::layout layout = lode::layout::standard)
    {
        return try_open(in, layout).value();
    }
    /** As open, with the error in the result. */
    static result<catalog> try_open(const store &in, lode::layout layout = lode::layout::standard)
    {
        lode_catalog_options c = LODE_CATALOG_OPTIONS_INIT;
        c.layout = static_cast<std::int32_t>(layout);
        return detail::make<catalog>(lode_catalog_open, in.get(), &c);
    }

    /** Lists the ids of the datasets that have a snapshot, sorted. Throws lode::error. */
    string_iterator list_datasets(const call_options &options = {}) const { return try_list_datasets(options).value(); }
    /** As list_datasets, with the error in the result. */
    result<string_iterator> try_list_datasets(const call_options &options = {}) const
    {
        return detail::make_iterator<string_iterator>(options, lode_catalog_list_datasets, get());
    }

    /** Lists the partitions of a dataset in which a snapshot has a file. Throws lode::error. */
    string_iterator list_partitions(const text &dataset_id, const call_options &options = {}) const
    {
        return try_list_partitions(dataset_id, options).value();
    }
    /** As list_partitions, with the error in the result. */
    result<string_iterator> try_list_partitions(const text &dataset_id, const call_options &options = {}) const
    {
        return detail::make_iterator<string_iterator>(options, lode_catalog_list_partitions, get(), dataset_id);
    }

    /**
     * Lists the snapshots of a dataset whose manifests are there, sorted by id.
     * @param dataset_id the dataset.
     * @param partition_prefix only those with a file in this partition or below it; "": all.
     * @param times only those whose records' times reach into this range; none: all.
     * @param options the call's limits.
     * Throws lode::error.
     */
    snapshot_iterator list_snapshots(const text &dataset_id, const text &partition_prefix = "",
                                     std::optional<time_range> times = std::nullopt,
                                     const call_options &options = {}) const
    {
        return try_list_snapshots(dataset_id, partition_prefix, times, options).value();
    }
    /** As list_snapshots, with the error in the result. */
    result<snapshot_iterator> try_list_snapshots(const text &dataset_id, const text &partition_prefix = "",
                                                 std::optional<time_range> times = std::nullopt,
                                                 const call_options &options = {}) const
    {
        std::int64_t range[2] = {INT64_MIN, INT64_MAX};
        if (times && times->from) {
            range[0] = times->from->time_since_epoch().count();
        }
        if (times && times->to) {
            range[1] = times->to->time_since_epoch().count();
        }
        const std::int64_t *wanted = times ? range : nullptr;
        return detail::make_iterator<snapshot_iterator>(options, lode_catalog_list_snapshots, get(), dataset_id,
                                                        partition_prefix, wanted);
    }

    /** Reads one manifest by its key. Throws lode::error. */
    snapshot read_manifest(const text &key, const call_options &options = {}) const
    {
        return try_read_manifest(key, options).value();
    }
    /** As read_manifest, with the error in the result. */
    result<snapshot> try_read_manifest(const text &key, const call_options &options = {}) const
    {
        return detail::make_within<snapshot>(options, lode_catalog_read_manifest, get(), key);
    }

    /** Opens any object of the store, to be read as it is stored. Throws lode::error. */
    blob_reader open_object(const text &key, const read_options &options = {}) const
    {
        return try_open_object(key, options).value();
    }
    /** As open_object, with the error in the result. */
    result<blob_reader> try_open_object(const text &key, const read_options &options = {}) const
    {
        const lode_read_options c = detail::to_lode(options);
        return detail::make<blob_reader>(lode_catalog_open_object, get(), key, &c);
    }
};

} // namespace lode

#endif
