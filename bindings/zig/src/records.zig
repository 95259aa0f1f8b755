//! Records pushed, and records read.

const c = @import("c");
const lode = @import("lode.zig");
const Error = lode.Error;
const Diagnostics = lode.Diagnostics;
const check = @import("call.zig").check;
const options = @import("call.zig").options;
const Part = lode.Part;
const Snapshot = lode.Snapshot;

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
    /// Adds records that lie anywhere; `taken` says how many, in a failure too: record number `taken` is the
    /// bad one.
    pub fn appendRecords(self: RecordWriter, records: []const []const u8, taken: *usize, diagnostics: ?*Diagnostics) Error!void {
        taken.* = 0;
        var places: [64]c.lode_bytes = undefined;
        while (taken.* < records.len) {
            const some = records[taken.*..@min(taken.* + places.len, records.len)];
            for (some, places[0..some.len]) |record, *place| place.* = .{ .data = record.ptr, .len = record.len };
            var found: ?*c.lode_error = null;
            var of_some: usize = 0;
            const status = c.lode_record_writer_append_records(self.handle, &places, null, some.len, &of_some, &found);
            taken.* += of_some;
            _ = try check(status, found, diagnostics);
        }
    }
    /// Makes the records durable as a part, which no snapshot has yet. The writer can then only be freed. The
    /// fields are those of lode_call_options.
    pub fn stage(self: RecordWriter, fields: anytype, diagnostics: ?*Diagnostics) Error!Part {
        const filled = options(c.lode_call_options, fields);
        var handle: ?*c.lode_part = null;
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_record_writer_stage(self.handle, &filled, &handle, &found), found, diagnostics);
        return .{ .handle = handle };
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
