//! JSON exports of memorygraph, 1.0 and 2.0.
