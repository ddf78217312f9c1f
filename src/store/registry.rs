//! Every kind of store, one line each.

use super::{
    Address, Descriptor, Store, archive, falkordb, falkordblite, json, markdown, reference, sqlite,
};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

/// All kinds, in the order people see them.
pub static STORES: &[&Descriptor] = &[
    &sqlite::DESCRIPTOR,
    &falkordblite::DESCRIPTOR,
    &falkordb::DESCRIPTOR,
    &archive::DESCRIPTOR,
    &json::DESCRIPTOR,
    &markdown::DESCRIPTOR,
];

/// The kind with that name or scheme. The reference store is found only by a process
/// that made a place of it, and is never listed.
pub fn find(name: &str) -> Option<&'static Descriptor> {
    let listed = STORES.iter().copied();
    listed
        .chain(reference::descriptor())
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
