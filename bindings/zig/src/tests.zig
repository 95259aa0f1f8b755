const std = @import("std");
const lode = @import("lode");
const c = lode.c;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;
const expectEqualStrings = std.testing.expectEqualStrings;

const Lines = struct {
    lines: []const []const u8,
    fails: ?anyerror = null,

    pub fn next(self: *Lines) anyerror!?[]const u8 {
        if (self.lines.len == 0) return if (self.fails) |failed| failed else null;
        defer self.lines = self.lines[1..];
        return self.lines[0];
    }
};

fn events() !lode.Dataset {
    var store = try lode.Store.openMemory(null);
    defer store.deinit();
    return store.dataset("events", .{ .codec = c.LODE_CODEC_JSONL }, null);
}

test "each failure of the header has an error" {
    @setEvalBranchQuota(100_000);
    inline for (comptime std.meta.declarations(c)) |name| {
        if (comptime std.mem.startsWith(u8, name, "LODE_ERR_")) {
            const status = @field(c, name);
            if (status != c.LODE_ERR_UNKNOWN) try expect(lode.failure(status) != error.Unknown);
        }
    }
    try expectEqual(error.Conflict, lode.failure(c.LODE_ERR_CONFLICT));
    try expectEqual(error.Unknown, lode.failure(-4711));
}

test "records of an iterator become a snapshot and come back" {
    var dataset = try events();
    defer dataset.deinit();
    var lines: Lines = .{ .lines = &.{ "{\"n\":1}", "{\"n\":2}" } };
    var snapshot = try dataset.streamWriteRecords(&lines, "{\"by\":\"zig\"}", .{ .producer_id = "p", .sequence = 1 }, null);
    defer snapshot.deinit();
    try expectEqual(2, snapshot.rowCount());
    try expectEqual(null, snapshot.parentId());
    try expectEqualStrings("{\"by\":\"zig\"}", snapshot.metadata());
    try expectEqual(1, snapshot.fileCount());

    var reader = try dataset.read(snapshot, .{ .verify = c.LODE_VERIFY_FIRST }, null);
    defer reader.deinit();
    try expectEqualStrings("{\"n\":1}", (try reader.next(null)).?);
    try expectEqualStrings("{\"n\":2}", (try reader.next(null)).?);
    try expectEqual(null, try reader.next(null));

    var again: Lines = .{ .lines = &.{"{\"n\":3}"} };
    var same = try dataset.streamWriteRecords(&again, "{}", .{ .producer_id = "p", .sequence = 1 }, null);
    defer same.deinit();
    try expectEqual(c.LODE_ALREADY_COMMITTED, same.outcome);
    try expectEqualStrings(snapshot.id(), same.id());
}

test "an error of the iterator comes out, and nothing is committed" {
    var dataset = try events();
    defer dataset.deinit();
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    var lines: Lines = .{ .lines = &.{"{\"n\":1}"}, .fails = error.SourceGone };
    try expectError(error.SourceGone, dataset.streamWriteRecords(&lines, "{}", .{}, &diagnostics));
    try expectEqual(c.LODE_ERR_ITERATOR, diagnostics.status());
    try expect(std.mem.indexOf(u8, diagnostics.message(), "SourceGone") != null);
    try expectError(error.NoSnapshots, dataset.latest(&diagnostics));
}

test "a failure keeps its facts" {
    var dataset = try events();
    defer dataset.deinit();
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    var lines: Lines = .{ .lines = &.{ "{\"n\":1}", "{\"n\":" } };
    try expectError(error.InvalidRecord, dataset.streamWriteRecords(&lines, "{}", .{}, &diagnostics));
    try expectEqual(1, diagnostics.record().?);
    try expectEqual(c.LODE_ACTION_GIVE_UP, diagnostics.action());

    var good: Lines = .{ .lines = &.{"{\"n\":1}"} };
    var head = try dataset.streamWriteRecords(&good, "{}", .{}, &diagnostics);
    defer head.deinit();
    try expectEqual(c.LODE_OK, diagnostics.status());
    try expectError(error.Conflict, dataset.streamWriteRecords(&good, "{}", .{ .expected_parent = "" }, &diagnostics));
    try expectEqualStrings(head.id(), diagnostics.snapshotId().?);
    try expectError(error.MetadataInvalid, dataset.streamWriteRecords(&good, "[]", .{}, null));
    try expectError(error.NotFound, lode.Store.openFilesystem("/no/such/directory", &diagnostics));
    try expectEqualStrings("/no/such/directory", diagnostics.path().?);
    try expect(diagnostics.errno() != 0);
}

