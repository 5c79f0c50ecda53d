//! What kubectl prints.

mod age;
mod columns;
mod table;

pub use age::{age, seconds_of};
pub use columns::{Column, cells, columns};
pub use table::{Table, table};
