//! JSON as Python's `json` module reads and writes it, which is what memorygraph
//! stores: `NaN`, `Infinity` and integers of any size are values, lone surrogates
//! are text, and `1` is not `1.0`. No crate reads all of that without loss.

mod plain;
mod portable;
mod read;
mod write;

pub use portable::{
    MAX_EXACT, MAX_PORTABLE_DEPTH, is_exact, is_one_line_object, is_portable_object,
};
pub use read::{MAX_DEPTH, Problem, Visit, parse, parse_object, visit};
pub use write::{Style, to_string, write_str, write_text, write_value};