test "pushed records and lines become a snapshot, and changes list it" {
    var dataset = try events();
    defer dataset.deinit();
    var writer = try dataset.openRecordWriter(.{}, null);
    defer writer.deinit();
    try writer.append("{\"n\":1}", null);
    try expectError(error.InvalidRecord, writer.append("{", null));
    var consumed: usize = 0;
    try writer.appendLines("{\"n\":2}\n{\"n\":3}\n{\"n\"", &consumed, null);
    try expectEqual(16, consumed);
    try expectEqual(3, writer.recordCount().?);
    try expectError(error.Deadline, writer.commit("{}", .{ .deadline_ms = -1 }, null));
    var snapshot = try writer.commit("{}", .{}, null);
    defer snapshot.deinit();
    try expectError(error.State, writer.append("{}", null));

    var found = try dataset.snapshot(snapshot.id(), null);
    defer found.deinit();
    try expectEqual(3, found.rowCount());
    var changes = try dataset.changes(null, null);
    defer changes.deinit();
    var first = (try changes.next(null)).?;
    defer first.deinit();
    try expectEqualStrings(snapshot.id(), first.id());
    try expectEqual(null, try changes.next(null));
    try expectError(error.SnapshotNotFound, dataset.changes("no-such-snapshot", null));
}

const Log = struct {
    count: usize = 0,
    size: u64 = 0,
    go_on: bool = true,

    pub fn finding(self: *Log, found: lode.Finding) bool {
        self.count += @intFromBool(found.kind == c.LODE_FINDING_FILE_CHECKSUM and found.snapshot != null and found.message.len > 0);
        return self.go_on;
    }
    pub fn removed(self: *Log, garbage: lode.Garbage) bool {
        self.count += 1;
        self.size += garbage.size;
        return self.go_on;
    }
};

test "a volume is filled block by block" {
    var store = try lode.Store.openMemory(null);
    defer store.deinit();
    var volume = try store.volume("disk", .{ .total_length = 100 }, null);
    defer volume.deinit();
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    try expectError(error.NoSnapshots, volume.latest(null));
    var first = try volume.stageWriteAt(0, "aaaaa", .{}, null);
    defer first.deinit();
    var staged = try volume.stageWriteAt(5, "bbbbb", .{}, null);
    defer staged.deinit();
    var second = try volume.block(staged.json(), null);
    defer second.deinit();
    try expectEqual(5, second.offset());
    try expectEqual(5, second.length());
    var snapshot = try volume.commit(&.{ first, second }, "{}", .{}, null);
    defer snapshot.deinit();
    var buffer: [10]u8 = undefined;
    try volume.readAt(snapshot, 0, &buffer, .{}, null);
    try expectEqualStrings("aaaaabbbbb", &buffer);
    try expectError(error.RangeMissing, volume.readAt(snapshot, 5, &buffer, .{}, &diagnostics));
    try expectEqual(10, diagnostics.offset().?);
    var log: Log = .{};
    try volume.verify(c.LODE_VERIFY_LEVEL_RECORDS, &log, .{}, null);
    try expectEqual(0, log.count);
    try expectError(error.Unsupported, volume.collect(.{}, {}, .{}, null));
    var again = try volume.commit(&.{second}, "{}", .{}, null);
    defer again.deinit();
    try expectEqual(c.LODE_ALREADY_COMMITTED, again.outcome);
    var across = try volume.stageWriteAt(3, "xxxxx", .{}, null);
    defer across.deinit();
    try expectError(error.OverlappingBlocks, volume.commit(&.{across}, "{}", .{}, null));
    try expectError(error.InvalidArgument, volume.commit(&.{}, "{}", .{}, null));
}

