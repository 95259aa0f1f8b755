/**
 * @file
 * Parts: staged data that a later commit makes a snapshot. Part of lode.hpp.
 */
#ifndef LODE_PART_HPP
#define LODE_PART_HPP

#include <lode/snapshot.hpp>

namespace lode {

/**
 * Data files that are durable and not yet in a snapshot, until dataset::commit_parts names them, perhaps in
 * another process: json() is all that has to get there. Threads may share it. Destroying it removes nothing:
 * discard does.
 */
class part : public detail::handle<lode_part, lode_part_free> {
public:
    /** Takes ownership of a part of lode.h. */
    explicit part(lode_part *raw) noexcept : handle(raw) {}

    /** The id that its files lie under; it lives as long as the part. */
    std::string_view id() const noexcept { return detail::view(lode_part_id(get())); }
    /** The part as one line of JSON, for dataset::part_from_json; it lives as long as the part. */
    std::string_view json() const noexcept { return detail::view(lode_part_json(get())); }
    /** How many records it has; a raw blob counts 1. */
    std::int64_t record_count() const noexcept { return get() == nullptr ? 0 : lode_part_record_count(get()); }
    /** How many bytes its files have as they are stored. */
    std::int64_t size() const noexcept { return get() == nullptr ? 0 : lode_part_size(get()); }
    /** How many files it has. */
    std::size_t file_count() const noexcept { return lode_part_file_count(get()); }
    /** The store key of one of its files; empty if there is no such file. */
    std::string_view file_path(std::size_t index) const noexcept
    {
        return detail::view(lode_part_file_path(get(), index));
    }

    /** Removes the files of a part that will not be committed. Throws lode::error. */
    void discard(const call_options &options = {}) const { try_discard(options).value(); }
    /** As discard, with the error in the result. */
    result<void> try_discard(const call_options &options = {}) const
    {
        const detail::c_call_options c(options);
        auto got = detail::run(lode_part_discard, get(), c.get());
        c.rethrow(!got);
        return got;
    }
};

} // namespace lode

#endif
