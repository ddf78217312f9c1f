//! A store in memory, with the worst manners the contract allows. For tests.
