/**
 * @file
 * lode.hpp - datasets as chains of immutable snapshots, for C++
 *
 * C++17, header-only over lode.h, no other dependencies; link with lode.
 *
 * @code
 *   #include <lode.hpp>
 *   #include <iostream>
 *   #include <vector>
 *
 *   int main()
 *   {
 *       auto store = lode::store::open_filesystem(".");
 *       lode::dataset_options options;
 *       options.codec = lode::codec::jsonl;
 *       auto events = lode::dataset::open(store, "events", options);
 *       std::vector<std::string> records = {R"({"id":1})", R"({"id":2})"};
 *       auto snapshot = events.stream_write_records(records, "{}");
 *       for (std::string_view record : events.read(snapshot)) {
 *           std::cout << record << '\n';
 *       }
 *   }
 * @endcode
 *
 * Handles  Each noun of lode.h is a class that owns its handle and can be moved, not copied. One that was
 *          moved from is refused with lode::status::invalid_argument. get() gives the handle for functions of
 *          lode.h; each class can be made from one, which it then owns.
 * Errors   A call throws lode::error. The call of the same name with `try_` before it gives a lode::result in
 *          its place, and is the one to use in a program that is compiled without exceptions.
 * Callbacks  No exception crosses the library. What a range, a byte source or a progress function throws
 *          comes out of the call unchanged, the `try_` form included; lode::backend says what becomes of a
 *          store's exceptions.
 * Threads  As in lode.h: stores, datasets, volumes, catalogs, snapshots, errors and cancel tokens may be
 *          shared; a writer, reader or iterator belongs to one thread at a time, and a second call on it at
 *          once is refused with lode::status::state. Moving a handle and using it at once is a data race, as
 *          with any object.
 *
 * lode.h is the reference: what a call does, and which statuses it gives.
 */
#ifndef LODE_HPP
#define LODE_HPP

#include <lode/catalog.hpp>
#include <lode/dataset.hpp>
#include <lode/volume.hpp>

#endif
