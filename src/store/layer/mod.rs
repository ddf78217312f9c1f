//! Wrappers that any store can wear.
