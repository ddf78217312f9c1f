//! The memferry archive: portable file, backup and stage.
