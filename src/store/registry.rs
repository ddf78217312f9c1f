//! Every kind of store, one line each.

use super::{Address, Descriptor, Store};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

/// All kinds, in the order people see them.
pub static STORES: &[&Descriptor] = &[];

/// The kind with that name or scheme.
pub fn find(name: &str) -> Option<&'static Descriptor> {
    STORES
        .iter()
        .copied()
        .find(|d| d.kind == name || d.schemes.contains(&name))
}

/// Opens the store at an address.
pub fn open(address: &Address) -> Result<Arc<dyn Store>> {
    let Some(descriptor) = find(address.kind()) else {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("there is no kind of store called {}", address.kind()),
        )
        .remedy("`memferry stores` lists the kinds."));
    };
    (descriptor.open)(address.clone())
}
