//! Tests of the whole store, on files.
