/**
 * @file
 * How datasets and volumes are written: codecs, compressors, checksums, layouts, threads. Part of lode.hpp.
 */
#ifndef LODE_OPTIONS_HPP
#define LODE_OPTIONS_HPP

#include <lode/handle.hpp>

#include <vector>

namespace lode {

/** How records become bytes. */
enum class codec : std::int32_t {
    none = LODE_CODEC_NONE,       /**< A dataset of raw blobs. */
    jsonl = LODE_CODEC_JSONL,     /**< One JSON document a line. */
    parquet = LODE_CODEC_PARQUET, /**< Apache Parquet; feature "parquet". */
};

/** How files are compressed. */
enum class compressor : std::int32_t {
    none = LODE_COMPRESSOR_NONE, /**< Not. */
    gzip = LODE_COMPRESSOR_GZIP, /**< gzip (RFC 1952). */
    zstd = LODE_COMPRESSOR_ZSTD, /**< Zstandard (RFC 8878). */
};

/** How files are checked. */
enum class checksum : std::int32_t {
    xxh3 = LODE_CHECKSUM_XXH3,     /**< XXH3, 64 bits: fast, finds damage. */
    none = LODE_CHECKSUM_NONE,     /**< Not. */
    md5 = LODE_CHECKSUM_MD5,       /**< MD5, which the Go library of this format writes. */
    sha256 = LODE_CHECKSUM_SHA256, /**< SHA-256: finds tampering, too, if the manifest is trusted. */
};

/** Where files lie. */
enum class layout : std::int32_t {
    standard = LODE_LAYOUT_DEFAULT, /**< LODE_LAYOUT_DEFAULT: each snapshot's files in its own directory. */
    hive = LODE_LAYOUT_HIVE,        /**< Partitioned by keys of the records. */
    flat = LODE_LAYOUT_FLAT,        /**< The shortest paths, whose datasets cannot be listed. */
};

/** What a commit that returned survives. */
enum class durability : std::int32_t {
    full = LODE_DURABILITY_FULL,       /**< A power cut. */
    process = LODE_DURABILITY_PROCESS, /**< A killed process; nothing is synced. */
};

/** Which types the columns of a Parquet file may have. */
enum class schema_types : std::int32_t {
    portable = LODE_SCHEMA_PORTABLE, /**< Those that every reader of the format knows. */
    arrow = LODE_SCHEMA_ARROW,       /**< Any Arrow type that Parquet stores. */
};

/** How the pages of a Parquet file are compressed. */
enum class parquet_compression : std::int32_t {
    snappy = LODE_PARQUET_SNAPPY,             /**< Snappy, as the Go library does it. */
    uncompressed = LODE_PARQUET_UNCOMPRESSED, /**< Not. */
    zstd = LODE_PARQUET_ZSTD,                 /**< Zstandard, level 3. */
};

/** Threads of the caller's for a dataset's compression. */
class executor {
public:
    executor() = default;
    executor(const executor &) = delete;
    executor &operator=(const executor &) = delete;
    virtual ~executor() = default;

