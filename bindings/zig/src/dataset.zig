//! Datasets: writing them, and finding and reading their snapshots.

const std = @import("std");
const c = @import("c");
const lode = @import("lode.zig");
const Error = lode.Error;
const Diagnostics = lode.Diagnostics;
const check = @import("call.zig").check;
const options = @import("call.zig").options;
const Part = lode.Part;
const RecordReader = lode.RecordReader;
const RecordWriter = lode.RecordWriter;
const Snapshot = lode.Snapshot;
const Snapshots = lode.Snapshots;
const upkeep = @import("upkeep.zig");

/// A chain of snapshots. Threads may share it.
pub const Dataset = struct {
    handle: ?*c.lode_dataset,

    pub fn deinit(self: *Dataset) void {
        c.lode_dataset_free(self.handle);
        self.handle = null;
    }

    /// Pulls all records from an iterator and commits them as one snapshot, or nothing.
    ///
    /// `records` points to what has `fn next(*T) E!?[]const u8`; a record stays valid until the next call. An
    /// error of the iterator comes out of this call. `metadata` is a JSON object; the fields are those of
    /// lode_commit_options.
    pub fn streamWriteRecords(
        self: Dataset,
        records: anytype,
        metadata: [:0]const u8,
        fields: anytype,
        diagnostics: ?*Diagnostics,
    ) anyerror!Snapshot {
        var pull: Pull(@TypeOf(records)) = .{ .records = records };
        const iterator = pull.iterator();
        const commit = options(c.lode_commit_options, fields);
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        const status = c.lode_dataset_stream_write_records(self.handle, &iterator, metadata, &commit, &handle, &found);
        const succeeded = check(status, found, diagnostics) catch |failed| return pull.failed orelse failed;
        return .{ .handle = handle, .outcome = succeeded };
    }

    /// Begins a snapshot whose records will be pushed. The fields are those of lode_record_writer_options.
    pub fn openRecordWriter(self: Dataset, fields: anytype, diagnostics: ?*Diagnostics) Error!RecordWriter {
        const filled = options(c.lode_record_writer_options, fields);
        var handle: ?*c.lode_record_writer = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_dataset_open_record_writer(self.handle, &filled, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// The newest snapshot; `error.NoSnapshots` if there is none.
    pub fn latest(self: Dataset, diagnostics: ?*Diagnostics) Error!Snapshot {
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_dataset_find_latest(self.handle, null, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// The snapshot with an id; `error.SnapshotNotFound` if there is none.
    pub fn snapshot(self: Dataset, id: [:0]const u8, diagnostics: ?*Diagnostics) Error!Snapshot {
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_dataset_find_snapshot(self.handle, id, null, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// The snapshots after the one with an id, the oldest first; all of them for null.
    pub fn changes(self: Dataset, since: ?[:0]const u8, diagnostics: ?*Diagnostics) Error!Snapshots {
        var handle: ?*c.lode_snapshot_iterator = null;
        var found: ?*c.lode_error = null;
        const id: [*c]const u8 = if (since) |text| text.ptr else null;
        _ = try check(c.lode_dataset_list_changes(self.handle, id, null, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// The records of a snapshot. The fields are those of lode_read_options.
    pub fn read(self: Dataset, from: Snapshot, fields: anytype, diagnostics: ?*Diagnostics) Error!RecordReader {
        const filled = options(c.lode_read_options, fields);
        var handle: ?*c.lode_record_reader = null;
        var found: ?*c.lode_error = null;
        const status = c.lode_dataset_open_record_reader(self.handle, from.handle, &filled, &handle, &found);
        _ = try check(status, found, diagnostics);
        return .{ .handle = handle };
    }

    /// Pulls all records from an iterator, as streamWriteRecords does, and makes them durable as a part,
    /// which no snapshot has yet. The fields are those of lode_call_options.
    pub fn stageRecords(self: Dataset, records: anytype, fields: anytype, diagnostics: ?*Diagnostics) anyerror!Part {
        var pull: Pull(@TypeOf(records)) = .{ .records = records };
        const iterator = pull.iterator();
        const filled = options(c.lode_call_options, fields);
        var handle: ?*c.lode_part = null;
        var found: ?*c.lode_error = null;
        const status = c.lode_dataset_stage_records(self.handle, &iterator, &filled, &handle, &found);
        _ = check(status, found, diagnostics) catch |failed| return pull.failed orelse failed;
        return .{ .handle = handle };
    }
    /// A part that any process has staged, from its JSON.
    pub fn part(self: Dataset, json: [:0]const u8, diagnostics: ?*Diagnostics) Error!Part {
        var handle: ?*c.lode_part = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_dataset_part_from_json(self.handle, json, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
    }
    /// Commits parts as one snapshot, in the order given; no part is committed twice. The fields are those of
    /// lode_commit_options.
    pub fn commitParts(
        self: Dataset,
        parts: []const Part,
        metadata: [:0]const u8,
        fields: anytype,
        diagnostics: ?*Diagnostics,
    ) Error!Snapshot {
        comptime std.debug.assert(@sizeOf(Part) == @sizeOf(?*c.lode_part));
        const filled = options(c.lode_commit_options, fields);
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        // A part is its handle.
        const raw: [*c]const ?*const c.lode_part = @ptrCast(parts.ptr);
        const status = c.lode_dataset_commit_parts(self.handle, raw, parts.len, metadata, &filled, &handle, &found);
        return .{ .outcome = try check(status, found, diagnostics), .handle = handle };
    }

    /// Pulls all record batches from an Arrow stream, which is released on every path, and commits them as
    /// one snapshot. Feature "parquet". The fields are those of lode_commit_options.
    pub fn streamWriteArrow(
        self: Dataset,
        stream: *c.struct_ArrowArrayStream,
        metadata: [:0]const u8,
        fields: anytype,
        diagnostics: ?*Diagnostics,
    ) Error!Snapshot {
        const filled = options(c.lode_commit_options, fields);
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        const status = c.lode_dataset_stream_write_arrow(self.handle, stream, metadata, &filled, &handle, &found);
        return .{ .outcome = try check(status, found, diagnostics), .handle = handle };
    }
    /// The snapshot as an Arrow stream, which the caller releases. Feature "parquet". The fields are those of
    /// lode_read_options.
    pub fn readArrow(self: Dataset, from: Snapshot, fields: anytype, diagnostics: ?*Diagnostics) Error!c.struct_ArrowArrayStream {
        const filled = options(c.lode_read_options, fields);
        var stream = std.mem.zeroes(c.struct_ArrowArrayStream);
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_dataset_read_arrow(self.handle, from.handle, &filled, &stream, &found), found, diagnostics);
        return stream;
    }

    /// Checks the whole history: `level` is one of LODE_VERIFY_LEVEL_*; the fields are those of
    /// lode_call_options. `error.Corrupt` if anything is wrong. `listener`, a pointer to what has `fn
    /// finding(*T, Finding) bool`, is told of each; its answer of false ends the call with `error.Aborted`.
    /// `{}`: only the outcome is wanted.
    pub fn verify(self: Dataset, level: i32, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!void {
        return upkeep.verifyBy(c.lode_dataset_verify, self.handle, level, listener, fields, diagnostics);
    }
    /// Removes what dead writers left. `what` has the fields of lode_collect_options, `fields` those of
    /// lode_call_options. `listener`, a pointer to what has `fn removed(*T, Garbage) bool`, is told of each;
    /// its answer of false ends the call with `error.Aborted`. `{}`: only the counts are wanted.
    pub fn collect(self: Dataset, what: anytype, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!upkeep.Collected {
        return upkeep.collectBy(c.lode_dataset_collect, self.handle, what, listener, fields, diagnostics);
    }
};

/// What the library pulls from an iterator of Zig: a pointer to what has `fn next(*T) E!?[]const u8`.
fn Pull(comptime T: type) type {
    return struct {
        records: T,
        current: []const u8 = "",
        failed: ?anyerror = null,

        fn iterator(self: *@This()) c.lode_record_iterator {
            return options(c.lode_record_iterator, .{
                .ctx = @as(?*anyopaque, self),
                .next = &next,
                .record = &record,
                .err = &err,
            });
        }
        fn next(ctx: ?*anyopaque) callconv(.c) i32 {
            const pull: *@This() = @ptrCast(@alignCast(ctx.?));
            const given = pull.records.next() catch |failed| {
                pull.failed = failed;
                return -1;
            };
            pull.current = given orelse return 0;
            return 1;
        }
        fn record(ctx: ?*anyopaque, bytes: [*c]c.lode_bytes) callconv(.c) void {
            const pull: *@This() = @ptrCast(@alignCast(ctx.?));
            bytes[0] = .{ .data = pull.current.ptr, .len = pull.current.len };
        }
        fn err(ctx: ?*anyopaque) callconv(.c) [*c]const u8 {
            const pull: *@This() = @ptrCast(@alignCast(ctx.?));
            return if (pull.failed) |failed| @errorName(failed).ptr else null;
        }
    };
}
