//! consumer write ROOT DATASET, which commits the lines of standard input; consumer read ROOT DATASET, which
//! prints the records of the newest snapshot.

const std = @import("std");
const lode = @import("lode");

pub fn main(init: std.process.Init) !void {
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    errdefer std.debug.print("{s}\n", .{diagnostics.message()});
    const arguments = try init.minimal.args.toSlice(init.arena.allocator());

    var store = try lode.Store.openFilesystem(arguments[2], &diagnostics);
    defer store.deinit();
    var dataset = try store.dataset(arguments[3], .{ .codec = lode.c.LODE_CODEC_JSONL }, &diagnostics);
    defer dataset.deinit();
    if (std.mem.eql(u8, arguments[1], "write")) {
        var writer = try dataset.openRecordWriter(.{}, &diagnostics);
        defer writer.deinit();
        try writer.appendFromFd(0, .{}, &diagnostics);
        var snapshot = try writer.commit("{}", .{}, &diagnostics);
        snapshot.deinit();
    } else {
        var snapshot = try dataset.latest(&diagnostics);
        defer snapshot.deinit();
        var reader = try dataset.read(snapshot, .{}, &diagnostics);
        defer reader.deinit();
        try reader.readToFd(1, &diagnostics);
    }
}
