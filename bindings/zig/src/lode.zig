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

/// A failure of the library. `failure` maps a status to it; a header without a status never gives its error.
pub const Error = error{
    Unknown,
    Internal,
    InvalidArgument,
    State,
    NoMemory,
    Unsupported,
    Forked,
    Io,
    NoSpace,
    NotFound,
    PathExists,
    InvalidPath,
    Store,
    NoSnapshots,
    SnapshotNotFound,
    ManifestInvalid,
    Corrupt,
    DatasetsNotModeled,
    NilIterator,
    Iterator,
    IteratorContract,
    MetadataRequired,
    MetadataInvalid,
    MetadataReserved,
    CodecRequired,
    CodecNotStreamable,
    PartitioningNotSupported,
    InvalidRecord,
    RecordTooLarge,
    Conflict,
    CommitUnknown,
    Deadline,
    Cancelled,
    Aborted,
    Busy,
    NeedsRepair,
    SequenceTooOld,
    LayoutMismatch,
    UnorderableParent,
    StagedTooOld,
    PartCommitted,
    AccessDenied,
    ArrowType,
    InvalidFormat,
    SchemaInvalid,
    SchemaRequired,
    SchemaViolation,
    OverlappingBlocks,
    RangeMissing,
    VolumeLengthMismatch,
    VolumeTooFragmented,
};

/// The error for a status below 0. `error.Unknown` for one that this package does not know.
pub fn failure(status: c.lode_status) Error {
    @setEvalBranchQuota(100_000);
    inline for (comptime @typeInfo(Error).error_set.error_names.?) |name| {
        const constant = comptime constantOf(name);
        if (constant != null and status == constant.?) return @field(Error, name);
    }
    return error.Unknown;
}

/// LODE_ERR_NO_SPACE for "NoSpace"; null if the header does not have it.
fn constantOf(comptime name: []const u8) ?c.lode_status {
    comptime {
        var constant: []const u8 = "LODE_ERR";
        for (name) |letter| {
            if (letter >= 'A' and letter <= 'Z') constant = constant ++ "_";
            constant = constant ++ &[_]u8{if (letter >= 'a') letter - 32 else letter};
        }
        return if (@hasDecl(c, constant)) @field(c, constant) else null;
    }
}

/// What the library says about a failure. Its texts live until `deinit`, or the next call that is given it.
pub const Diagnostics = struct {
    handle: ?*c.lode_error = null,

    pub fn deinit(self: *Diagnostics) void {
        c.lode_error_free(self.handle);
        self.handle = null;
    }
    pub fn status(self: Diagnostics) c.lode_status {
        return c.lode_error_status(self.handle);
    }
    /// One of LODE_ACTION_*: what to do. A program that retries asks this, not the error.
    pub fn action(self: Diagnostics) i32 {
        return c.lode_error_action(self.handle);
    }
    pub fn message(self: Diagnostics) [:0]const u8 {
        return std.mem.span(c.lode_error_message(self.handle));
    }
    pub fn path(self: Diagnostics) ?[:0]const u8 {
        return string(c.lode_error_path(self.handle));
    }
    /// Of `error.CommitUnknown` the snapshot in doubt, of `error.Conflict` the head.
    pub fn snapshotId(self: Diagnostics) ?[:0]const u8 {
        return string(c.lode_error_snapshot_id(self.handle));
    }
    /// The number of the record that it is about, from 0.
    pub fn record(self: Diagnostics) ?u64 {
        const number = c.lode_error_record(self.handle);
        return if (number < 0) null else @intCast(number);
    }
    /// Where in the record or file the fault lies, in bytes from 0.
    pub fn offset(self: Diagnostics) ?u64 {
        const number = c.lode_error_offset(self.handle);
        return if (number < 0) null else @intCast(number);
    }
    /// The operating system's error number; 0: none.
    pub fn errno(self: Diagnostics) i32 {
        return c.lode_error_errno(self.handle);
    }
};

fn string(text: [*c]const u8) ?[:0]const u8 {
    return if (text == null) null else std.mem.span(text);
}

/// The status of a call that succeeded, or its error, told to the diagnostics.
fn check(status: c.lode_status, found: ?*c.lode_error, diagnostics: ?*Diagnostics) Error!c.lode_status {
    if (diagnostics) |told| {
        told.deinit();
        told.handle = found;
    } else c.lode_error_free(found);
    return if (status < 0) failure(status) else status;
}