test "damage and garbage are told" {
    var directory = std.testing.tmpDir(.{});
    defer directory.cleanup();
    var buffer: [std.Io.Dir.max_path_bytes]u8 = undefined;
    const length = try directory.dir.realPathFile(std.testing.io, ".", &buffer);
    buffer[length] = 0;
    var store = try lode.Store.openFilesystem(buffer[0..length :0], null);
    defer store.deinit();
    var dataset = try store.dataset("events", .{ .codec = c.LODE_CODEC_JSONL }, null);
    defer dataset.deinit();
    var lines: Lines = .{ .lines = &.{"1"} };
    var snapshot = try dataset.streamWriteRecords(&lines, "{}", .{}, null);
    defer snapshot.deinit();
    try dataset.verify(c.LODE_VERIFY_LEVEL_RECORDS, {}, .{}, null);
    const path = std.mem.span(c.lode_snapshot_file_path(snapshot.handle, 0));
    try directory.dir.writeFile(std.testing.io, .{ .sub_path = path, .data = "2\n" });
    var log: Log = .{};
    try expectError(error.Corrupt, dataset.verify(c.LODE_VERIFY_LEVEL_RECORDS, &log, .{}, null));
    try expectEqual(1, log.count);
    log.go_on = false;
    try expectError(error.Aborted, dataset.verify(c.LODE_VERIFY_LEVEL_RECORDS, &log, .{}, null));
    log = .{};
    const sum = try dataset.collect(.{ .dry_run = 1 }, &log, .{}, null);
    try expectEqual(sum.objects, log.count);
    try expectEqual(sum.bytes, log.size);
    try expectError(error.InvalidArgument, dataset.collect(.{ .min_age_seconds = 1 }, {}, .{}, null));
}

test "records that lie anywhere are appended, up to the bad one" {
    var dataset = try events();
    defer dataset.deinit();
    var writer = try dataset.openRecordWriter(.{}, null);
    defer writer.deinit();
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    var taken: usize = 9;
    var records: [100][]const u8 = @splat("1");
    records[70] = "bad";
    try expectError(error.InvalidRecord, writer.appendRecords(&records, &taken, &diagnostics));
    try expectEqual(70, taken);
    try expectEqual(70, diagnostics.record().?);
    try writer.appendRecords(records[71..], &taken, null);
    try expectEqual(29, taken);
    var snapshot = try writer.commit("{}", .{}, null);
    defer snapshot.deinit();
    try expectEqual(99, snapshot.rowCount());
}

test "parts are staged, sent as JSON, and committed once, all together" {
    var dataset = try events();
    defer dataset.deinit();
    var lines: Lines = .{ .lines = &.{ "{\"n\":1}", "{\"n\":2}" } };
    var pulled = try dataset.stageRecords(&lines, .{}, null);
    defer pulled.deinit();
    var writer = try dataset.openRecordWriter(.{}, null);
    defer writer.deinit();
    try writer.append("{\"n\":3}", null);
    var pushed = try writer.stage(.{}, null);
    defer pushed.deinit();
    try expectError(error.State, writer.append("4", null));
    try expectError(error.NoSnapshots, dataset.latest(null));
    try expectEqual(2, pulled.recordCount());
    try expect(pulled.size() >= 2 * "{\"n\":1}".len);

    var sent = try dataset.part(pushed.json(), null);
    defer sent.deinit();
    var snapshot = try dataset.commitParts(&.{ sent, pulled }, "{\"parts\":2}", .{ .expected_parent = "" }, null);
    defer snapshot.deinit();
    var reader = try dataset.read(snapshot, .{}, null);
    defer reader.deinit();
    for ([_][]const u8{ "{\"n\":3}", "{\"n\":1}", "{\"n\":2}" }) |expected| {
        try expectEqualStrings(expected, (try reader.next(null)).?);
    }
    try expectEqual(null, try reader.next(null));
    try expectError(error.PartCommitted, dataset.commitParts(&.{pulled}, "{}", .{}, null));

    var failing: Lines = .{ .lines = &.{"1"}, .fails = error.SourceGone };
    try expectError(error.SourceGone, dataset.stageRecords(&failing, .{}, null));
    var rest: Lines = .{ .lines = &.{"5"} };
    var unwanted = try dataset.stageRecords(&rest, .{}, null);
    try unwanted.discard(.{}, null);
    unwanted.deinit();
    try expectEqualStrings("", unwanted.json());
    try expectError(error.InvalidArgument, unwanted.discard(.{}, null));
}

test "Arrow streams go in and come out, or the feature is named" {
    var store = try lode.Store.openMemory(null);
    defer store.deinit();
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    const schema = "{\"fields\":[{\"name\":\"n\",\"type\":\"int64\"}]}";
    if (c.lode_has_feature("parquet") == 0) {
        var dataset = try events();
        defer dataset.deinit();
        var lines: Lines = .{ .lines = &.{"{\"n\":1}"} };
        var snapshot = try dataset.streamWriteRecords(&lines, "{}", .{}, null);
        defer snapshot.deinit();
        try expectError(error.Unsupported, dataset.readArrow(snapshot, .{}, &diagnostics));
        try expect(std.mem.indexOf(u8, diagnostics.message(), "parquet") != null);
        return;
    }
    var dataset = try store.dataset("columns", .{ .codec = c.LODE_CODEC_PARQUET, .schema_json = schema }, null);
    defer dataset.deinit();
    var lines: Lines = .{ .lines = &.{ "{\"n\":1}", "{\"n\":2}" } };
    var first = try dataset.streamWriteRecords(&lines, "{}", .{}, null);
    defer first.deinit();
    var stream = try dataset.readArrow(first, .{}, null);
    var second = try dataset.streamWriteArrow(&stream, "{}", .{}, null);
    defer second.deinit();
    try expectEqual(null, stream.release);
    try expectEqual(2, second.rowCount());
}

