//! Volumes and their blocks.

const std = @import("std");
const c = @import("c");
const lode = @import("lode.zig");
const Error = lode.Error;
const Diagnostics = lode.Diagnostics;
const check = @import("call.zig").check;
const options = @import("call.zig").options;
const string = @import("call.zig").string;
const Snapshot = lode.Snapshot;
const upkeep = @import("upkeep.zig");

/// A range of bytes that is durable and not yet in a snapshot. Threads may share it.
pub const VolumeBlock = struct {
    handle: ?*c.lode_volume_block,

    /// Frees the handle. The bytes stay in the store.
    pub fn deinit(self: *VolumeBlock) void {
        c.lode_volume_block_free(self.handle);
        self.handle = null;
    }
    /// The block as one line of JSON, for `Volume.block` in any process.
    pub fn json(self: VolumeBlock) [:0]const u8 {
        return string(c.lode_volume_block_json(self.handle)) orelse "";
    }
    pub fn offset(self: VolumeBlock) u64 {
        return c.lode_volume_block_offset(self.handle);
    }
    pub fn length(self: VolumeBlock) u64 {
        return c.lode_volume_block_length(self.handle);
    }
};

/// An address space that is filled block by block. Threads may share it.
pub const Volume = struct {
    handle: ?*c.lode_volume,

    pub fn deinit(self: *Volume) void {
        c.lode_volume_free(self.handle);
        self.handle = null;
    }
    /// Stages bytes as a block, invisible until a commit names it. The fields are those of lode_call_options.
    pub fn stageWriteAt(self: Volume, offset: u64, bytes: []const u8, fields: anytype, diagnostics: ?*Diagnostics) Error!VolumeBlock {
        const filled = options(c.lode_call_options, fields);
        var handle: ?*c.lode_volume_block = null;
        var found: ?*c.lode_error = null;
        const status = c.lode_volume_stage_write_at(self.handle, offset, bytes.ptr, bytes.len, &filled, &handle, &found);
        _ = try check(status, found, diagnostics);
        return .{ .handle = handle };
    }
    /// A block that any process has staged, from its JSON.
    pub fn block(self: Volume, json: [:0]const u8, diagnostics: ?*Diagnostics) Error!VolumeBlock {
        var handle: ?*c.lode_volume_block = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_volume_block_from_json(self.handle, json, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// Commits blocks, and all that the volume has, as one snapshot. The fields are those of
    /// lode_commit_options.
    pub fn commit(
        self: Volume,
        blocks: []const VolumeBlock,
        metadata: [:0]const u8,
        fields: anytype,
        diagnostics: ?*Diagnostics,
    ) Error!Snapshot {
        comptime std.debug.assert(@sizeOf(VolumeBlock) == @sizeOf(?*c.lode_volume_block));
        const filled = options(c.lode_commit_options, fields);
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        // A block is its handle.
        const raw: [*c]const ?*const c.lode_volume_block = @ptrCast(blocks.ptr);
        const status = c.lode_volume_commit(self.handle, raw, blocks.len, metadata, &filled, &handle, &found);
        return .{ .outcome = try check(status, found, diagnostics), .handle = handle };
    }
    /// Fills a buffer with a range of a snapshot. `error.RangeMissing` for a hole: `Diagnostics.offset` is
    /// its first byte.
    pub fn readAt(self: Volume, from: Snapshot, offset: u64, buffer: []u8, fields: anytype, diagnostics: ?*Diagnostics) Error!void {
        const filled = options(c.lode_read_options, fields);
        var found: ?*c.lode_error = null;
        const status = c.lode_volume_read_at(self.handle, from.handle, offset, buffer.ptr, buffer.len, &filled, &found);
        _ = try check(status, found, diagnostics);
    }
    /// The newest snapshot; `error.NoSnapshots` if there is none.
    pub fn latest(self: Volume, diagnostics: ?*Diagnostics) Error!Snapshot {
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_volume_find_latest(self.handle, null, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// As Dataset.verify.
    pub fn verify(self: Volume, level: i32, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!void {
        return upkeep.verifyBy(c.lode_volume_verify, self.handle, level, listener, fields, diagnostics);
    }
    /// As Dataset.collect.
    pub fn collect(self: Volume, what: anytype, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!upkeep.Collected {
        return upkeep.collectBy(c.lode_volume_collect, self.handle, what, listener, fields, diagnostics);
    }
};