/// A C struct with the given fields, its size, and defaults.
fn options(comptime T: type, given: anytype) T {
    var filled: T = std.mem.zeroes(T);
    filled.struct_size = @sizeOf(T);
    inline for (comptime std.meta.fieldNames(@TypeOf(given))) |name| @field(filled, name) = @field(given, name);
    return filled;
}

/// The version of the library that is running.
pub fn version() [:0]const u8 {
    return std.mem.span(c.lode_version());
}

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
        const Pull = struct {
            records: @TypeOf(records),
            current: []const u8 = "",
            failed: ?anyerror = null,

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
        var pull: Pull = .{ .records = records };
        const iterator = options(c.lode_record_iterator, .{
            .ctx = @as(?*anyopaque, &pull),
            .next = &Pull.next,
            .record = &Pull.record,
            .err = &Pull.err,
        });
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

    /// Checks the whole history: `level` is one of LODE_VERIFY_LEVEL_*; the fields are those of
    /// lode_call_options. `error.Corrupt` if anything is wrong. `listener`, a pointer to what has `fn
    /// finding(*T, Finding) bool`, is told of each; its answer of false ends the call with `error.Aborted`.
    /// `{}`: only the outcome is wanted.
    pub fn verify(self: Dataset, level: i32, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!void {
        return verifyBy(c.lode_dataset_verify, self.handle, level, listener, fields, diagnostics);
    }
    /// Removes what dead writers left. `what` has the fields of lode_collect_options, `fields` those of
    /// lode_call_options. `listener`, a pointer to what has `fn removed(*T, Garbage) bool`, is told of each;
    /// its answer of false ends the call with `error.Aborted`. `{}`: only the counts are wanted.
    pub fn collect(self: Dataset, what: anytype, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!Collected {
        return collectBy(c.lode_dataset_collect, self.handle, what, listener, fields, diagnostics);
    }
};

/// Takes records as they come, and commits them as one snapshot. One thread at a time.
pub const RecordWriter = struct {
    handle: ?*c.lode_record_writer,

    /// Discards what was not committed.
    pub fn deinit(self: *RecordWriter) void {
        c.lode_record_writer_free(self.handle);
        self.handle = null;
    }
    /// Adds one record. After `error.InvalidRecord`, `error.RecordTooLarge` and `error.NoSpace` the writer
    /// goes on.
    pub fn append(self: RecordWriter, record: []const u8, diagnostics: ?*Diagnostics) Error!void {
        var found: ?*c.lode_error = null;
        const status = c.lode_record_writer_append(self.handle, record.ptr, record.len, null, &found);
        _ = try check(status, found, diagnostics);
    }
    /// Adds the whole lines of a buffer; `consumed` says how many bytes, in a failure too. The rest is the
    /// beginning of the next buffer.
    pub fn appendLines(self: RecordWriter, lines: []const u8, consumed: *usize, diagnostics: ?*Diagnostics) Error!void {
        var found: ?*c.lode_error = null;
        const status = c.lode_record_writer_append_lines(self.handle, lines.ptr, lines.len, consumed, &found);
        _ = try check(status, found, diagnostics);
    }
    /// Adds the lines that a file descriptor gives until its end. The fields are those of lode_call_options.
    pub fn appendFromFd(self: RecordWriter, fd: i32, fields: anytype, diagnostics: ?*Diagnostics) Error!void {
        const filled = options(c.lode_call_options, fields);
        var found: ?*c.lode_error = null;
        const status = c.lode_record_writer_append_from_fd(self.handle, fd, &filled, &found);
        _ = try check(status, found, diagnostics);
    }
    /// Commits the records as one snapshot. If it fails they are kept, and the commit may be repeated.
    pub fn commit(self: RecordWriter, metadata: [:0]const u8, fields: anytype, diagnostics: ?*Diagnostics) Error!Snapshot {
        const filled = options(c.lode_commit_options, fields);
        var handle: ?*c.lode_snapshot = null;
        var found: ?*c.lode_error = null;
        const status = c.lode_record_writer_commit(self.handle, metadata, &filled, &handle, &found);
        return .{ .outcome = try check(status, found, diagnostics), .handle = handle };
    }
    pub fn recordCount(self: RecordWriter) ?u64 {
        const count = c.lode_record_writer_record_count(self.handle);
        return if (count < 0) null else @intCast(count);
    }
};

/// Streams the records of a snapshot. One thread at a time.
pub const RecordReader = struct {
    handle: ?*c.lode_record_reader,

    pub fn deinit(self: *RecordReader) void {
        c.lode_record_reader_free(self.handle);
        self.handle = null;
    }
    /// The next record, valid until the next call; null at the end, where all that was to be verified is.
    pub fn next(self: RecordReader, diagnostics: ?*Diagnostics) Error!?[]const u8 {
        var record: c.lode_bytes = undefined;
        var found: ?*c.lode_error = null;
        const status = try check(c.lode_record_reader_next(self.handle, &record, &found), found, diagnostics);
        return if (status != c.LODE_ITEM) null else if (record.len == 0) "" else record.data[0..record.len];
    }
    /// Writes the records that are left to a file descriptor, a line each.
    pub fn readToFd(self: RecordReader, fd: i32, diagnostics: ?*Diagnostics) Error!void {
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_record_reader_read_to_fd(self.handle, fd, &found), found, diagnostics);
    }
};

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
        return verifyBy(c.lode_volume_verify, self.handle, level, listener, fields, diagnostics);
    }
    /// As Dataset.collect.
    pub fn collect(self: Volume, what: anytype, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!Collected {
        return collectBy(c.lode_volume_collect, self.handle, what, listener, fields, diagnostics);
    }
};

