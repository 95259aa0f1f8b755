//! Stores, and opening what lies in them.

const c = @import("c");
const lode = @import("lode.zig");
const Error = lode.Error;
const Diagnostics = lode.Diagnostics;
const check = @import("call.zig").check;
const options = @import("call.zig").options;
const Dataset = lode.Dataset;
const Volume = lode.Volume;

/// Objects under keys, where datasets lie. Threads may share it.
pub const Store = struct {
    handle: ?*c.lode_store,

    /// A store in a directory, which must exist.
    pub fn openFilesystem(root: [:0]const u8, diagnostics: ?*Diagnostics) Error!Store {
        var handle: ?*c.lode_store = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_store_open_filesystem(root, null, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// A store in this process's memory, for tests.
    pub fn openMemory(diagnostics: ?*Diagnostics) Error!Store {
        var handle: ?*c.lode_store = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_store_open_memory(null, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// A store of the caller's own callbacks.
    pub fn openCallbacks(callbacks: *const c.lode_store_callbacks, diagnostics: ?*Diagnostics) Error!Store {
        var handle: ?*c.lode_store = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_store_open_callbacks(callbacks, null, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    pub fn deinit(self: *Store) void {
        c.lode_store_free(self.handle);
        self.handle = null;
    }
    /// Opens a dataset, which its first commit makes. No I/O. The fields are those of lode_dataset_options.
    pub fn dataset(self: Store, id: [:0]const u8, fields: anytype, diagnostics: ?*Diagnostics) Error!Dataset {
        const filled = options(c.lode_dataset_options, fields);
        var handle: ?*c.lode_dataset = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_dataset_open(self.handle, id, &filled, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// Opens a volume, which its first commit makes. No I/O. The fields are those of lode_volume_options.
    pub fn volume(self: Store, id: [:0]const u8, fields: anytype, diagnostics: ?*Diagnostics) Error!Volume {
        const filled = options(c.lode_volume_options, fields);
        var handle: ?*c.lode_volume = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_volume_open(self.handle, id, &filled, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
};
