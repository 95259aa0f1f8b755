//! Stores in buckets, on servers that run here.
