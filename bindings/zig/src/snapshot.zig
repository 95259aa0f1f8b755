//! Snapshots.

const c = @import("c");
const lode = @import("lode.zig");
const Error = lode.Error;
const Diagnostics = lode.Diagnostics;
const check = @import("call.zig").check;
const string = @import("call.zig").string;

/// Snapshots, one after the other. One thread at a time.
pub const Snapshots = struct {
    handle: ?*c.lode_snapshot_iterator,

    pub fn deinit(self: *Snapshots) void {
        c.lode_snapshot_iterator_free(self.handle);
        self.handle = null;
    }
    /// The next snapshot, which is the caller's; null at the end.
    pub fn next(self: Snapshots, diagnostics: ?*Diagnostics) Error!?Snapshot {
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_snapshot_iterator_next(self.handle, &handle, &found), found, diagnostics);
        return if (handle) |snapshot| .{ .handle = snapshot } else null;
    }
};

/// A committed snapshot, which never changes. Threads may share it.
pub const Snapshot = struct {
    handle: ?*c.lode_snapshot,
    /// How the commit ended that gave it, such as LODE_ALREADY_COMMITTED.
    outcome: c.lode_status = c.LODE_OK,

    pub fn deinit(self: *Snapshot) void {
        c.lode_snapshot_free(self.handle);
        self.handle = null;
    }
    pub fn id(self: Snapshot) [:0]const u8 {
        return string(c.lode_snapshot_id(self.handle)) orelse "";
    }
    pub fn parentId(self: Snapshot) ?[:0]const u8 {
        return string(c.lode_snapshot_parent_id(self.handle));
    }
    pub fn rowCount(self: Snapshot) u64 {
        return @max(c.lode_snapshot_row_count(self.handle), 0);
    }
    pub fn metadata(self: Snapshot) [:0]const u8 {
        return string(c.lode_snapshot_metadata_json(self.handle)) orelse "{}";
    }
    pub fn manifest(self: Snapshot) [:0]const u8 {
        return string(c.lode_snapshot_manifest_json(self.handle)) orelse "";
    }
    pub fn fileCount(self: Snapshot) usize {
        return c.lode_snapshot_file_count(self.handle);
    }
    /// Where another program finds a data file; null if there is no such place, or no such file.
    pub fn fileLocation(self: Snapshot, index: usize) ?[:0]const u8 {
        return string(c.lode_snapshot_file_location(self.handle, index));
    }
};
