//! Atomic, durable, verifiable snapshots of record streams: thin wrappers over the C library.
//!
//! Failures are errors, one for each status, such as `error.Conflict`. A function that can fail takes an
//! optional `*Diagnostics`, which then holds what the library has to say: message, action, path, snapshot,
//! record. Options are given as a struct literal of the C struct's fields, `.{ .deadline_ms = 500 }`; those
//! left out are the defaults. Handles are freed by `deinit`, in any order. One that was freed is refused with
//! `error.InvalidArgument`; a copy of it must not be used, as with any memory in Zig.

const std = @import("std");

/// The C library as its header declares it.
pub const c = @import("c");

pub const Error = @import("failure.zig").Error;
pub const failure = @import("failure.zig").failure;
pub const Diagnostics = @import("failure.zig").Diagnostics;

pub const Store = @import("store.zig").Store;
pub const Dataset = @import("dataset.zig").Dataset;
pub const RecordWriter = @import("records.zig").RecordWriter;
pub const RecordReader = @import("records.zig").RecordReader;
pub const Part = @import("part.zig").Part;
pub const Snapshots = @import("snapshot.zig").Snapshots;
pub const Snapshot = @import("snapshot.zig").Snapshot;
pub const Volume = @import("volume.zig").Volume;
pub const VolumeBlock = @import("volume.zig").VolumeBlock;

pub const Finding = @import("upkeep.zig").Finding;
pub const Garbage = @import("upkeep.zig").Garbage;
pub const Collected = @import("upkeep.zig").Collected;

/// The version of the library that is running.
pub fn version() [:0]const u8 {
    return std.mem.span(c.lode_version());
}