/// What is wrong in a dataset or a volume. The texts live for the call.
pub const Finding = struct {
    /// One of LODE_FINDING_*.
    kind: i32,
    path: [:0]const u8,
    snapshot: ?[:0]const u8,
    message: [:0]const u8,
};

/// What a clean-up has removed, or would remove. The text lives for the call.
pub const Garbage = struct {
    /// One of LODE_GARBAGE_*.
    kind: i32,
    path: [:0]const u8,
    size: u64,
    age_seconds: i64,
};

/// How much a clean-up has removed.
pub const Collected = struct { objects: u64 = 0, bytes: u64 = 0 };

/// The callbacks of a listener: `{}`, or a pointer to what has `fn finding` or `fn removed`.
fn Listener(comptime T: type) type {
    return struct {
        fn context(listener: T) ?*anyopaque {
            return if (T == void) null else @ptrCast(listener);
        }
        fn finding(ctx: ?*anyopaque, kind: i32, path: [*c]const u8, snapshot: [*c]const u8, message: [*c]const u8) callconv(.c) i32 {
            const listener: T = @ptrCast(@alignCast(ctx.?));
            return if (listener.finding(.{
                .kind = kind,
                .path = string(path) orelse "",
                .snapshot = string(snapshot),
                .message = string(message) orelse "",
            })) 0 else 1;
        }
        fn removed(ctx: ?*anyopaque, kind: i32, path: [*c]const u8, size: u64, age_seconds: i64) callconv(.c) i32 {
            const listener: T = @ptrCast(@alignCast(ctx.?));
            return if (listener.removed(.{ .kind = kind, .path = string(path) orelse "", .size = size, .age_seconds = age_seconds })) 0 else 1;
        }
    };
}

/// Checks a whole history by a function of lode.h. See Dataset.verify.
fn verifyBy(function: anytype, handle: anytype, level: i32, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!void {
    const filled = options(c.lode_call_options, fields);
    const Told = Listener(@TypeOf(listener));
    var found: ?*c.lode_error = null;
    const tell = if (@TypeOf(listener) == void) null else &Told.finding;
    _ = try check(function(handle, level, tell, Told.context(listener), &filled, null, &found), found, diagnostics);
}

/// Cleans up by a function of lode.h. See Dataset.collect.
fn collectBy(function: anytype, handle: anytype, what: anytype, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!Collected {
    const filled = options(c.lode_call_options, fields);
    const wanted = options(c.lode_collect_options, what);
    const Told = Listener(@TypeOf(listener));
    var found: ?*c.lode_error = null;
    const tell = if (@TypeOf(listener) == void) null else &Told.removed;
    var sum: Collected = .{};
    const status = function(handle, &wanted, tell, Told.context(listener), &filled, &sum.objects, &sum.bytes, &found);
    _ = try check(status, found, diagnostics);
    return sum;
}
