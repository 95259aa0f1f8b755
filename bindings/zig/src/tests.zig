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
    const store = try lode.Store.openMemory(null);
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
    const dataset = try events();
    defer dataset.deinit();
    var lines: Lines = .{ .lines = &.{ "{\"n\":1}", "{\"n\":2}" } };
    const snapshot = try dataset.streamWriteRecords(&lines, "{\"by\":\"zig\"}", .{ .producer_id = "p", .sequence = 1 }, null);
    defer snapshot.deinit();
    try expectEqual(2, snapshot.rowCount());
    try expectEqual(null, snapshot.parentId());
    try expectEqualStrings("{\"by\":\"zig\"}", snapshot.metadata());
    try expectEqual(1, snapshot.fileCount());

    const reader = try dataset.read(snapshot, .{ .verify = c.LODE_VERIFY_FIRST }, null);
    defer reader.deinit();
    try expectEqualStrings("{\"n\":1}", (try reader.next(null)).?);
    try expectEqualStrings("{\"n\":2}", (try reader.next(null)).?);
    try expectEqual(null, try reader.next(null));

    var again: Lines = .{ .lines = &.{"{\"n\":3}"} };
    const same = try dataset.streamWriteRecords(&again, "{}", .{ .producer_id = "p", .sequence = 1 }, null);
    defer same.deinit();
    try expectEqual(c.LODE_ALREADY_COMMITTED, same.outcome);
    try expectEqualStrings(snapshot.id(), same.id());
}

test "an error of the iterator comes out, and nothing is committed" {
    const dataset = try events();
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
    const dataset = try events();
    defer dataset.deinit();
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    var lines: Lines = .{ .lines = &.{ "{\"n\":1}", "{\"n\":" } };
    try expectError(error.InvalidRecord, dataset.streamWriteRecords(&lines, "{}", .{}, &diagnostics));
    try expectEqual(1, diagnostics.record().?);
    try expectEqual(c.LODE_ACTION_GIVE_UP, diagnostics.action());

    var good: Lines = .{ .lines = &.{"{\"n\":1}"} };
    const head = try dataset.streamWriteRecords(&good, "{}", .{}, &diagnostics);
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
    const dataset = try events();
    defer dataset.deinit();
    const writer = try dataset.openRecordWriter(.{}, null);
    defer writer.deinit();
    try writer.append("{\"n\":1}", null);
    try expectError(error.InvalidRecord, writer.append("{", null));
    var consumed: usize = 0;
    try writer.appendLines("{\"n\":2}\n{\"n\":3}\n{\"n\"", &consumed, null);
    try expectEqual(16, consumed);
    try expectEqual(3, writer.recordCount().?);
    try expectError(error.Deadline, writer.commit("{}", .{ .deadline_ms = -1 }, null));
    const snapshot = try writer.commit("{}", .{}, null);
    defer snapshot.deinit();
    try expectError(error.State, writer.append("{}", null));

    const found = try dataset.snapshot(snapshot.id(), null);
    defer found.deinit();
    try expectEqual(3, found.rowCount());
    const changes = try dataset.changes(null, null);
    defer changes.deinit();
    const first = (try changes.next(null)).?;
    defer first.deinit();
    try expectEqualStrings(snapshot.id(), first.id());
    try expectEqual(null, try changes.next(null));
    try expectError(error.SnapshotNotFound, dataset.changes("no-such-snapshot", null));
}
