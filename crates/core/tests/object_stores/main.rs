//! Stores in buckets, on servers that the scripts in `tests/servers/` build and that run here: MinIO for S3,
//! Azurite for Azure, and small servers of these tests for Google Cloud Storage and for servers that
//! misbehave.

mod azure;
mod cleanup;
mod commits;
mod gcs;
mod go_library;
mod guest;
mod hostile;
mod large;
mod lossy;
mod messages;
mod mini_http;
mod races;
mod reading;
mod requests;
mod rules;
mod servers;
mod tap;
