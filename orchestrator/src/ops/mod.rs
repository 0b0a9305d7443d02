//! The operation engine: time, order, retry. It carries out plans on targets and keeps the durable record of them.
//!
//! It must never decide what is wanted, and never set an operation's state but by `OperationState::on`.

pub mod model;

pub use model::OperationDoc;