    /**
     * Has a task called exactly once, on another thread, now or later, and answers true. False: the task will
     * not be called, and the writing thread does the work; so it does if this throws, which ends no call. A
     * task throws nothing, waits for no other, and may be called after the dataset is gone.
     */
    virtual bool run(std::function<void()> task) = 0;
};

/** How a dataset is written. What is read follows each snapshot's own manifest. */
struct dataset_options {
    lode::codec codec = lode::codec::none;                /**< Record calls need one. */
    lode::compressor compressor = lode::compressor::none; /**< How files are compressed. */
    std::int32_t compression_level = 0;                   /**< 0: the compressor's default. */
    lode::checksum checksum = lode::checksum::xxh3;       /**< How files are checked. */
    lode::layout layout = lode::layout::standard;         /**< Where files lie. */
    lode::durability durability = lode::durability::full; /**< What a commit survives. */
    bool file_statistics = false;                         /**< Whether the manifest has statistics of each key. */
    std::int32_t retry_attempts = 0;                      /**< How often one request is tried; 0: a few times. */
    std::chrono::milliseconds retry_base{0};              /**< Before the second try; 0: a few. */
    std::chrono::milliseconds retry_cap{0};               /**< The longest pause; 0: half a second. */
    std::int64_t max_record_bytes = 0;                    /**< 0: about 10 MiB. */
    std::vector<std::string> partition_keys{};            /**< For layout::hive at least one. */
    bool partition_streaming = false;                     /**< Whether streams may be partitioned. */
    std::int32_t max_open_partitions = 0;                 /**< Of such a stream; see lode_dataset_options. */
    std::int32_t threads = 0;                             /**< That share the work; see lode_dataset_options. */
    std::int64_t target_file_bytes = 0;                   /**< After which records go into another file; 0: never. */
    /**
     * Gives the other threads; NULL: the library starts them. Borrowed until the dataset and all that was
     * made from it are gone.
     */
    lode::executor *executor = nullptr;
    /** The columns, as the JSON object that lode_dataset_options describes; "": none. */
    std::string schema_json{};
    /** The same as an Arrow schema, borrowed for the call, never released by it; not with schema_json. */
    const ArrowSchema *arrow_schema = nullptr;
    std::int64_t row_group_bytes = 0; /**< Where a row group of a Parquet file ends; 0: at 32 MiB. */
    lode::schema_types schema_types = lode::schema_types::portable; /**< Which columns there may be. */
    /** How the pages of a Parquet file are compressed. */
    lode::parquet_compression parquet_compression = lode::parquet_compression::snappy;
};

namespace detail {

inline std::int32_t spawn(void *ctx, void (*task)(void *), void *arg) noexcept
{
    LODE_DETAIL_TRY
    {
        return static_cast<executor *>(ctx)->run([task, arg] { task(arg); }) ? 0 : 1;
    }
    LODE_DETAIL_CATCH_ALL
    {
    }
    return 1;
}

/** lode_dataset_options for one call. */
class c_dataset_options {
public:
    explicit c_dataset_options(const dataset_options &options)
    {
        options_.codec = static_cast<std::int32_t>(options.codec);
        options_.compressor = static_cast<std::int32_t>(options.compressor);
        options_.compression_level = options.compression_level;
        options_.checksum = static_cast<std::int32_t>(options.checksum);
        options_.layout = static_cast<std::int32_t>(options.layout);
        options_.durability = static_cast<std::int32_t>(options.durability);
        options_.file_statistics = options.file_statistics ? 1 : 0;
        options_.retry_attempts = options.retry_attempts;
        options_.retry_base_ms = clamped(options.retry_base);
        options_.retry_cap_ms = clamped(options.retry_cap);
        options_.max_record_bytes = options.max_record_bytes;
        options_.partition_streaming = options.partition_streaming ? 1 : 0;
        options_.max_open_partitions = options.max_open_partitions;
        options_.threads = options.threads;
        options_.target_file_bytes = options.target_file_bytes;
        if (options.executor != nullptr) {
            options_.spawn = spawn;
            options_.spawn_ctx = options.executor;
        }
        for (const std::string &key : options.partition_keys) {
            has_nul_ = has_nul_ || key.find('\0') != std::string::npos;
            keys_.push_back(key.c_str());
        }
        options_.partition_keys = keys_.empty() ? nullptr : keys_.data();
        options_.partition_key_count = keys_.size();
        has_nul_ = has_nul_ || options.schema_json.find('\0') != std::string::npos;
        options_.schema_json = options.schema_json.empty() ? nullptr : options.schema_json.c_str();
        options_.arrow_schema = options.arrow_schema;
        options_.row_group_bytes = options.row_group_bytes;
        options_.schema_types = static_cast<std::int32_t>(options.schema_types);
        options_.parquet_compression = static_cast<std::int32_t>(options.parquet_compression);
    }

    const lode_dataset_options *get() const noexcept { return &options_; }
    bool has_nul() const noexcept { return has_nul_; }

private:
    std::vector<const char *> keys_;
    bool has_nul_ = false;
    lode_dataset_options options_ = LODE_DATASET_OPTIONS_INIT;
};

inline bool has_nul(const c_dataset_options &value) noexcept { return value.has_nul(); }
inline const lode_dataset_options *to_c(const c_dataset_options &value) noexcept { return value.get(); }

} // namespace detail

} // namespace lode

#endif
