//! Parts that screens are made of. Each draws itself with a [`super::pen::Pen`]; none
//! knows the application.

pub mod bars;
pub mod form;
pub mod list;
pub mod stepper;
