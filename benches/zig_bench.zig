//! The same work by the Zig package, for comparison with C:
//!
//!   zig-bench append|pull INPUT ROOT
//!   zig-bench read ROOT
//!
//! All lines of INPUT into one snapshot, by RecordWriter.append or Dataset.streamWriteRecords, without
//! checksum and without fsync; or the records of the newest snapshot by RecordReader.next. Prints one JSON
//! object on a line. The time, in nanoseconds, leaves out reading INPUT.

const std = @import("std");
const lode = @import("lode");

const Lines = struct {
    left: []const u8,

    pub fn next(self: *Lines) error{}!?[]const u8 {
        if (self.left.len == 0) return null;
        const end = std.mem.indexOfScalar(u8, self.left, '\n') orelse self.left.len;
        defer self.left = self.left[@min(end + 1, self.left.len)..];
        return self.left[0..end];
    }
};

pub fn main(init: std.process.Init) !void {
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    errdefer std.debug.print("{s}\n", .{diagnostics.message()});
    const arguments = try init.minimal.args.toSlice(init.arena.allocator());
    const form = arguments[1];
    const reads = std.mem.eql(u8, form, "read");
    var data: []const u8 = "";
    if (!reads) data = try std.Io.Dir.cwd().readFileAlloc(init.io, arguments[2], init.arena.allocator(), .unlimited);

    const begun = std.Io.Timestamp.now(init.io, .awake);
    var store = try lode.Store.openFilesystem(arguments[if (reads) 2 else 3], &diagnostics);
    defer store.deinit();
    var dataset = try store.dataset("bench", .{
        .codec = lode.c.LODE_CODEC_JSONL,
        .checksum = lode.c.LODE_CHECKSUM_NONE,
        .durability = lode.c.LODE_DURABILITY_PROCESS,
    }, &diagnostics);
    defer dataset.deinit();
    var records: u64 = 0;
    var lines: Lines = .{ .left = data };
    if (reads) {
        var snapshot = try dataset.latest(&diagnostics);
        defer snapshot.deinit();
        var reader = try dataset.read(snapshot, .{}, &diagnostics);
        defer reader.deinit();
        while (try reader.next(&diagnostics)) |_| records += 1;
    } else if (std.mem.eql(u8, form, "pull")) {
        var snapshot = try dataset.streamWriteRecords(&lines, "{}", .{}, &diagnostics);
        defer snapshot.deinit();
        records = snapshot.rowCount();
    } else {
        var writer = try dataset.openRecordWriter(.{}, &diagnostics);
        defer writer.deinit();
        while (try lines.next()) |record| try writer.append(record, &diagnostics);
        var snapshot = try writer.commit("{}", .{}, &diagnostics);
        defer snapshot.deinit();
        records = snapshot.rowCount();
    }
    const took = begun.untilNow(init.io, .awake).nanoseconds;
    var buffer: [128]u8 = undefined;
    const line = try std.fmt.bufPrint(&buffer, "{{\"ns\":{d},\"records\":{d},\"bytes\":{d}}}\n", .{ took, records, data.len });
    try std.Io.File.stdout().writeStreamingAll(init.io, line);
}
