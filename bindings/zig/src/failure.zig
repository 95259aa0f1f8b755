//! Errors, one for each status, and what the library says about a failure.

const std = @import("std");
const c = @import("c");
const string = @import("call.zig").string;

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
