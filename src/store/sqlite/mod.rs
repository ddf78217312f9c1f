//! SQLite files as memorygraph writes them.
