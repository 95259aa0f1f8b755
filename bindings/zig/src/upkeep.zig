//! Verification and clean-up.

const c = @import("c");
const lode = @import("lode.zig");
const Error = lode.Error;
const Diagnostics = lode.Diagnostics;
const check = @import("call.zig").check;
const options = @import("call.zig").options;
const string = @import("call.zig").string;

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
pub fn Listener(comptime T: type) type {
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
pub fn verifyBy(function: anytype, handle: anytype, level: i32, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!void {
    const filled = options(c.lode_call_options, fields);
    const Told = Listener(@TypeOf(listener));
    var found: ?*c.lode_error = null;
    const tell = if (@TypeOf(listener) == void) null else &Told.finding;
    _ = try check(function(handle, level, tell, Told.context(listener), &filled, null, &found), found, diagnostics);
}

/// Cleans up by a function of lode.h. See Dataset.collect.
pub fn collectBy(function: anytype, handle: anytype, what: anytype, listener: anytype, fields: anytype, diagnostics: ?*Diagnostics) Error!Collected {
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
