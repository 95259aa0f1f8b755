//! Parts: data that is durable and not yet in a snapshot.

const c = @import("c");
const lode = @import("lode.zig");
const Error = lode.Error;
const Diagnostics = lode.Diagnostics;
const check = @import("call.zig").check;
const options = @import("call.zig").options;
const string = @import("call.zig").string;

/// Records that are durable and not yet in a snapshot. Threads may share it.
pub const Part = struct {
    handle: ?*c.lode_part,

    /// Frees the handle. The files stay in the store.
    pub fn deinit(self: *Part) void {
        c.lode_part_free(self.handle);
        self.handle = null;
    }
    /// The part as one line of JSON, for `Dataset.part` in any process.
    pub fn json(self: Part) [:0]const u8 {
        return string(c.lode_part_json(self.handle)) orelse "";
    }
    pub fn recordCount(self: Part) u64 {
        return @intCast(@max(c.lode_part_record_count(self.handle), 0));
    }
    /// How many bytes its files have as they are stored.
    pub fn size(self: Part) u64 {
        return @intCast(@max(c.lode_part_size(self.handle), 0));
    }
    /// Removes the files of a part that will not be committed. The fields are those of lode_call_options.
    pub fn discard(self: Part, fields: anytype, diagnostics: ?*Diagnostics) Error!void {
        const filled = options(c.lode_call_options, fields);
        var found: ?*c.lode_error = null;
        _ = try check(c.lode_part_discard(self.handle, &filled, &found), found, diagnostics);
    }
};