test "a handle that was freed is refused" {
    var store = try lode.Store.openMemory(null);
    var dataset = try store.dataset("events", .{ .codec = c.LODE_CODEC_JSONL }, null);
    var lines: Lines = .{ .lines = &.{"1"} };
    var snapshot = try dataset.streamWriteRecords(&lines, "{}", .{}, null);
    var writer = try dataset.openRecordWriter(.{}, null);
    var reader = try dataset.read(snapshot, .{}, null);
    var changes = try dataset.changes(null, null);
    inline for (.{ &store, &snapshot, &writer, &reader, &changes }) |handle| {
        handle.deinit();
        handle.deinit();
    }
    try expectError(error.InvalidArgument, store.dataset("events", .{}, null));
    try expectError(error.InvalidArgument, dataset.read(snapshot, .{}, null));
    try expectError(error.InvalidArgument, writer.append("1", null));
    try expectError(error.InvalidArgument, reader.next(null));
    try expectError(error.InvalidArgument, changes.next(null));
    try expectEqualStrings("", snapshot.id());
    try expectEqual(0, snapshot.rowCount());
    try expectEqual(null, writer.recordCount());
    dataset.deinit();
    try expectError(error.InvalidArgument, dataset.latest(null));
}

test "a writer that another thread uses is refused" {
    var dataset = try events();
    defer dataset.deinit();
    const Other = struct {
        writer: lode.RecordWriter,
        failed: ?lode.Error = null,

        fn append(self: *@This()) void {
            self.writer.append("2", null) catch |failed| {
                self.failed = failed;
            };
        }
        fn progress(ctx: ?*anyopaque, _: i64, _: i64, _: i64) callconv(.c) i32 {
            const self: *@This() = @ptrCast(@alignCast(ctx.?));
            const thread = std.Thread.spawn(.{}, append, .{self}) catch return 1;
            thread.join();
            return 0;
        }
    };
    var writer = try dataset.openRecordWriter(.{}, null);
    defer writer.deinit();
    try writer.append("1", null);
    var other: Other = .{ .writer = writer };
    var snapshot = try writer.commit("{}", .{ .progress = &Other.progress, .progress_ctx = @as(?*anyopaque, &other) }, null);
    defer snapshot.deinit();
    try expectEqual(error.State, other.failed.?);
    try expectEqual(1, snapshot.rowCount());
}

test "garbage of a callback is refused" {
    var callbacks = std.mem.zeroes(c.lode_store_callbacks);
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    try expectError(error.InvalidArgument, lode.Store.openCallbacks(&callbacks, &diagnostics)); // no size
    callbacks.struct_size = @sizeOf(c.lode_store_callbacks);
    const Lies = struct {
        fn stat(_: ?*anyopaque, _: [*c]const u8, size: [*c]u64, _: ?*c.lode_callback_error) callconv(.c) i32 {
            size.* = 5;
            return 0;
        }
        fn read(_: ?*anyopaque, _: [*c]const u8, _: u64, _: [*c]u8, capacity: usize, _: ?*c.lode_callback_error) callconv(.c) i64 {
            return @intCast(capacity + 1);
        }
    };
    callbacks.stat = &Lies.stat;
    callbacks.read = &Lies.read;
    var store = try lode.Store.openCallbacks(&callbacks, &diagnostics);
    defer store.deinit();
    var lied = try store.dataset("events", .{}, null);
    defer lied.deinit();
    try expectError(error.Store, lied.latest(&diagnostics));
    try expect(diagnostics.message().len > 0);
    var dataset = try events();
    defer dataset.deinit();
    for ([_][]const u8{ "", "\xff", "{\"n\":1}{}", "\x00" }) |garbage| {
        var lines: Lines = .{ .lines = &.{ "1", garbage } };
        try expectError(error.InvalidRecord, dataset.streamWriteRecords(&lines, "{}", .{}, &diagnostics));
        try expectEqual(1, diagnostics.record().?);
    }
    try expectError(error.NoSnapshots, dataset.latest(null));
}
