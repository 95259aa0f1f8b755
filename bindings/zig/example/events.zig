//! Commits the numbers 1 to 3 as records of the dataset "zig" in the store below the working directory, and
//! reads them back.

const std = @import("std");
const lode = @import("lode");

const Numbers = struct {
    number: u32 = 0,
    buffer: [32]u8 = undefined,

    pub fn next(self: *Numbers) !?[]const u8 {
        self.number += 1;
        return if (self.number > 3) null else try std.fmt.bufPrint(&self.buffer, "{{\"n\":{d}}}", .{self.number});
    }
};

pub fn main() !void {
    var diagnostics: lode.Diagnostics = .{};
    defer diagnostics.deinit();
    errdefer std.debug.print("{s}\n", .{diagnostics.message()});

    var store = try lode.Store.openFilesystem(".", &diagnostics);
    defer store.deinit();
    var dataset = try store.dataset("zig", .{ .codec = lode.c.LODE_CODEC_JSONL }, &diagnostics);
    defer dataset.deinit();
    var numbers: Numbers = .{};
    var snapshot = try dataset.streamWriteRecords(&numbers, "{}", .{}, &diagnostics);
    defer snapshot.deinit();

    var reader = try dataset.read(snapshot, .{}, &diagnostics);
    defer reader.deinit();
    while (try reader.next(&diagnostics)) |record| std.debug.print("{s}\n", .{record});
}
