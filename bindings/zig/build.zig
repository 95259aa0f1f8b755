//! The module `lode`, over the installed C library, whose header is translated as it is built.
//!
//! A program that depends on this package adds `b.dependency("lode", .{ ... }).module("lode")` to its
//! imports.

const std = @import("std");

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const prefix = b.option([]const u8, "lode-prefix", "where liblode is installed (default: where pkg-config finds it)");
    const static = b.option(bool, "lode-static", "link liblode.a of lode-prefix into the program (default: no)") orelse false;

    const header = b.addTranslateC(.{
        .root_source_file = b.path("src/header.h"),
        .target = target,
        .optimize = optimize,
    });
    const c = header.createModule();
    const lode = b.addModule("lode", .{
        .root_source_file = b.path("src/lode.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
        .imports = &.{.{ .name = "c", .module = c }},
    });
    if (prefix) |place| {
        header.addIncludePath(.{ .cwd_relative = b.pathJoin(&.{ place, "include" }) });
        const lib: std.Build.LazyPath = .{ .cwd_relative = b.pathJoin(&.{ place, "lib" }) };
        lode.addLibraryPath(lib);
        if (static) {
            lode.addObjectFile(.{ .cwd_relative = b.pathJoin(&.{ place, "lib", "liblode.a" }) });
            // What liblode.a needs, as pkg-config --static lists it; Zig brings the C library's own parts.
            lode.linkSystemLibrary("zstd", .{});
            lode.linkSystemLibrary("gcc_s", .{});
        } else {
            lode.addRPath(lib);
            lode.linkSystemLibrary("lode", .{ .use_pkg_config = .no });
        }
    } else {
        header.linkSystemLibrary("lode", .{ .use_pkg_config = .force });
        lode.linkSystemLibrary("lode", .{ .use_pkg_config = .force });
    }

    const tests = b.addTest(.{ .root_module = b.createModule(.{
        .root_source_file = b.path("src/tests.zig"),
        .target = target,
        .optimize = optimize,
        .imports = &.{.{ .name = "lode", .module = lode }},
    }) });
    b.step("test", "Run the tests").dependOn(&b.addRunArtifact(tests).step);

    const example = b.addExecutable(.{ .name = "events", .root_module = b.createModule(.{
        .root_source_file = b.path("example/events.zig"),
        .target = target,
        .optimize = optimize,
        .imports = &.{.{ .name = "lode", .module = lode }},
    }) });
    b.step("example", "Build the example program, events").dependOn(&b.addInstallArtifact(example, .{}).step);
}
