//! Markdown export, one file a memory.
