//! What every call of the library needs.

const std = @import("std");
const c = @import("c");
const failures = @import("failure.zig");
const Error = failures.Error;
const Diagnostics = failures.Diagnostics;

/// A text of the library; null if there is none.
pub fn string(text: [*c]const u8) ?[:0]const u8 {
    return if (text == null) null else std.mem.span(text);
}

/// The status of a call that succeeded, or its error, told to the diagnostics.
pub fn check(status: c.lode_status, found: ?*c.lode_error, diagnostics: ?*Diagnostics) Error!c.lode_status {
    if (diagnostics) |told| {
        told.deinit();
        told.handle = found;
    } else c.lode_error_free(found);
    return if (status < 0) failures.failure(status) else status;
}

/// A C struct with the given fields, its size, and defaults.
pub fn options(comptime T: type, given: anytype) T {
    var filled: T = std.mem.zeroes(T);
    filled.struct_size = @sizeOf(T);
    inline for (comptime std.meta.fieldNames(@TypeOf(given))) |name| @field(filled, name) = @field(given, name);
    return filled;
}
